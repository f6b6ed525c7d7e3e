//! The refusal of a token request by the authority.

use std::fmt;

use entra_shared::aadsts;
use http::StatusCode;

use super::RequestIds;

/// Faults of the registration for which Entra has the error code of a credential's fault: a public client, which may
/// present no credential; a client without a service principal in the tenant.
const REGISTRATION: [u32; 2] = [700025, 7000229];

/// What Entra says of an assertion that it does not take: malformed, outside its time, of a signer, issuer, subject or
/// audience that the registration does not name. For some of them it has the OAuth error of a malformed request.
const ASSERTION: [u32; 20] = [
    50027, 50048, 50166, 70021, 700021, 700023, 700024, 700027, 700211, 700212, 700213, 700222, 700229,
    1000502, 5002723, 5002738, 7000214, 7000274, 7000277, 7002138,
];

/// What the authority's error envelope says; its texts are bounded, in one line and free of the credential.
///
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The answer's status.
    pub status: StatusCode,
    /// The OAuth error code (RFC 6749 section 5.2): what a program decides by.
    pub error: String,
    /// The number after `AADSTS`.
    pub aadsts: Option<u32>,
    /// The first part of the authority's own text.
    pub description: String,
    /// The ids of the request, for the authority's operator.
    pub ids: RequestIds,
}

impl Refusal {
    /// How to fix it, if the code is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.aadsts.and_then(aadsts::lookup).map(|entry| entry.remedy)
    }

    /// Whether another credential may succeed.
    ///
    /// By the OAuth error code, which says that the client could not be authenticated (RFC 6749 section 5.2); of an
    /// assertion also by Entra's own, since its OAuth error may be another one.
    pub(super) fn blames_credential(&self, is_assertion: bool) -> bool {
        if is_assertion && self.aadsts.is_some_and(|code| ASSERTION.contains(&code)) {
            return true;
        }
        self.error == "invalid_client" && self.aadsts.is_none_or(|code| !REGISTRATION.contains(&code))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aadsts.map(|code| (code, aadsts::lookup(code))) {
            Some((_, Some(known))) => {
                write!(f, "{known} ({}). {} {}", self.error, known.cause, known.remedy)?;
            }
            Some((code, None)) => write!(f, "AADSTS{code} ({}).", self.error)?,
            None => write!(f, "{}.", self.error)?,
        }
        if !self.description.is_empty() {
            write!(f, " The authority says: \"{}\"", self.description)?;
        }
        write!(f, " {}", self.ids)
    }
}
