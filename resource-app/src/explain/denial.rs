//! What to do about a policy's no.

use crate::authentication::Caller;
use crate::authorization::Denial;
use crate::principal::Principal;

pub(super) fn remedies(denial: &Denial, principal: &Principal) -> Vec<String> {
    denial.reasons.iter().filter_map(|reason| remedy(reason, denial, principal.caller()?)).collect()
}

fn remedy(reason: &str, denial: &Denial, caller: &Caller) -> Option<String> {
    match reason {
        "role_missing" => Some(role(denial, caller)),
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
        "target_missing" => Some("decided about each resource, which only a request names".to_owned()),
        _ => None,
    }
}

fn role(denial: &Denial, caller: &Caller) -> String {
    let wanted: Vec<_> = denial.roles.iter().map(|role| role.value()).collect();
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
