//! The refusal of a token request by the authority.

use std::fmt;

use entra_shared::aadsts;
use http::StatusCode;

use super::RequestIds;

/// AADSTS codes that come with `invalid_client` although the app registration is at fault and not the credential.
///
/// 700025: the client is public and may present no credential. 7000229: the tenant has no service principal for it.
const REGISTRATION: [u32; 2] = [700025, 7000229];

/// The AADSTS codes of rejected assertions.
///
/// The assertion is malformed or expired, or its signer, issuer, subject or audience is not in the registration. Some
/// of these codes come with `invalid_request` instead of `invalid_client`.
const ASSERTION: [u32; 20] = [
    50027, 50048, 50166, 70021, 700021, 700023, 700024, 700027, 700211, 700212, 700213, 700222, 700229,
    1000502, 5002723, 5002738, 7000214, 7000274, 7000277, 7002138,
];

/// The authority's error response. Its texts are short single lines, and the credential is redacted from them.
///
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the response.
    pub status: StatusCode,
    /// The OAuth error code (RFC 6749 section 5.2), by which a program decides.
    pub error: String,
    /// The AADSTS code.
    pub aadsts: Option<u32>,
    /// The authority's message, without the ids at its end.
    pub description: String,
    /// The ids of the request, for the authority's operator.
    pub ids: RequestIds,
}

impl Refusal {
    /// Returns how to fix the problem, if the code is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.aadsts.and_then(aadsts::lookup).map(|entry| entry.remedy)
    }

    /// Returns whether another credential may succeed.
    ///
    /// The OAuth error `invalid_client` means that authentication failed (RFC 6749 section 5.2). For an assertion, the
    /// AADSTS code decides first, since the OAuth error may be another one.
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
