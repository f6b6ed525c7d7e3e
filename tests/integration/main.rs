//! The integration suite, as one binary: HTTP requests and responses, exit codes and logs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod attack;
mod authorization;
mod catalogue;
mod certificates;
mod clock;
mod command;
mod contract;
mod credentials;
mod decisions;
mod demo_program;
mod doctor;
mod documentation;
mod durability;
mod explain;
mod fixtures;
mod flow;
mod keys;
mod monitoring;
mod node;
mod outage;
mod outside;
mod python;
mod rejections;
mod replicas;
mod requests;
mod revocation;
mod rotation;
mod routes;
mod scarcity;
mod sdk;
mod secrets;
mod settings;
mod shutdown;
mod tenants;
mod versions;
