//! The crate from outside: its client, its credentials, and its example, run against the stand-in.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bearer_client;
mod certificate;
mod example;
