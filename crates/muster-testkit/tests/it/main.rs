//! The testkit tested: labs are sealed and repeatable, the zoo covers what it names, the canaries sing.

#![cfg(test)]

mod canaries;
mod lab;
mod postgres;
mod redis;
mod zoo;
