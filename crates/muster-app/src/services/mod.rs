//! One file per thing that muster can be asked. Services are strangers to each other: they share values, not calls.

pub mod attention;
pub mod audit;
pub mod catalogue;
pub mod changes;
pub mod doable;
pub mod freshness;
pub mod jobs;
pub mod matching;
pub mod portfolio;
pub mod registry;
pub mod scan;
pub mod watchlist;
pub mod words;
