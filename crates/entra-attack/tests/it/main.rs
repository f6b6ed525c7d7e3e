//! The attack against good and weak APIs.

mod outcomes;
mod weak;
mod weak_api;
