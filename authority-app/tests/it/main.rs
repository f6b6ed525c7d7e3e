//! The program from outside: its arguments, output and exit codes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the whole crate is tests, but clippy takes only functions marked as such for tests"
)]

#[path = "../../../crates/entra-stand-in/tests/it/directories.rs"]
mod directories;
#[path = "../../../crates/entra-stand-in/tests/it/envelope.rs"]
mod envelope;
mod explain;
mod manifests;
#[path = "../../../crates/entra-stand-in/tests/it/members.rs"]
mod members;
mod program;
mod safety;
#[path = "../../../crates/entra-stand-in/tests/it/world.rs"]
#[expect(dead_code, reason = "the tests of the library use more of it")]
mod world;
