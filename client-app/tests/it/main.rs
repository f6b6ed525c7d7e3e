//! The client-app against peers that misbehave, over real connections.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod certificate;
mod doctor;
mod expiry;
mod faults;
mod managed_identity;
mod metrics;
mod peer;
mod program;
mod raw_peer;
mod renewal;
mod resource_client;
mod token;
mod web;
