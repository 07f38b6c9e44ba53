//! Words of closed tables, and how values that JSON cannot carry are written. What is stored must come back as it was,
//! a path that is not UTF-8 included.

use std::borrow::Cow;

/// A word from a table of ours: borrowed where it is made, owned where it was read back from the store.
pub type Word = Cow<'static, str>;

/// Paths as text without loss: bytes that are not UTF-8, and the percent sign, are written as `%HH`.
pub mod path_text {
    use std::{
        ffi::OsString,
        fmt::Write,
        os::unix::ffi::{OsStrExt, OsStringExt},
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// The text of a path.
    pub fn encode(path: &Path) -> String {
        bytes_to_text(path.as_os_str().as_bytes())
    }

    /// The path of a text; `None` if a percent sign is not followed by two hexadecimal digits.
    pub fn decode(text: &str) -> Option<PathBuf> {
        text_to_bytes(text).map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }

    /// For `#[serde(with = "path_text")]`.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(path))
    }

    /// For `#[serde(with = "path_text")]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(&text).ok_or_else(|| D::Error::custom(format!("'{text}' is no encoded path")))
    }

    pub(super) fn bytes_to_text(bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character == '%' {
                    text.push_str("%25");
                } else {
                    text.push(character);
                }
            }
            for byte in chunk.invalid() {
                // Writing into a string cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    }

    pub(super) fn text_to_bytes(text: &str) -> Option<Vec<u8>> {
        let mut parts = text.split('%');
        let mut bytes = parts.next()?.as_bytes().to_vec();
        for part in parts {
            let (code, rest) = part.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Some(bytes)
    }

    /// The same for a list of paths.
    pub mod list {
        use std::path::PathBuf;

        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        /// For `#[serde(with = "path_text::list")]`.
        pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(paths.iter().map(|path| super::encode(path)))
        }

        /// For `#[serde(with = "path_text::list")]`.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
            let texts = Vec::<String>::deserialize(deserializer)?;
            let decoded = texts.iter().map(|text| super::decode(text));
            decoded
                .collect::<Option<_>>()
                .ok_or_else(|| D::Error::custom("a path is not encoded as it must be"))
        }
    }
}

/// Lists of byte strings (paths inside a tree), written as [`path_text`] writes paths.
pub mod bytes_text {
    use bstr::BString;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::path_text::{bytes_to_text, text_to_bytes};

    /// For `#[serde(with = "bytes_text")]`.
    pub fn serialize<S: Serializer>(list: &[BString], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| bytes_to_text(bytes)))
    }

    /// For `#[serde(with = "bytes_text")]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BString>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let decoded = texts.iter().map(|text| text_to_bytes(text).map(BString::from));
        decoded.collect::<Option<_>>().ok_or_else(|| D::Error::custom("a path is not encoded as it must be"))
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

    use super::path_text::{decode, encode};

    #[track_caller]
    fn check(bytes: &[u8], text: &str) {
        let path = Path::new(OsStr::from_bytes(bytes));
        assert_eq!(encode(path), text);
        assert_eq!(decode(text).as_deref(), Some(path));
    }

    #[test]
    fn every_path_comes_back_as_it_was() {
        check(b"/home/me/code", "/home/me/code");
        check(b"/caf\xc3\xa9/100%", "/café/100%25");
        check(b"/not-\xff\xfe-text", "/not-%FF%FE-text");
        check(b"", "");
    }

    #[test]
    fn what_is_no_encoded_path_is_refused() {
        for text in ["%", "%4", "%zz", "a%é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
