//! Tokens that are not a JWS in compact serialization, or not a JWT (RFC 7515, RFC 7519, RFC 8725).

mod encodings;
mod header;
mod json;
mod other;
mod segments;

use super::forge::{Forge, Rows};
use crate::MintError;

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    segments::add(forge, rows)?;
    encodings::add(forge, rows)?;
    json::add(forge, rows)?;
    header::add(forge, rows)?;
    other::add(forge, rows)
}
