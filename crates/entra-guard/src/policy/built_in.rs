//! The built-in requirements.

use entra_shared::claims::ClientAuthentication;

use super::{Context, Outcome, Requirement};
use crate::AppRole;

impl<R: 'static> Requirement<R> {
    /// An app calls for itself. A user's token never meets it, even if the user has the same role.
    #[must_use]
    pub fn app_only() -> Self {
        let handler = |context: &Context<'_, R>| Outcome::from(context.caller.app_only);
        Self::new("AppOnly", "not_app_only", handler)
    }

    /// The app authenticated when it got the token, which a public client cannot.
    #[must_use]
    pub fn confidential_client() -> Self {
        Self::credential("ConfidentialClient", ClientAuthentication::Secret)
    }

    /// The app authenticated with a certificate or a federated credential.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>, `azpacr` and `appidacr`
    #[must_use]
    pub fn certificate() -> Self {
        Self::credential("CertificateCredential", ClientAuthentication::Certificate)
    }

    /// A token that does not say how the app authenticated counts as if it had not.
    fn credential(name: &'static str, minimum: ClientAuthentication) -> Self {
        Self::new(name, "credential_too_weak", move |context: &Context<'_, R>| {
            Outcome::from(context.caller.client_authentication >= Some(minimum))
        })
    }

    /// The caller is no agent of Entra Agent ID.
    ///
    /// It sees only what Entra writes into the token: an agent without the claims of [`Agent`](crate::Agent) passes.
    #[must_use]
    pub fn no_agents() -> Self {
        let handler = |context: &Context<'_, R>| Outcome::from(context.caller.agent.is_none());
        Self::new("NoAgents", "agent_not_allowed", handler)
    }

    /// The app was granted this role, exactly as it is written.
    #[must_use]
    pub fn role(role: AppRole) -> Self {
        let handler = move |context: &Context<'_, R>| {
            Outcome::from(context.caller.roles.iter().any(|granted| granted == role.value()))
        };
        Self::new(role.value(), "role_missing", handler).asking_for(role)
    }

    /// The resource exists, which always holds when a policy about one is evaluated.
    #[must_use]
    pub fn resource() -> Self {
        Self::new("Target", "target_missing", |_: &Context<'_, R>| Outcome::Met)
    }
}
