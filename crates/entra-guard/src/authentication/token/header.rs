//! The header of a token.

use serde::{Deserialize, Deserializer};

use crate::authentication::check::Check;
use crate::authentication::error::TokenFault;
use crate::authentication::object;

/// The longest `kid`, in bytes; Entra's are 27.
pub(super) const MAX_KEY_ID_BYTES: usize = 256;

/// Members that change the meaning of the signed bytes; Entra writes none of them.
const REFUSED: [&str; 7] = ["crit", "b64", "zip", "enc", "cty", "epk", "p2c"];

/// The parts of a header that validation uses.
pub(super) struct Header {
    members: Members,
    extended: bool,
}

/// The members that validation reads. `jwk`, `jku`, `x5u` and `x5c` are deliberately ignored.
#[derive(Deserialize)]
struct Members {
    alg: String,
    #[serde(default, deserialize_with = "text")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    typ: Option<String>,
}

impl Header {
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let object = object::read(json, &REFUSED).ok()?;
        Some(Self { members: object.members, extended: object.refused })
    }

    pub(super) fn checks(&self) -> [Check; 4] {
        let Members { alg, kid, typ } = &self.members;
        let key_id = kid.as_deref().unwrap_or_default();
        [
            (TokenFault::Algorithm, alg == "RS256"),
            (TokenFault::HeaderMember, !self.extended),
            (TokenFault::Type, typ.as_deref().is_none_or(is_access_token)),
            (TokenFault::KeyId, (1..=MAX_KEY_ID_BYTES).contains(&key_id.len())),
        ]
    }

    /// Returns the `kid`, if the header has one.
    pub(super) fn into_key_id(self) -> Option<String> {
        self.members.kid
    }
}

/// Returns whether `typ` is that of an access token: `JWT`, as Entra writes it, or `at+jwt` (RFC 9068 section 2.1).
fn is_access_token(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|allowed| typ.eq_ignore_ascii_case(allowed))
}

/// Deserializes a member that may be absent but, unlike serde's `Option`, not null.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}
