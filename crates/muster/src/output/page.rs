//! A page about one thing: a title, then sections of labelled lines. Empty sections are left out.

use std::io::Write;

use unicode_width::UnicodeWidthStr;

use super::{Tone, clean};

/// A title and its sections.
#[derive(Debug, Default)]
pub(crate) struct Page {
    title: String,
    sections: Vec<Section>,
}

/// Labelled lines under a heading.
#[derive(Debug)]
pub(crate) struct Section {
    heading: String,
    lines: Vec<(String, String, Option<Tone>)>,
}

impl Section {
    pub(crate) fn new(heading: &str) -> Self {
        Self { heading: clean(heading), lines: Vec::new() }
    }

    pub(crate) fn line(&mut self, label: &str, text: &str) {
        self.lines.push((clean(label), clean(text), None));
    }

    pub(crate) fn line_with(&mut self, label: &str, text: &str, tone: Tone) {
        self.lines.push((clean(label), clean(text), Some(tone)));
    }
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn title(&mut self, title: &str) {
        self.title = clean(title);
    }

    pub(crate) fn section(&mut self, section: Section) {
        if !section.lines.is_empty() {
            self.sections.push(section);
        }
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let bold = anstyle::Style::new().bold();
        let quiet = Tone::Quiet.style();
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{bold}{}{bold:#}", self.title)?;
        for section in &self.sections {
            if !section.heading.is_empty() {
                writeln!(stdout, "\n{bold}{}{bold:#}", section.heading)?;
            }
            let width = section.lines.iter().map(|(label, ..)| label.width()).max().unwrap_or(0);
            for (label, text, tone) in &section.lines {
                let padding = " ".repeat(width - label.width());
                let style = tone.map(Tone::style).unwrap_or_default();
                writeln!(stdout, "  {quiet}{label}{quiet:#}{padding}  {style}{text}{style:#}")?;
            }
        }
        Ok(stdout.flush()?)
    }
}
