//! The handlers of the requirements that policies are made of.

use super::requirement::{Handler, Outcome};
use super::{Role, Subject};

/// Looks for a role among those granted, exactly as it is written.
#[derive(Debug)]
pub(super) struct RoleHandler(pub(super) Role);

impl Handler for RoleHandler {
    fn handle(&self, subject: &Subject<'_>) -> Outcome {
        if subject.roles.iter().any(|role| role == self.0.value()) { Outcome::Met } else { Outcome::NotMet }
    }
}

/// Looks at whether an app calls for itself.
#[derive(Debug)]
pub(super) struct AppOnlyHandler;

impl Handler for AppOnlyHandler {
    fn handle(&self, subject: &Subject<'_>) -> Outcome {
        if subject.app_only { Outcome::Met } else { Outcome::NotMet }
    }
}
