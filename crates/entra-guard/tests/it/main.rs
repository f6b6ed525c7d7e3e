//! The guard as a team's service uses it, with tokens of the stand-in.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test may panic, but clippy takes only functions marked as such for tests"
)]

mod answers;
mod catalogue;
mod decisions;
mod example;
mod flood;
mod log;
mod routes;
mod stage;
