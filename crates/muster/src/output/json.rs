//! JSON for programs, which people look at in a terminal too: characters that would act on it are written as escapes,
//! which every parser turns back into the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{
    Serializer,
    ser::{CompactFormatter, Formatter, PrettyFormatter},
};

/// Prints one document.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    print(std::iter::once(document), Layout::Pretty)
}

/// Prints one document a line.
pub(crate) fn jsonl(documents: impl IntoIterator<Item = impl Serialize>) -> anyhow::Result<()> {
    print(documents, Layout::Line)
}

#[derive(Clone, Copy)]
enum Layout {
    Pretty,
    Line,
}

fn print(documents: impl IntoIterator<Item = impl Serialize>, layout: Layout) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    for document in documents {
        let written = match layout {
            Layout::Pretty => {
                let formatter = Escaping(PrettyFormatter::new());
                document.serialize(&mut Serializer::with_formatter(&mut stdout, formatter))
            }
            Layout::Line => {
                let formatter = Escaping(CompactFormatter);
                document.serialize(&mut Serializer::with_formatter(&mut stdout, formatter))
            }
        };
        written.map_err(io::Error::from)?;
        writeln!(stdout)?;
    }
    Ok(stdout.flush()?)
}

/// Another formatter, with escapes for what serde lets through: U+007F to U+009F and the marks of text direction.
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| super::is_hostile(c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            // None of them needs a surrogate pair.
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}
