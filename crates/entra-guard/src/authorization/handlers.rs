//! The handlers of the requirements that policies are made of.

use std::collections::BTreeSet;

use entra_shared::claims::ClientAuthentication;

use super::requirement::{Handler, Outcome};
use super::{ClientKey, Role, Subject, Target};

/// Looks for a role among those granted, exactly as it is written.
#[derive(Debug)]
pub(super) struct RoleHandler(pub(super) Role);

impl Handler for RoleHandler {
    fn handle(&self, subject: &Subject<'_>, _: Option<&Target>) -> Outcome {
        met(subject.roles.iter().any(|role| role == self.0.value()))
    }
}

/// Looks at whether an app calls for itself.
#[derive(Debug)]
pub(super) struct AppOnlyHandler;

impl Handler for AppOnlyHandler {
    fn handle(&self, subject: &Subject<'_>, _: Option<&Target>) -> Outcome {
        met(subject.app_only)
    }
}

/// Looks at how the app proved who it is; a token that does not say counts as not at all.
#[derive(Debug)]
pub(super) struct CredentialHandler(pub(super) ClientAuthentication);

impl Handler for CredentialHandler {
    fn handle(&self, subject: &Subject<'_>, _: Option<&Target>) -> Outcome {
        met(subject.client_authentication.is_some_and(|used| used >= self.0))
    }
}

/// Looks for the app on a list, with its tenant or with none.
#[derive(Debug)]
pub(super) struct ListedClientHandler(pub(super) BTreeSet<ClientKey>);

impl Handler for ListedClientHandler {
    fn handle(&self, subject: &Subject<'_>, _: Option<&Target>) -> Outcome {
        met(ClientKey::of(subject.tenant, subject.client_id).iter().any(|key| self.0.contains(key)))
    }
}

/// Looks at whether the app, of the same tenant, created the resource; where there is none, it did not.
#[derive(Debug)]
pub(super) struct CreatorHandler;

impl Handler for CreatorHandler {
    fn handle(&self, subject: &Subject<'_>, target: Option<&Target>) -> Outcome {
        let is_creator =
            |target: &Target| (target.tenant, target.created_by) == (subject.tenant, subject.client_id);
        met(target.is_some_and(is_creator))
    }
}

/// Looks at whether there is a resource to decide about.
#[derive(Debug)]
pub(super) struct TargetHandler;

impl Handler for TargetHandler {
    fn handle(&self, _: &Subject<'_>, target: Option<&Target>) -> Outcome {
        met(target.is_some())
    }
}

fn met(met: bool) -> Outcome {
    if met { Outcome::Met } else { Outcome::NotMet }
}
