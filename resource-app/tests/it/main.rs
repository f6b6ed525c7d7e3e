//! Tests of the app over HTTP, with an unreachable authority or one that the test controls.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod app;
mod archive;
mod authority;
mod bodies;
mod commands;
mod content;
mod description;
mod development;
mod explain;
mod keys;
mod program;
mod refusals;
mod resources;
mod settings;
mod shutdown;
mod store;
mod store_outage;
mod without_authority;

/// The files of the example `archive`, without its `main`.
#[path = "../../examples/archive"]
mod example {
    mod archive;
    mod policies;
    pub(crate) mod router;
}
