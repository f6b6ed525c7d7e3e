//! The stand-in from outside: everything over https, as a client sees it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the whole crate is tests, but clippy takes only functions marked as such for tests"
)]

mod admin;
mod directories;
mod discovery;
mod errors;
mod keys;
mod members;
mod program;
mod tokens;
mod world;
