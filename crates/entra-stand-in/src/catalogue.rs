//! Named tokens that no API may accept, and odd ones that it must accept, for one parametrised test.
//!
//! A bad token has exactly one defect. Unless the defect is in the signature, the token is signed with the tenant's key,
//! so that no other check can refuse it. The classes come from RFC 8725, from published flaws in JWT libraries, and from
//! Entra's validation rules.
//!
//! ```
//! # async fn example(tenant: entra_stand_in::Tenant, client: entra_stand_in::Client, api: entra_stand_in::Application)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! for bad in tenant.bad_tokens(&client, &api)? {
//!     let status = 401; // what the service under test answers to `bad.authorization()`
//!     assert!(bad.expected().allows(status) || bad.expected().status() == 403, "{}: {}", bad.name(), bad.wrong());
//! }
//! # Ok(())
//! # }
//! ```

mod algorithms;
mod claims;
mod forge;
mod good;
mod key_choice;
mod padding;
mod roles;
mod structure;
mod weak_secrets;

use std::fmt;

use entra_shared::azure_ad::Instance;
use entra_shared::ids::ClientId;
use http::HeaderValue;

use crate::MintError;
use crate::tenants::LiveTenant;
use forge::Forge;

/// A token that no API may accept. `Debug` hides it.
#[derive(Clone)]
pub struct BadToken {
    name: String,
    wrong: String,
    expected: Expected,
    token: String,
}

/// An odd but valid token. `Debug` hides it.
#[derive(Clone)]
pub struct GoodToken {
    name: String,
    odd: String,
    token: String,
}

/// The response that an API must give (RFC 6750 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The API must answer 401 with `invalid_token`, since the token is not valid for it.
    InvalidToken,
    /// The API must answer 400 with `invalid_request`, since the `Authorization` header holds no syntactically valid
    /// bearer token.
    InvalidRequest,
    /// 400 or 401: either reading is defensible.
    Malformed,
    /// 400, 401, 413 or 431: too large.
    TooLarge,
    /// The API must answer 403 with `insufficient_scope`, since the token is valid but lacks the role.
    InsufficientScope,
}

impl Expected {
    /// Returns whether a status is an acceptable one.
    #[must_use]
    pub fn allows(self, status: u16) -> bool {
        match self {
            Self::InvalidToken => status == 401,
            Self::InvalidRequest => status == 400,
            Self::Malformed => matches!(status, 400 | 401),
            Self::TooLarge => matches!(status, 400 | 401 | 413 | 431),
            Self::InsufficientScope => status == 403,
        }
    }

    /// Returns the preferred status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidToken | Self::Malformed | Self::TooLarge => 401,
            Self::InvalidRequest => 400,
            Self::InsufficientScope => 403,
        }
    }

    /// Returns the `error` of the challenge that belongs to [`Self::status`].
    #[must_use]
    pub fn error(self) -> &'static str {
        match self {
            Self::InvalidToken | Self::Malformed | Self::TooLarge => "invalid_token",
            Self::InvalidRequest => "invalid_request",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl BadToken {
    /// Returns its stable and unique name, such as `alg/none`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Describes its defect.
    #[must_use]
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// Returns the response that an API must give.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.expected
    }

    /// Returns the token, which may contain characters that are invalid in a bearer token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the value of an `Authorization` header, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        authorization(&self.token)
    }
}

impl GoodToken {
    /// Returns its stable and unique name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Describes what is odd about it.
    #[must_use]
    pub fn odd(&self) -> &str {
        &self.odd
    }

    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the value of an `Authorization` header, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        authorization(&self.token)
    }
}

impl fmt::Debug for BadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("BadToken");
        shown.field("name", &self.name).field("wrong", &self.wrong).field("expected", &self.expected);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for GoodToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoodToken").field("name", &self.name).field("odd", &self.odd).finish_non_exhaustive()
    }
}

/// Builds all bad tokens of a client for an API, given by client id. Takes some seconds in a debug build.
pub(crate) fn bad_tokens(
    tenant: &LiveTenant,
    instance: &Instance,
    (client, api): (ClientId, ClientId),
) -> Result<Vec<BadToken>, MintError> {
    let forge = Forge::new(tenant, instance, client, api)?;
    let mut rows = Vec::new();
    structure::add(&forge, &mut rows)?;
    algorithms::add(&forge, &mut rows)?;
    padding::add(&forge, &mut rows)?;
    key_choice::add(&forge, &mut rows)?;
    claims::add(&forge, &mut rows)?;
    roles::add(&forge, &mut rows)?;
    Ok(rows)
}

/// Builds all odd but valid tokens of a client for an API, given by client id.
pub(crate) fn good_tokens(
    tenant: &LiveTenant,
    instance: &Instance,
    (client, api): (ClientId, ClientId),
) -> Result<Vec<GoodToken>, MintError> {
    good::tokens(&Forge::new(tenant, instance, client, api)?)
}

fn authorization(token: &str) -> HeaderValue {
    // The fallback is never used, since no token contains a control character other than tab.
    let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes());
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}
