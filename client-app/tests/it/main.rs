//! The client-app against peers that misbehave, over real connections.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod doctor;
mod expiry;
mod faults;
mod golden;
mod limits;
mod lost_connections;
mod metrics;
mod parallel;
mod peer;
mod program;
mod proxy;
mod raw_peer;
mod resource_client;
#[expect(dead_code, reason = "the tests of entra-token use all of it")]
#[path = "../../../crates/entra-token/tests/it/peer.rs"]
mod scripted;
mod serving;
#[path = "../../../crates/entra-token/src/test_log.rs"]
mod test_log;
mod token;
mod web;
