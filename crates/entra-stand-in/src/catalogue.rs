//! Tokens that no API may accept, and odd ones that it has to, by name: one parametrised test runs them all.
//!
//! A bad token differs from a good one in one thing, and is signed with the tenant's key wherever that thing is not the
//! signature, so that nothing else refuses it. The classes are those of RFC 8725 and of published flaws in JWT
//! libraries, and what Entra's own validation rules ask for.
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

/// A token that looks odd and is valid. `Debug` hides it.
#[derive(Clone)]
pub struct GoodToken {
    name: String,
    odd: String,
    token: String,
}

/// What an API has to answer (RFC 6750 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// 401, `invalid_token`: a token, and not one for this API.
    InvalidToken,
    /// 400, `invalid_request`: not of the form of a bearer token.
    InvalidRequest,
    /// 400 or 401: on the border between the two.
    Malformed,
    /// 400, 401, 413 or 431: too much of it.
    TooLarge,
    /// 403, `insufficient_scope`: a good token that does not carry the role.
    InsufficientScope,
}

impl Expected {
    /// Whether a status is the expected one.
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

    /// The status that fits best.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidToken | Self::Malformed | Self::TooLarge => 401,
            Self::InvalidRequest => 400,
            Self::InsufficientScope => 403,
        }
    }

    /// The `error` of the challenge that goes with [`Self::status`].
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
    /// A stable name, such as `alg/none`; no two are the same.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it.
    #[must_use]
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// What an API has to answer.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.expected
    }

    /// The token, which may hold characters that no bearer token has.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The value of an `Authorization` header, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        authorization(&self.token)
    }
}

impl GoodToken {
    /// A stable name; no two are the same.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is odd about it.
    #[must_use]
    pub fn odd(&self) -> &str {
        &self.odd
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The value of an `Authorization` header, marked sensitive.
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

/// Every bad token of a client for an API, by their client ids. Takes some seconds of a core in a debug build.
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

/// Every odd but valid token of a client for an API, by their client ids.
pub(crate) fn good_tokens(
    tenant: &LiveTenant,
    instance: &Instance,
    (client, api): (ClientId, ClientId),
) -> Result<Vec<GoodToken>, MintError> {
    good::tokens(&Forge::new(tenant, instance, client, api)?)
}

fn authorization(token: &str) -> HeaderValue {
    // Never the fallback: no token holds a control character but the tab.
    let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes());
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}
