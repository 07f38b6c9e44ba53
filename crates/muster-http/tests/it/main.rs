//! The service as its clients meet it: the whole program in one process, asked over a real connection, over checkouts
//! made and changed by the real git.

#![cfg(test)]

mod cache;
mod catalogue;
mod events;
mod live;
mod portfolio;
mod safety;
mod test_app;
