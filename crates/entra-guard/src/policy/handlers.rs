//! The built-in requirements and their handlers.

use std::collections::BTreeSet;

use entra_shared::claims::ClientAuthentication;

use super::clients::ClientKey;
use super::requirement::{Context, Outcome, Requirement, RequirementHandler};
use super::subject::AppIdentity;
use crate::AppRole;

impl<R: 'static> Requirement<R> {
    /// An app calls for itself. A user's token never meets it, even if the user has the same role.
    #[must_use]
    pub fn app_only() -> Self {
        Self::new("AppOnly", "not_app_only", AppOnly)
    }

    /// The app authenticated when it got the token, which a public client cannot.
    #[must_use]
    pub fn confidential_client() -> Self {
        let handler = MinimumCredential(ClientAuthentication::Secret);
        Self::new("ConfidentialClient", "credential_too_weak", handler)
    }

    /// The app authenticated with a certificate or a federated credential.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>, `azpacr` and `appidacr`
    #[must_use]
    pub fn certificate() -> Self {
        let handler = MinimumCredential(ClientAuthentication::Certificate);
        Self::new("CertificateCredential", "credential_too_weak", handler)
    }

    /// The app was granted this role.
    #[must_use]
    pub fn role(role: AppRole) -> Self {
        Self::new(role.value(), "role_missing", RoleGranted(role)).asking_for(role)
    }

    /// The resource exists, which always holds when a policy about one is evaluated.
    #[must_use]
    pub fn resource() -> Self {
        Self::new("Target", "target_missing", ResourceFound)
    }
}

/// Compares roles exactly as the token holds them.
pub(super) struct RoleGranted(pub(super) AppRole);

impl<R> RequirementHandler<R> for RoleGranted {
    fn handle(&self, context: &Context<'_, R>) -> Outcome {
        context.caller.roles.iter().any(|role| role == self.0.value()).into()
    }
}

pub(super) struct AppOnly;

impl<R> RequirementHandler<R> for AppOnly {
    fn handle(&self, context: &Context<'_, R>) -> Outcome {
        context.caller.app_only.into()
    }
}

/// Treats a token that does not say how the app authenticated as if it had not.
pub(super) struct MinimumCredential(pub(super) ClientAuthentication);

impl<R> RequirementHandler<R> for MinimumCredential {
    fn handle(&self, context: &Context<'_, R>) -> Outcome {
        context.caller.client_authentication.is_some_and(|used| used >= self.0).into()
    }
}

pub(super) struct ClientListed(pub(super) BTreeSet<ClientKey>);

impl<R> RequirementHandler<R> for ClientListed {
    fn handle(&self, context: &Context<'_, R>) -> Outcome {
        let keys = ClientKey::candidates(AppIdentity::from(context.caller));
        keys.iter().any(|key| self.0.contains(key)).into()
    }
}

/// Compares the caller with the app that created the resource, tenant included.
pub(super) struct CreatedBy<R>(pub(super) fn(&R) -> Option<AppIdentity>);

impl<R: 'static> RequirementHandler<R> for CreatedBy<R> {
    fn handle(&self, context: &Context<'_, R>) -> Outcome {
        (self.0(context.resource) == Some(AppIdentity::from(context.caller))).into()
    }
}

pub(super) struct ResourceFound;

impl<R> RequirementHandler<R> for ResourceFound {
    fn handle(&self, _: &Context<'_, R>) -> Outcome {
        Outcome::Met
    }
}
