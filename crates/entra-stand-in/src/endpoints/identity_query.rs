//! The query of a request for a managed identity's token.

use std::sync::Arc;

use super::AppState;
use crate::directory::IdentityName;
use crate::tenants::LiveTenant;

/// Returns the tenant of the identity that a query names.
pub(super) fn tenant(query: Option<&str>, state: &AppState) -> Option<Arc<LiveTenant>> {
    let parameters = parameters(query);
    let name = named(&parameters).ok()?;
    state.tenants.tenant(state.directory.managed_identity(name)?.0.id)
}

/// Reads which identity the parameters name; at most one id is allowed.
pub(super) fn named(parameters: &[(String, String)]) -> Result<IdentityName<'_>, TooManyNames> {
    let mut names = parameters.iter().filter_map(|(name, value)| match name.as_str() {
        "client_id" => Some(IdentityName::ClientId(value)),
        // App Service calls it `principal_id` as well.
        "object_id" | "principal_id" => Some(IdentityName::ObjectId(value)),
        // Newer clients send `mi_res_id`.
        "mi_res_id" | "msi_res_id" => Some(IdentityName::ResourceId(value)),
        _ => None,
    });
    match (names.next(), names.next()) {
        (name, None) => Ok(name.unwrap_or(IdentityName::Default)),
        _ => Err(TooManyNames),
    }
}

/// The query names an identity by more than one id.
pub(super) struct TooManyNames;

/// Returns the decoded pairs of a query.
pub(super) fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Returns the value of a parameter; an empty one counts as absent.
pub(super) fn value<'p>(parameters: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let found = parameters.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}
