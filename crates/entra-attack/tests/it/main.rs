//! The attack against good and weak APIs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod outcomes;
mod weak;
mod weak_api;
