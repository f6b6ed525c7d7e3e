//! The program's commands, one file each.

mod explain;
mod manifest;
mod routes;

pub(crate) use explain::explain;
pub(crate) use manifest::manifest;
pub(crate) use routes::routes;
