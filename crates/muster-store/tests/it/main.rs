//! The store tested through its public face: suites that run on both databases, and what only one of them has.

#![cfg(test)]

#[macro_use]
mod suite;

mod catalogue;
mod changes;
mod documents;
mod full;
mod job_world;
mod jobs;
mod jobs_ends;
mod jobs_queues;
mod jobs_schedules;
mod postgres;
mod projects;
mod remote_heads;
mod schema;
mod sqlite;
mod tokens;
mod transactions;
mod transfer;
mod watchlist;
mod world;
