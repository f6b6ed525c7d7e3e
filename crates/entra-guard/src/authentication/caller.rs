//! The caller of a request.

use std::sync::Arc;

use entra_shared::azure_ad::Version;
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, ObjectId, TenantId};

use super::agent::Agent;
use super::check::Check;
use super::claims::Claims;
use super::error::TokenFault;
use super::token::VerifiedClaims;

/// The caller that a verified access token names.
///
/// Only [`super::Authenticator`] creates one, after it has verified signature and claims.
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
    agent: Option<Agent>,
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
            agent: claims.agent,
            key_id,
        })
    }

    /// Returns the tenant that issued the token.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the app that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// Returns the object id of the app's service principal, or of the user it acts for.
    #[must_use]
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// Returns whether the app calls on its own behalf, without a user.
    #[must_use]
    pub fn is_app_only(&self) -> bool {
        self.app_only
    }

    /// Returns the agent identity of Entra Agent ID that the token describes; `None` for any other caller.
    #[must_use]
    pub fn agent(&self) -> Option<Agent> {
        self.agent
    }

    /// Returns the app roles granted to the app, as they stand in the token.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Returns how the app authenticated when it acquired the token.
    #[must_use]
    pub fn client_authentication(&self) -> Option<ClientAuthentication> {
        self.client_authentication
    }

    /// Returns the version of the token.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the token's id (`uti`), under which Entra's sign-in log lists it.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// Returns the id (`kid`) of the key that signed the token.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// Returns the checks of the claims that identify the caller.
pub(super) fn checks(claims: &Claims) -> [Check; 2] {
    [(TokenFault::Claims, claims.client_id().is_some()), (TokenFault::Subject, is_app_only(claims).is_ok())]
}

/// Returns whether the token's subject is an app, or an error if its claims contradict each other.
fn is_app_only(claims: &Claims) -> Result<bool, TokenFault> {
    let subject_is_principal = claims.sub == claims.oid.to_string();
    match (claims.idtyp.as_deref(), claims.scp.as_deref()) {
        // Entra states that it is an app. An agent's `sub` is not its `oid`, and its `scp` may be there without a scope.
        (Some("app"), None | Some("" | "/")) => Ok(true),
        (None, None) if subject_is_principal => Ok(true),
        (Some("user"), _) | (None, Some(_)) => Ok(false),
        _ => Err(TokenFault::Subject),
    }
}
