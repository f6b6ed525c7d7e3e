//! One condition of a policy, and what can meet it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use entra_shared::claims::ClientAuthentication;

use super::handlers::{
    AppOnlyHandler, CreatorHandler, CredentialHandler, ListedClientHandler, RoleHandler, TargetHandler,
};
use super::{ClientKey, Role, Subject, Target};

/// What a handler says about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The requirement is met, unless another handler vetoes.
    Met,
    /// This handler cannot meet it; another may.
    NotMet,
    /// The policy denies, whatever other handlers say.
    Veto,
}

/// One way to meet a requirement.
pub trait Handler: fmt::Debug + Send + Sync {
    /// Looks at the subject, and at the resource where the policy is about one. Must not depend on anything that
    /// changes.
    fn handle(&self, subject: &Subject<'_>, target: Option<&Target>) -> Outcome;
}

/// A condition, met when one of its handlers says so and none vetoes.
#[derive(Debug, Clone)]
pub struct Requirement {
    name: &'static str,
    reason: &'static str,
    role: Option<Role>,
    handlers: Vec<Arc<dyn Handler>>,
    report_only: bool,
}

impl Requirement {
    /// A requirement that this handler can meet; `reason` is the stable word for its not being met.
    #[must_use]
    pub fn new(name: &'static str, reason: &'static str, handler: impl Handler + 'static) -> Self {
        Self { name, reason, role: None, handlers: vec![Arc::new(handler)], report_only: false }
    }

    /// An app calls for itself. A user's token never passes, even where the user was assigned the same role.
    #[must_use]
    pub fn app_only() -> Self {
        Self::new("AppOnly", "not_app_only", AppOnlyHandler)
    }

    /// The app proved who it is. A public client cannot, so a token of one is nothing that an app got for itself.
    #[must_use]
    pub fn confidential_client() -> Self {
        let handler = CredentialHandler(ClientAuthentication::Secret);
        Self::new("ConfidentialClient", "credential_too_weak", handler)
    }

    /// The app proved who it is with a certificate or a federated credential, which no copy of a text can replay.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>, `azpacr` and `appidacr`
    #[must_use]
    pub fn certificate() -> Self {
        let handler = CredentialHandler(ClientAuthentication::Certificate);
        Self::new("CertificateCredential", "credential_too_weak", handler)
    }

    /// The app was granted this role.
    #[must_use]
    pub fn role(role: Role) -> Self {
        Self { role: Some(role), ..Self::new(role.value(), "role_missing", RoleHandler(role)) }
    }

    /// The app is one of these.
    #[must_use]
    pub fn listed_client(clients: BTreeSet<ClientKey>) -> Self {
        Self::new("ListedClient", "client_not_allowed", ListedClientHandler(clients))
    }

    /// The app created the resource.
    #[must_use]
    pub fn creator() -> Self {
        Self::new("Creator", "not_creator", CreatorHandler)
    }

    /// There is a resource to decide about: what a policy about one demands at the least.
    #[must_use]
    pub fn target() -> Self {
        Self::new("Target", "target_missing", TargetHandler)
    }

    /// Lets another handler meet the requirement as well.
    #[must_use]
    pub fn or(mut self, handler: Arc<dyn Handler>) -> Self {
        self.handlers.push(handler);
        self
    }

    /// Evaluates and reports the requirement without enforcing it: how a new one is tried out.
    #[must_use]
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }

    /// Whether it is enforced, and not reported alone.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        !self.report_only
    }

    /// The stable word for this requirement's not being met.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The role that was asked for, where it is a role.
    pub(super) fn required_role(&self) -> Option<Role> {
        self.role
    }

    /// Asks every handler; the word for what is wrong, if anything is.
    pub(super) fn unmet(&self, subject: &Subject<'_>, target: Option<&Target>) -> Option<&'static str> {
        let outcomes = self.handlers.iter().map(|handler| handler.handle(subject, target));
        let outcome = outcomes.fold(Outcome::NotMet, |so_far, outcome| match (so_far, outcome) {
            (Outcome::Veto, _) | (_, Outcome::Veto) => Outcome::Veto,
            (Outcome::Met, _) | (_, Outcome::Met) => Outcome::Met,
            (Outcome::NotMet, Outcome::NotMet) => Outcome::NotMet,
        });
        match outcome {
            Outcome::Met => None,
            Outcome::NotMet => Some(self.reason),
            Outcome::Veto => Some("vetoed"),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.report_only { f.write_str(" (report only)") } else { Ok(()) }
    }
}
