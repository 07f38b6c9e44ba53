//! The program as a person or a script meets it: real processes over generated repositories.

#![cfg(test)]

mod bad_input;
mod canaries;
mod commands;
mod portfolio;
mod random;
mod run;
mod serve;
mod state;
