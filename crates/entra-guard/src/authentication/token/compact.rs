//! The compact serialization of a token.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::authentication::error::TokenFault;

/// The largest accepted token, in bytes: several times the size of Entra's with 200 roles.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The three segments of a token (RFC 7515 section 7.1), as they were sent.
pub(super) struct Compact<'t> {
    /// The signed text: header and payload with the dot between them.
    pub(super) message: &'t str,
    pub(super) header: Segment<'t>,
    pub(super) payload: Segment<'t>,
    pub(super) signature: Segment<'t>,
}

/// One of the segments.
#[derive(Clone, Copy)]
pub(super) struct Segment<'t>(&'t str);

impl<'t> Compact<'t> {
    pub(super) fn split(token: &'t str) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLarge);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenFault::Malformed)?;
        Ok(Self {
            message,
            header: Segment(header),
            payload: Segment(payload),
            signature: Segment(signature),
        })
    }
}

impl<'t> Segment<'t> {
    /// Decodes canonical base64url: not empty, no padding, no unused bits (RFC 7515 section 2).
    ///
    /// A dot is not in the alphabet, so a fourth segment fails here.
    pub(super) fn decode(self) -> Result<Vec<u8>, TokenFault> {
        if self.0.is_empty() {
            return Err(TokenFault::Malformed);
        }
        BASE64_URL_SAFE_NO_PAD.decode(self.0).map_err(|_| TokenFault::Malformed)
    }

    /// The segment as it was sent, if it is canonical base64url.
    pub(super) fn canonical(self) -> Result<&'t str, TokenFault> {
        self.decode().map(|_| self.0)
    }
}
