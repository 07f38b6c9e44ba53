//! One table, four shapes: fitted to a terminal, tab-separated for a pipe, Markdown, CSV. A terminal that is too narrow
//! loses columns by their priority first, then the widest ones are cut with an ellipsis; a pipe never loses anything.

use std::io::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Tone;
use crate::args::Format;

/// Spaces between columns.
const GAP: usize = 2;

/// To which side a column leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A column and how it gives way.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
    /// Narrowest width; `None` if it is never cut.
    least: Option<usize>,
    /// Cut only when cutting the others is not enough.
    is_cut_last: bool,
    /// When the table is too wide, lower numbers leave first; `None` stays.
    priority: Option<u8>,
}

impl Column {
    pub(crate) fn new(title: &'static str, align: Align) -> Self {
        Self { title, align, least: None, is_cut_last: false, priority: None }
    }

    /// May be cut to this width.
    pub(crate) fn shrinks_to(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    /// Cut only when cutting the others is not enough: half a command is none.
    pub(crate) fn cut_last(self) -> Self {
        Self { is_cut_last: true, ..self }
    }

    /// May be left out; lower numbers first.
    pub(crate) fn drops(self, priority: u8) -> Self {
        Self { priority: Some(priority), ..self }
    }
}

/// Text with its looks.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    /// Shown instead when the text does not fit: half a command could do something else.
    instead: Option<String>,
    style: anstyle::Style,
}

impl Cell {
    pub(crate) fn new(text: String) -> Self {
        Self { text, instead: None, style: anstyle::Style::new() }
    }

    pub(crate) fn bold(self) -> Self {
        Self { style: self.style.bold(), ..self }
    }

    pub(crate) fn or_else(self, instead: String) -> Self {
        Self { instead: Some(instead), ..self }
    }

    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { style: tone.style(), ..self }
    }
}

/// Columns and rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints to stdout.
    pub(crate) fn print(&self, format: Format) -> anyhow::Result<()> {
        let text = match format {
            Format::Csv => self.csv()?,
            Format::Md => self.markdown(),
            _ => self.plain(super::screen().map(|screen| screen.columns)),
        };
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// For a terminal of `width` columns, or whole and tab-separated without one.
    pub(crate) fn plain(&self, width: Option<usize>) -> String {
        let Some(width) = width else { return self.tab_separated() };
        let widths = self.fit(width);
        let mut out = String::new();
        let titles: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell {
                text: column.title.to_owned(),
                instead: None,
                style: anstyle::Style::new().dimmed(),
            })
            .collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let line: Vec<_> = row
                .iter()
                .zip(&self.columns)
                .zip(&widths)
                .filter_map(|((cell, column), width)| width.map(|width| padded(cell, column.align, width)))
                .collect();
            out.push_str(line.join(&" ".repeat(GAP)).trim_end());
            out.push('\n');
        }
        out
    }

    fn tab_separated(&self) -> String {
        let titles: Vec<_> = self.columns.iter().map(|column| column.title).collect();
        let mut out = titles.join("\t") + "\n";
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|cell| cell.text.as_str()).collect();
            out.push_str(&cells.join("\t"));
            out.push('\n');
        }
        out
    }

    pub(crate) fn markdown(&self) -> String {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', " ");
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut out = line(self.columns.iter().map(|column| column.title.to_owned()).collect());
        let rule = |column: &Column| if column.align == Align::Right { "---:" } else { "---" }.to_owned();
        out.push_str(&line(self.columns.iter().map(rule).collect()));
        for row in &self.rows {
            out.push_str(&line(row.iter().map(|cell| escaped(&cell.text)).collect()));
        }
        out
    }

    pub(crate) fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| column.title))?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| cell.text.as_str()))?;
        }
        Ok(String::from_utf8(writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?)?)
    }

    /// The width of each column, `None` for those left out.
    fn fit(&self, width: usize) -> Vec<Option<usize>> {
        let natural = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width());
            cells.max().unwrap_or(0).max(self.columns[at].title.width())
        };
        let mut widths: Vec<Option<usize>> = (0..self.columns.len()).map(|at| Some(natural(at))).collect();
        let least =
            |at: usize, natural: usize| self.columns[at].least.map_or(natural, |least| least.min(natural));
        let total = |widths: &[Option<usize>]| {
            let shown: Vec<_> = widths.iter().flatten().collect();
            shown.iter().copied().sum::<usize>() + GAP * shown.len().saturating_sub(1)
        };
        // Leave out columns until the rest fits when cut as far as it may be.
        loop {
            let narrowest: Vec<_> =
                widths.iter().enumerate().map(|(at, width)| width.map(|width| least(at, width))).collect();
            if total(&narrowest) <= width {
                break;
            }
            let droppable =
                (0..widths.len()).filter(|&at| widths[at].is_some() && self.columns[at].priority.is_some());
            match droppable.min_by_key(|&at| self.columns[at].priority) {
                Some(at) => widths[at] = None,
                None => break,
            }
        }
        // Then cut the widest, one character at a time, so that all suffer alike.
        for may_cut_last in [false, true] {
            while total(&widths) > width {
                let widest = (0..widths.len())
                    .filter(|&at| may_cut_last || !self.columns[at].is_cut_last)
                    .filter_map(|at| widths[at].map(|width| (width, at)))
                    .filter(|&(width, at)| self.columns[at].least.is_some_and(|least| width > least))
                    .max();
                match widest {
                    Some((width, at)) => widths[at] = Some(width - 1),
                    None => break,
                }
            }
        }
        widths
    }
}

fn padded(cell: &Cell, align: Align, width: usize) -> String {
    let text = match &cell.instead {
        Some(instead) if cell.text.width() > width => cut(instead, width),
        _ => cut(&cell.text, width),
    };
    let padding = " ".repeat(width.saturating_sub(text.width()));
    let style = cell.style;
    match align {
        Align::Left => format!("{style}{text}{style:#}{padding}"),
        Align::Right => format!("{padding}{style}{text}{style:#}"),
    }
}

/// Cuts to `width` columns with an ellipsis.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push('…');
    out
}
