//! A path that one side of a comparison has and the other lacks: one half of what may be a rename.

use bstr::BString;
use gix::{ObjectId, index::entry::Mode};

/// A staged difference that may be one half of a rename.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Half {
    pub(super) path: BString,
    pub(super) id: ObjectId,
    pub(super) mode: Mode,
}
