//! The store tested through its public face: one suite that runs on both databases, and what only one of them has.

#![cfg(test)]

mod full;
mod postgres;
mod sqlite;
mod suite;
mod world;
