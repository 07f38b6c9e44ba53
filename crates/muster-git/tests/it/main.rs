//! The crate through its public face, one module per subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world has nothing to say")]

mod checkout_fetch;
mod mirror_commits;
mod mirror_endings;
mod mirror_folder;
mod mirror_support;
mod mirror_update;
mod mirror_whole;
