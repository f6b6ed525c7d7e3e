//! The payload of a token.

use crate::authentication::check::Check;
use crate::authentication::claims::Claims;
use crate::authentication::error::TokenFault;
use crate::authentication::object::{self, Unreadable};

/// The claim that binds a token to a key of its client (RFC 7800).
const REFUSED: [&str; 1] = ["cnf"];

/// The parts of a payload that validation uses.
pub(super) struct Payload {
    pub(super) claims: Claims,
    bound: bool,
}

impl Payload {
    pub(super) fn read(json: &[u8]) -> Result<Self, TokenFault> {
        let object = object::read(json, &REFUSED).map_err(|unreadable| match unreadable {
            Unreadable::Malformed => TokenFault::Malformed,
            Unreadable::Members => TokenFault::Claims,
        })?;
        Ok(Self { claims: object.members, bound: object.refused })
    }

    pub(super) fn checks(&self) -> [Check; 1] {
        [(TokenFault::SenderConstrained, !self.bound)]
    }
}

/// The parser's message about the missing or malformed claim.
pub(super) fn problem(json: &[u8]) -> Option<String> {
    let error = serde_json::from_slice::<Claims>(json).err()?.to_string();
    // The position in the decoded payload is of no use to the reader.
    Some(error.split(" at line ").next().unwrap_or_default().to_owned())
}
