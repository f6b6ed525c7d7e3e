//! The crate from outside: its example, run against the stand-in.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bearer_client;
mod example;
