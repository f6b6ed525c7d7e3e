//! The remedies for a denial by a policy.

use crate::AppRole;
use crate::answers::codes;
use crate::authentication::Caller;
use crate::principal::Principal;

/// Returns the remedy for a reason of a policy that requires one of these roles; empty for a reason that a team's own
/// requirement added.
pub(super) fn for_reason(reason: &str, roles: &[AppRole], principal: &Principal) -> String {
    let of_caller = principal.caller().and_then(|caller| of_caller(reason, roles, caller));
    let of_code = || codes().iter().find(|code| code.code == reason).map(|code| code.remedy.to_owned());
    of_caller.or_else(of_code).unwrap_or_default()
}

fn of_caller(reason: &str, roles: &[AppRole], caller: &Caller) -> Option<String> {
    match reason {
        "role_missing" => Some(of_role(roles, caller)),
        "not_app_only" => Some(
            "the token is a user's; get one for the app itself, with the client credentials grant".to_owned(),
        ),
        "credential_too_weak" => Some(
            "the client proved itself with a secret, or not at all; have it use a certificate or a federated credential"
                .to_owned(),
        ),
        "client_not_allowed" => {
            Some(format!("{} is not among the clients that the settings allow", caller.client_id()))
        }
        _ => None,
    }
}

fn of_role(roles: &[AppRole], caller: &Caller) -> String {
    let wanted: Vec<_> = roles.iter().map(AppRole::value).collect();
    let wanted = wanted.join(" and ");
    let client = caller.client_id();
    if caller.roles().is_empty() {
        format!(
            "the token has no roles: nothing was granted to the client {client}, or admin consent was not given; grant \
             {wanted} under API permissions of its registration, give admin consent, and get a new token"
        )
    } else {
        format!(
            "the token has the roles {:?} and not {wanted}, which is compared exactly; grant it to the client {client} \
             under API permissions of its registration, give admin consent, and get a new token",
            caller.roles()
        )
    }
}
