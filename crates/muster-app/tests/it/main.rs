//! The application tested through its public face.

#![cfg(test)]

mod follow;
mod registry;
