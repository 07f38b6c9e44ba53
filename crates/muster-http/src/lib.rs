//! The skin of muster: what is said over HTTP, and the shapes that the command line prints as well.

pub mod wire;
