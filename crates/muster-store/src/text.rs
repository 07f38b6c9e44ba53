//! How values are written into columns of texts and integers, and read back. The same on both databases.
//!
//! Documents are JSON in a text column, not `jsonb`: a hostile file may put `\u0000` into a document, which `jsonb`
//! refuses together with the whole batch, and text is parsed once, straight into the type.

use std::path::{Path, PathBuf};

use muster_model::{Timestamp, word::path_text};
use sea_orm::DbErr;
use serde::{Serialize, de::DeserializeOwned};

pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string()))
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, DbErr> {
    serde_json::from_str(text).map_err(|error| DbErr::Json(error.to_string()))
}

/// Microseconds since 1970; what is finer is lost.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn from_micros(micros: i64) -> Result<Timestamp, DbErr> {
    Timestamp::from_microsecond(micros).map_err(|error| DbErr::Type(error.to_string()))
}

pub(crate) fn path(path: &Path) -> String {
    path_text::encode(path)
}

pub(crate) fn from_path(text: &str) -> Result<PathBuf, DbErr> {
    path_text::decode(text).ok_or_else(|| DbErr::Type(format!("'{text}' is no encoded path")))
}

pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, DbErr> {
    text.parse().map_err(|error: T::Err| DbErr::Type(error.to_string()))
}
