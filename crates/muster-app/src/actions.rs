//! What changes something: each action reads or does, writes in one transaction, and records what it touched.

pub mod access;
mod audit;
pub mod cache;
pub mod execute;
pub mod fetch;
pub mod freshness;
pub mod jobs;
pub mod refresh;
pub mod registry;
pub mod watchlist;
