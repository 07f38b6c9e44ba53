//! Everything that reaches a person or a program: stdout is data, stderr is progress and warnings. Text that came out
//! of a repository is cleaned of control characters before it reaches a terminal, in this module and nowhere else.

mod json;
mod page;
pub(crate) mod progress;
mod table;

use std::{io::Write, path::Path};

use jiff::Timestamp;
use muster_app::services::attention::FolderText;

pub(crate) use json::{json, jsonl};
pub(crate) use page::{Page, Section};
pub(crate) use table::{Align, Cell, Column, Table};

/// What a colour stands for. The word always says it as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Info,
    Warn,
    Bad,
    Quiet,
}

impl Tone {
    pub(crate) fn style(self) -> anstyle::Style {
        use anstyle::AnsiColor;
        let color = match self {
            Self::Good => AnsiColor::Green,
            Self::Info => AnsiColor::Cyan,
            Self::Warn => AnsiColor::Yellow,
            Self::Bad => AnsiColor::Red,
            Self::Quiet => return anstyle::Style::new().dimmed(),
        };
        color.on_default()
    }
}

/// The terminal that stdout is, if it is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// The size of the terminal on stdout; `None` when the output goes elsewhere.
pub(crate) fn screen() -> Option<Screen> {
    let stdout = std::io::stdout();
    if !rustix::termios::isatty(&stdout) {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok();
    let (rows, columns) = size.map_or((0, 0), |size| (usize::from(size.ws_row), usize::from(size.ws_col)));
    // Some terminals say 0 for "I do not know".
    Some(Screen { rows: if rows == 0 { 24 } else { rows }, columns: if columns == 0 { 80 } else { columns } })
}

/// Prints one line of data.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(anstream::stdout(), "{}", clean(text))?)
}

/// Says something that is no data: to stderr.
pub(crate) fn note(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(anstream::stderr(), "{}", clean(text))?)
}

/// Wipes the screen before it is drawn anew.
pub(crate) fn clear_screen() -> anyhow::Result<()> {
    if screen().is_some() {
        write!(std::io::stdout(), "\x1b[H\x1b[2J\x1b[3J")?;
    }
    Ok(())
}

/// A cell with cleaned text.
pub(crate) fn cell(text: &str) -> Cell {
    Cell::new(clean(text))
}

/// Control characters become visible: a commit subject must not move the cursor or change the title of the window.
/// Characters that change the direction of text go the same way.
pub(crate) fn clean(text: &str) -> String {
    if text.contains(is_hostile) { text.replace(is_hostile, "\u{fffd}") } else { text.to_owned() }
}

/// A character that does something to a terminal instead of standing there.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How long ago, in the largest unit that fits: `now`, `5 min`, `3 h`, `2 d`, `4 mo`, `1 y`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const MONTH: i64 = 30 * DAY;
    const YEAR: i64 = 365 * DAY;
    match now.as_second() - at.as_second() {
        ..MINUTE => "now".to_owned(),
        seconds @ MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h", seconds / HOUR),
        seconds @ DAY..MONTH => format!("{} d", seconds / DAY),
        seconds @ MONTH..YEAR => format!("{} mo", seconds / MONTH),
        seconds => format!("{} y", seconds / YEAR),
    }
}

/// How long ago as a phrase.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match age(at, now).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// A path as short as it works here: relative to the current folder, or below the home folder.
pub(crate) fn folder_text(path: &Path) -> FolderText {
    if let Some(below) =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned))
    {
        let below = below.to_string_lossy().into_owned();
        return if below.is_empty() { FolderText::Here } else { FolderText::Path(below) };
    }
    let home = etcetera::home_dir().ok().filter(|home| home.as_os_str().len() > 1);
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(rest) if !rest.as_os_str().is_empty() => FolderText::Home(rest.to_string_lossy().into_owned()),
        _ => FolderText::Path(path.to_string_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests;
