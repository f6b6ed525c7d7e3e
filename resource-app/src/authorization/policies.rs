//! The policies of this API.

use super::policy::NamedPolicy;
use super::requirement::Requirement;
use super::role::Role;

/// May list and read resources.
#[derive(Debug)]
pub struct ReadPolicy;

impl NamedPolicy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";

    fn requirements() -> Vec<Requirement> {
        vec![Requirement::app_only(), Requirement::role(Role::ResourceRead)]
    }
}

/// May create, replace and delete resources.
#[derive(Debug)]
pub struct WritePolicy;

impl NamedPolicy for WritePolicy {
    const NAME: &'static str = "WritePolicy";

    fn requirements() -> Vec<Requirement> {
        vec![Requirement::app_only(), Requirement::role(Role::ResourceWrite)]
    }
}

/// Is an app with a validated token, whatever its roles.
#[derive(Debug)]
pub struct DefaultPolicy;

impl NamedPolicy for DefaultPolicy {
    const NAME: &'static str = "DefaultPolicy";

    fn requirements() -> Vec<Requirement> {
        vec![Requirement::app_only()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::{Policy, Subject};

    /// The reasons of a denial; none where the policy says yes.
    fn denied<P: NamedPolicy>(app_only: bool, roles: &[&str]) -> Vec<&'static str> {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        let subject = Subject { app_only, roles: &roles, development: false };
        Policy::of::<P>().unwrap().decide(&subject).map_or_else(|denial| denial.reasons, |()| Vec::new())
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
    fn a_denial_names_the_roles_that_would_have_done() {
        let nobody = Subject { app_only: true, roles: &[], development: false };
        let roles = |policy: Policy| policy.decide(&nobody).unwrap_err().roles;
        assert_eq!(roles(Policy::of::<ReadPolicy>().unwrap()), [Role::ResourceRead]);
        assert_eq!(roles(Policy::of::<WritePolicy>().unwrap()), [Role::ResourceWrite]);
    }
}
