//! What the conclusions rest on, bundled: the sorted paths, the files that were read, the stack and the facts found so
//! far, and what was told from outside. Holds, does nothing.

use muster_model::analysis::{Context, FileFacts, StackItem};

use crate::{layout::Layout, reading::Reader, survey::Survey};

/// Everything that the conclusions rest on.
pub(crate) struct View<'v, 'l, 't> {
    pub(crate) layout: &'l Layout<'t>,
    pub(crate) reader: &'v Reader<'t>,
    pub(crate) survey: &'v Survey<'l, 't>,
    pub(crate) stack: &'v [StackItem],
    pub(crate) facts: &'v FileFacts,
    pub(crate) context: &'v Context<'v>,
}
