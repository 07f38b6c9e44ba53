//! The cache and the limiter, through their public face.

mod bodies;
mod bounds;
mod freshness;
mod lab;
mod limiter;
mod negotiate;
mod races;
mod redis;
mod statistics;
mod warm;
