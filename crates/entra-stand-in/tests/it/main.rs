//! The stand-in from outside: everything over https, as a client sees it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the whole crate is tests, but clippy takes only functions marked as such for tests"
)]

mod admin;
mod admin_apps;
mod admin_tenants;
mod assertions;
mod catalogue_v1;
mod directories;
mod discovery;
mod envelope;
mod errors;
mod faults;
mod federation;
mod grants;
mod journal;
mod keys;
mod managed_identity;
mod members;
mod registered;
mod signer;
mod tenants;
mod tokens;
mod world;
