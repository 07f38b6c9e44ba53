//! The runner tested through its public face, on SQLite and on PostgreSQL.

#![cfg(test)]

#[macro_use]
mod suite;

mod ends;
mod measure;
mod order;
mod stops;
mod world;
