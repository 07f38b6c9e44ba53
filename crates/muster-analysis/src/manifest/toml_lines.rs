//! TOML with lines: tables and texts of a document that may be broken, with the line of each key. The parser recovers
//! from errors and bounds its depth; this is only the handle by which the manifests of this folder reach in.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A document and where its lines begin.
pub(super) struct Document<'a> {
    root: DeTable<'a>,
    newlines: Vec<usize>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (root, _errors) = DeTable::parse_recoverable(text);
        let newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { root: root.into_inner(), newlines }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.newlines.partition_point(|&newline| newline < offset))
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// The table at a path of keys; the root for none.
    pub(super) fn table(&self, path: &[&str]) -> Option<&DeTable<'a>> {
        let mut table = &self.root;
        for key in path {
            table = table.get(*key)?.get_ref().as_table()?;
        }
        Some(table)
    }

    /// The value at a path of keys.
    pub(super) fn value(&self, path: &[&str]) -> Option<&Spanned<DeValue<'a>>> {
        let (last, parents) = path.split_last()?;
        self.table(parents)?.get(*last)
    }

    /// A text and its line.
    pub(super) fn text(&self, path: &[&str]) -> Option<(String, u32)> {
        let value = self.value(path)?;
        Some((value.get_ref().as_str()?.to_owned(), self.line(value.span().start)))
    }

    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.value(path).is_some()
    }

    /// The keys of a table with their lines, in the order of the file.
    pub(super) fn keys(&self, path: &[&str]) -> Vec<(String, u32)> {
        self.table(path).map(|table| self.keys_of(table)).unwrap_or_default()
    }

    pub(super) fn keys_of(&self, table: &DeTable<'a>) -> Vec<(String, u32)> {
        let mut keys: Vec<(usize, String)> =
            table.keys().map(|key| (key.span().start, key.get_ref().to_string())).collect();
        keys.sort();
        keys.into_iter().map(|(offset, key)| (key, self.line(offset))).collect()
    }

    /// The texts of a list with their lines.
    pub(super) fn texts(&self, path: &[&str]) -> Vec<(String, u32)> {
        self.value(path).map(|value| self.texts_of(value.get_ref())).unwrap_or_default()
    }

    pub(super) fn texts_of(&self, value: &DeValue<'a>) -> Vec<(String, u32)> {
        let Some(list) = value.as_array() else {
            return Vec::new();
        };
        list.iter()
            .filter_map(|item| Some((item.get_ref().as_str()?.to_owned(), self.line(item.span().start))))
            .collect()
    }
}
