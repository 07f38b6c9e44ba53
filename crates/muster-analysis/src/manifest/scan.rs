//! Small scanners that the parsers of this folder share: numbered lines, quoted words, JSON keys by depth, XML tags.
//! Each runs once over the text, without recursion, whatever the text is.

use muster_model::ByteSlice;

/// Longest line that is looked at; a longer one is no handwritten manifest.
const LONGEST_LINE: usize = 4_096;

/// The lines of a text with their numbers, without those too long to be meant for people.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| line.len() <= LONGEST_LINE)
}

/// The contents of the quotes in a line, single or double.
pub(super) fn quoted(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find(['"', '\'']) {
        let quote = rest.as_bytes()[start];
        let inner = &rest[start + 1..];
        let Some(end) = inner.bytes().position(|byte| byte == quote) else {
            break;
        };
        words.push(&inner[..end]);
        rest = &inner[end + 1..];
    }
    words
}

/// A key of a JSON object, with the keys of the objects around it.
pub(super) struct JsonKey<'a> {
    /// The enclosing keys, outermost first; `None` for an element of a list.
    pub(super) parents: Vec<Option<&'a str>>,
    /// The key as written, escapes untouched.
    pub(super) key: &'a str,
    /// Counted from 1.
    pub(super) line: u32,
}

/// Keys of a JSON text down to `deepest` objects. Works on broken and cut texts: it only watches quotes and brackets.
pub(super) fn json_keys(text: &str, deepest: usize) -> Vec<JsonKey<'_>> {
    let bytes = text.as_bytes();
    let mut keys = Vec::new();
    // One entry per open bracket: the key it belongs to. Deeper ones are only counted.
    let mut open: Vec<Option<&str>> = Vec::new();
    let mut too_deep = 0_usize;
    let mut last_key = None;
    let (mut line, mut at) = (1_u32, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => line = line.saturating_add(1),
            b'{' | b'[' => {
                if open.len() <= deepest {
                    open.push(last_key.take());
                } else {
                    too_deep += 1;
                }
            }
            b'}' | b']' => {
                if too_deep > 0 {
                    too_deep -= 1;
                } else {
                    open.pop();
                }
                last_key = None;
            }
            b',' => last_key = None,
            b'"' => {
                let start = at + 1;
                let mut end = start;
                while end < bytes.len() && bytes[end] != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                let end = end.min(bytes.len());
                let key_line = line;
                line = line.saturating_add(lines_in(&bytes[start..end]));
                at = end;
                let after =
                    bytes[(end + 1).min(bytes.len())..].iter().find(|byte| !byte.is_ascii_whitespace());
                if after == Some(&b':') && too_deep == 0 && open.len() <= deepest {
                    // Both ends lie on quotes, hence on character boundaries, unless the text ends inside an escape.
                    let key = text.get(start..end).unwrap_or_default();
                    keys.push(JsonKey {
                        parents: open.get(1..).unwrap_or_default().to_vec(),
                        key,
                        line: key_line,
                    });
                    last_key = Some(key);
                }
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

fn lines_in(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.find_iter(b"\n").count()).unwrap_or(u32::MAX)
}

/// An XML tag or the text after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Xml<'a> {
    /// `<name attributes>`; `is_empty` for `<name/>`.
    Open { name: &'a str, attributes: &'a str, is_empty: bool, line: u32 },
    /// `</name>`.
    Close { name: &'a str },
    /// What stands between tags, trimmed, not empty.
    Text { text: &'a str, line: u32 },
}

/// The tags of an XML text in order. Comments, declarations and CDATA are passed over; entities stay as they are.
pub(super) fn xml(text: &str) -> Vec<Xml<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut line) = (text, 1_u32);
    let lines_in = |part: &str| lines_in(part.as_bytes());
    while let Some(start) = rest.find('<') {
        let before = &rest[..start];
        let trimmed = before.trim_start();
        if !trimmed.is_empty() {
            let blank = &before[..before.len() - trimmed.len()];
            parts.push(Xml::Text { text: trimmed.trim_end(), line: line.saturating_add(lines_in(blank)) });
        }
        line = line.saturating_add(lines_in(before));
        rest = &rest[start..];
        let ending = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<![CDATA[") {
            "]]>"
        } else {
            ">"
        };
        let Some(end) = rest.find(ending) else { break };
        let tag = &rest[1..end];
        if let Some(name) = tag.strip_prefix('/') {
            parts.push(Xml::Close { name: name.trim() });
        } else if !tag.starts_with(['!', '?']) {
            let is_empty = tag.ends_with('/');
            let tag = tag.trim_end_matches('/');
            let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            parts.push(Xml::Open { name, attributes, is_empty, line });
        }
        line = line.saturating_add(lines_in(&rest[..end + ending.len()]));
        rest = &rest[end + ending.len()..];
    }
    parts
}

/// The value of an attribute.
pub(super) fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        if key.trim() == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Xml, attribute, json_keys, quoted, xml};

    #[test]
    fn json_keys_know_their_parents_and_lines() {
        let text = "{\n \"a\": {\n  \"b\\\"\": 1, \"c\": [{\"d\": 2}]\n },\n \"e\": \"f\"";
        let keys: Vec<String> = json_keys(text, 4)
            .into_iter()
            .map(|key| format!("{}:{}{}", key.line, key.parents.len(), key.key))
            .collect();
        assert_eq!(keys, ["2:0a", "3:1b\\\"", "3:1c", "3:3d", "5:0e"]);
    }

    #[test]
    fn scanners_survive_what_is_cut_or_deep() {
        let deep = format!("{}\"x\": 1", "{\"a\":".repeat(50_000));
        assert!(json_keys(&deep, 2).len() <= 3);
        for text in ["\"", "\"\\", "{\"a", "{\"ä\\", "]]]}}}", "{\"a\":"] {
            let _ = json_keys(text, 2);
        }
        assert_eq!(xml("<a"), []);
        assert_eq!(xml("<!-- <b>").len(), 0);
        assert_eq!(quoted("a 'b' \"c\" 'd"), ["b", "c"]);
    }

    #[test]
    fn tags_attributes_and_text_have_lines() {
        let text = "<?xml?>\n<a x='1' y=\"2\">\n<!-- <no> -->\n  t\n</a><b/>";
        assert_eq!(
            xml(text),
            [
                Xml::Open { name: "a", attributes: "x='1' y=\"2\"", is_empty: false, line: 2 },
                Xml::Text { text: "t", line: 4 },
                Xml::Close { name: "a" },
                Xml::Open { name: "b", attributes: "", is_empty: true, line: 5 },
            ]
        );
        assert_eq!(attribute("x='1' y=\"2\"", "y"), Some("2"));
        assert_eq!(attribute("x", "y"), None);
    }
}
