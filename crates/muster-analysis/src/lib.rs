//! Pure analysis: trees of files in, facts, scores and recommendations out.
//!
//! Knows no disk, no clock, no network: files come through [`muster_model::SourceTree`], the time and what git says
//! through [`muster_model::analysis::Context`]. The same input always gives the same answer. [`history`] and [`alerting`]
//! do the same with commits that are stored.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the layout puts every path in lower case, once, before anything compares endings"
)]

pub mod alerting;
pub mod history;

mod analyze;
mod calendar;
mod deletable;
mod health;
mod imports;
mod layout;
mod licence;
mod lock_file;
mod manifest;
mod marker;
mod number;
mod project_meta;
mod project_type;
mod readiness;
mod reading;
mod relation;
mod rules;
mod secrets;
mod signals;
mod stack;
mod survey;
mod test_code;
mod text;
mod view;

pub use analyze::analyze;
pub use deletable::{CheckoutKind, deletable};
pub use marker::is_manifest;
pub use project_meta::{ProjectMetaError, parse_project_meta};
pub use relation::{RelationInputs, relation};
pub use rules::recommend;
