//! One condition of a policy, and what can meet it.

use std::fmt;
use std::sync::Arc;

use super::handlers::{AppOnlyHandler, RoleHandler};
use super::{Role, Subject};

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
    /// Looks at the subject. Must not depend on anything that changes.
    fn handle(&self, subject: &Subject<'_>) -> Outcome;
}

/// A condition, met when one of its handlers says so and none vetoes.
#[derive(Debug, Clone)]
pub struct Requirement {
    reason: &'static str,
    role: Option<Role>,
    handlers: Vec<Arc<dyn Handler>>,
}

impl Requirement {
    /// A requirement that this handler can meet; `reason` is the stable word for its not being met.
    #[must_use]
    pub fn new(reason: &'static str, handler: impl Handler + 'static) -> Self {
        Self { reason, role: None, handlers: vec![Arc::new(handler)] }
    }

    /// An app calls for itself. A user's token never passes, even where the user was assigned the same role.
    #[must_use]
    pub fn app_only() -> Self {
        Self::new("not_app_only", AppOnlyHandler)
    }

    /// The app was granted this role.
    #[must_use]
    pub fn role(role: Role) -> Self {
        Self { role: Some(role), ..Self::new("role_missing", RoleHandler(role)) }
    }

    /// Lets another handler meet the requirement as well.
    #[must_use]
    pub fn or(mut self, handler: Arc<dyn Handler>) -> Self {
        self.handlers.push(handler);
        self
    }

    /// The stable word for this requirement's not being met.
    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }

    /// The role that was asked for, where it is a role.
    pub(super) fn required_role(&self) -> Option<Role> {
        self.role
    }

    /// Asks every handler.
    pub(super) fn handle(&self, subject: &Subject<'_>) -> Outcome {
        let outcomes = self.handlers.iter().map(|handler| handler.handle(subject));
        outcomes.fold(Outcome::NotMet, |so_far, outcome| match (so_far, outcome) {
            (Outcome::Veto, _) | (_, Outcome::Veto) => Outcome::Veto,
            (Outcome::Met, _) | (_, Outcome::Met) => Outcome::Met,
            (Outcome::NotMet, Outcome::NotMet) => Outcome::NotMet,
        })
    }
}
