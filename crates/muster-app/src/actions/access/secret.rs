//! The texts of tokens: 32 bytes of chance behind a prefix by which scanners for leaked secrets know them. What is kept
//! is the SHA-256, which is enough for what cannot be guessed.

use std::{fmt::Write, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::error::AppError;

/// What the text of a token begins with.
const PREFIX: &str = "muster_";
const BYTES: usize = 32;
/// Characters after the prefix.
const CHARACTERS: usize = 43;

/// Where 32 bytes come from that nobody can guess; `None` if the system gives none.
pub type SecretSource = Arc<dyn Fn() -> Option<[u8; BYTES]> + Send + Sync>;

pub(super) fn bytes(source: &SecretSource) -> Result<[u8; BYTES], AppError> {
    source().ok_or_else(|| AppError::Unavailable {
        what: "the system's chance",
        reason: "without it no secret can be made".to_owned(),
    })
}

/// The text of a new token.
pub(super) fn new(source: &SecretSource) -> Result<String, AppError> {
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes(source)?)))
}

/// The hash by which a token is found; `None` if the text is none of a token.
pub(super) fn hash_of(text: &str) -> Option<String> {
    let rest = text.strip_prefix(PREFIX)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if rest.len() != CHARACTERS || !rest.bytes().all(is_plain) {
        return None;
    }
    Some(Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_its_hash_alone() {
        let text = new(&(Arc::new(|| Some([7_u8; BYTES])) as SecretSource)).expect("a text");
        assert_eq!(text, "muster_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        let hash = hash_of(&text).expect("a hash");
        assert_eq!(hash.len(), 64);
        assert_ne!(hash_of(&text.replace("Bwc", "Bwd")), Some(hash));
        let none: SecretSource = Arc::new(|| None);
        assert!(new(&none).is_err());
    }

    #[test]
    fn other_texts_have_none() {
        let long = format!("{PREFIX}{}", "a".repeat(44));
        for text in ["", "muster_", "secret", "muster_short", &long, "muster_ééééééééééééééééééééé1"]
        {
            assert_eq!(hash_of(text), None, "{text}");
        }
    }
}
