//! Fixtures of the integration suite: a running system, tokens of every kind, and the programs as processes.
//!
//! # Layout
//!
//! - [`World`]: the three services in one process, a client that trusts them, and a token for every case.
//! - [`guarded_api`]: a resource-app with its own settings, next to them.
//! - [`connection`]: a raw HTTP connection to them.
//! - [`program`]: the programs as processes, with their exit codes and logs.
//!
//! Dependency rule: nothing depends on this crate.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a harness fails by panicking, with the reason"
)]

pub mod browser;
pub mod connection;
pub mod guarded_api;
pub mod program;
pub mod world;

pub use world::World;
