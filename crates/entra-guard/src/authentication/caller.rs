//! The app that calls.

use std::sync::Arc;

use entra_shared::azure_ad::Version;
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, ObjectId, TenantId};

use super::check::Check;
use super::claims::Claims;
use super::error::TokenFault;
use super::token::VerifiedClaims;

/// Who sent a request, from a token whose claims and signature were verified.
///
/// Nothing but [`super::Authenticator`] makes one, so having one is proof of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    tenant: TenantId,
    client_id: ClientId,
    object_id: ObjectId,
    app_only: bool,
    roles: Vec<String>,
    client_authentication: Option<ClientAuthentication>,
    version: Version,
    token_id: Option<String>,
    key_id: Arc<str>,
}

impl Caller {
    pub(super) fn new(claims: VerifiedClaims) -> Result<Self, TokenFault> {
        let (claims, key_id) = claims.into_parts();
        Ok(Self {
            tenant: claims.tid,
            client_id: claims.client_id().ok_or(TokenFault::Claims)?,
            object_id: claims.oid,
            app_only: is_app_only(&claims)?,
            client_authentication: claims.client_authentication(),
            version: claims.ver,
            token_id: claims.uti,
            roles: claims.roles,
            key_id,
        })
    }

    /// The tenant that issued the token.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The app that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// The service principal of that app, or the user it acts for.
    #[must_use]
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// Whether the app calls for itself, with no user behind it.
    #[must_use]
    pub fn is_app_only(&self) -> bool {
        self.app_only
    }

    /// The app roles that were granted, as the token writes them.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// How the app proved who it is when it got the token.
    #[must_use]
    pub fn client_authentication(&self) -> Option<ClientAuthentication> {
        self.client_authentication
    }

    /// The version of the token.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The token's own id (`uti`), by which Entra's sign-in log knows it.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// The id (`kid`) of the key that signed the token.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// What is checked of the claims before they name a caller.
pub(super) fn checks(claims: &Claims) -> [Check; 2] {
    [(TokenFault::Claims, claims.client_id().is_some()), (TokenFault::Subject, is_app_only(claims).is_ok())]
}

/// Whether the subject is an app; a token that contradicts itself is refused rather than guessed about.
fn is_app_only(claims: &Claims) -> Result<bool, TokenFault> {
    let subject_is_principal = claims.sub == claims.oid.to_string();
    match (claims.idtyp.as_deref(), claims.scp.is_some()) {
        (Some("app") | None, false) if subject_is_principal => Ok(true),
        (Some("user"), _) | (None, true) => Ok(false),
        _ => Err(TokenFault::Subject),
    }
}
