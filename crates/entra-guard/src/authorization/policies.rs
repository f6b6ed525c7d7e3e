//! The policies of this API.

use super::policy::{NamedPolicy, ResourcePolicy};
use super::requirement::Requirement;
use super::role::Role;

/// The policies that callers are judged by.
pub const CALLER_POLICIES: [&str; 3] = [DefaultPolicy::NAME, ReadPolicy::NAME, WritePolicy::NAME];

/// The policies that are about one resource.
pub const RESOURCE_POLICIES: [&str; 1] = [OwnerPolicy::NAME];

/// May list and read resources.
#[derive(Debug)]
pub struct ReadPolicy;

impl NamedPolicy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";

    fn requirements() -> Vec<Requirement> {
        of_an_app_with(Role::ResourceRead)
    }
}

/// May create, replace and delete resources.
#[derive(Debug)]
pub struct WritePolicy;

impl NamedPolicy for WritePolicy {
    const NAME: &'static str = "WritePolicy";

    fn requirements() -> Vec<Requirement> {
        of_an_app_with(Role::ResourceWrite)
    }
}

/// Is an app with a validated token, whatever its roles.
#[derive(Debug)]
pub struct DefaultPolicy;

impl NamedPolicy for DefaultPolicy {
    const NAME: &'static str = "DefaultPolicy";

    fn requirements() -> Vec<Requirement> {
        of_an_app()
    }
}

/// May replace or delete this resource: any that exists, or only what it created, as the settings say.
///
/// A caller who may write learns from a 403 that there is such a resource. So they do without this policy, from
/// the 412 that a wrong `If-Match` brings; what is in it needs [`ReadPolicy`] either way.
#[derive(Debug)]
pub struct OwnerPolicy;

impl NamedPolicy for OwnerPolicy {
    const NAME: &'static str = "OwnerPolicy";

    fn requirements() -> Vec<Requirement> {
        vec![Requirement::target()]
    }
}

impl ResourcePolicy for OwnerPolicy {
    type Caller = WritePolicy;
}

fn of_an_app() -> Vec<Requirement> {
    vec![Requirement::app_only(), Requirement::confidential_client()]
}

fn of_an_app_with(role: Role) -> Vec<Requirement> {
    let mut requirements = of_an_app();
    requirements.push(Requirement::role(role));
    requirements
}

#[cfg(test)]
mod tests {
    use entra_shared::claims::ClientAuthentication;

    use super::*;
    use crate::authorization::{Policy, Subject};

    /// The reasons of a denial; none where the policy says yes.
    fn denied<P: NamedPolicy>(app_only: bool, roles: &[&str]) -> Vec<&'static str> {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        let subject = Subject { app_only, ..Subject::app(&roles) };
        Policy::of::<P>().unwrap().decide(&subject, None).map_or_else(|denial| denial.reasons, |_| Vec::new())
    }

    #[test]
    fn each_role_opens_its_own_policy_and_no_other() {
        let (read, write) = ("Resource.Read", "Resource.Write");
        let cases: [(&[&str], bool, bool); 5] = [
            (&[], false, false),
            (&[read], true, false),
            (&[write], false, true),
            (&[write, read], true, true),
            (&[read, read], true, false),
        ];
        for (roles, may_read, may_write) in cases {
            assert_eq!(denied::<ReadPolicy>(true, roles).is_empty(), may_read, "{roles:?}");
            assert_eq!(denied::<WritePolicy>(true, roles).is_empty(), may_write, "{roles:?}");
            assert!(denied::<DefaultPolicy>(true, roles).is_empty());
        }
    }

    #[test]
    fn a_role_counts_exactly_as_it_is_written() {
        for role in [
            "resource.read",
            "RESOURCE.READ",
            " Resource.Read",
            "Resource.Read ",
            "Resource.Read\u{200b}",
            "Resource.Read Resource.Write",
            "Resource.Read,Resource.Write",
            "Resource.Read.All",
            "Resource.ReadWrite",
            "XResource.Read",
            "Resource.*",
            "*",
            "",
        ] {
            assert_eq!(denied::<ReadPolicy>(true, &[role]), ["role_missing"], "{role}");
        }
    }

    #[test]
    fn a_user_with_the_role_does_not_pass() {
        assert_eq!(denied::<ReadPolicy>(false, &["Resource.Read"]), ["not_app_only"]);
        assert_eq!(denied::<WritePolicy>(false, &[]), ["not_app_only", "role_missing"]);
        assert_eq!(denied::<DefaultPolicy>(false, &[]), ["not_app_only"]);
    }

    #[test]
    fn an_app_that_did_not_prove_who_it_is_does_not_pass() {
        let roles = ["Resource.Read".to_owned()];
        let read = Policy::of::<ReadPolicy>().unwrap();
        for (client_authentication, passes) in [
            (None, false),
            (Some(ClientAuthentication::Public), false),
            (Some(ClientAuthentication::Secret), true),
            (Some(ClientAuthentication::Certificate), true),
        ] {
            let subject = Subject { client_authentication, ..Subject::app(&roles) };
            let decision = read.decide(&subject, None).map_err(|denial| denial.reasons);
            assert_eq!(decision, if passes { Ok(vec![]) } else { Err(vec!["credential_too_weak"]) });
        }
    }

    #[test]
    fn a_denial_names_the_roles_that_would_have_done() {
        let roles = |policy: Policy| policy.decide(&Subject::app(&[]), None).unwrap_err().roles;
        assert_eq!(roles(Policy::of::<ReadPolicy>().unwrap()), [Role::ResourceRead]);
        assert_eq!(roles(Policy::of::<WritePolicy>().unwrap()), [Role::ResourceWrite]);
    }
}
