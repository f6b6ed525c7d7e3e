//! The crate from outside: its client, its credentials, and its example, run against the stand-in.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bearer_client;
mod certificate;
mod example;
mod managed_identity;
#[expect(dead_code, reason = "the tests of client-app use all of it")]
mod peer;
mod renewal;
mod scripted_authority;
mod token;
