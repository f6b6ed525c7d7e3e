//! The attack against good and weak APIs.

mod outcomes;
mod reports;
mod weak;
mod weak_api;
