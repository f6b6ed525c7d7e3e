//! Checks a token's roles against those granted and those requested without consent.

use serde_json::Value;

use super::{Facts, Found, problem, unknown};
use crate::directory::ServicePrincipal;

impl Facts<'_> {
    /// Checks the roles, and reports the first step to take, which may be consent or a new token.
    pub(super) fn roles(&self) -> Found {
        let (Some(tenant), Some(client)) = (self.tenant, self.client) else {
            return unknown("client", "client");
        };
        let Some(resource) = self.resource else { return unknown("resource", "audience") };
        let Some(inside) = self.roles_inside() else {
            return problem(
                "`roles` is no list of texts",
                "refuse it: Entra writes a list, or leaves the claim out",
            );
        };
        let granted = tenant.roles(&client.application, &resource.application);
        let names = (&client.application.display_name, &resource.application.display_name);
        let missing = self.requested_without_consent(client, resource);
        if !missing.is_empty() {
            return problem(
                format!("{} asks for {} of {} without admin consent", names.0, missing.join(", "), names.1),
                "add a `tenants.grants` entry for each (in Entra: \"Grant admin consent\"), then get a new token",
            );
        }
        let lost: Vec<&str> =
            inside.iter().copied().filter(|role| !granted.iter().any(|g| g == role)).collect();
        if !lost.is_empty() {
            return problem(
                format!("{} in the token, and not granted to {}", lost.join(", "), names.0),
                "grant it in directory.toml, or get a new token: this one keeps the role until it expires",
            );
        }
        let new: Vec<&str> =
            granted.iter().map(String::as_str).filter(|role| !inside.contains(role)).collect();
        if !new.is_empty() {
            return problem(
                format!("{} granted to {}, and not in the token", new.join(", "), names.0),
                "get a new token: roles granted since are only in the next one",
            );
        }
        Ok(if inside.is_empty() { "none, and none is granted".to_owned() } else { inside.join(", ") })
    }

    fn roles_inside(&self) -> Option<Vec<&str>> {
        match self.claims.get("roles") {
            None => Some(Vec::new()),
            Some(roles) => roles.as_array()?.iter().map(Value::as_str).collect(),
        }
    }

    /// Returns the resource's roles that the client's manifest requests and that are not granted.
    fn requested_without_consent(
        &self,
        client: &ServicePrincipal,
        resource: &ServicePrincipal,
    ) -> Vec<String> {
        let (client, resource) = (&client.application, &resource.application);
        let granted = self.tenant.map(|tenant| tenant.granted(client, resource)).unwrap_or_default();
        let Some(registration) = self.registrations.registration(client.client_id) else { return Vec::new() };
        let defined = self.registrations.registration(resource.client_id);
        let name = |id: &str| defined.and_then(|app| app.role(id)).map_or(id, |role| role.name()).to_owned();
        let is_granted = |id: &str| granted.iter().any(|role| role.to_string().eq_ignore_ascii_case(id));
        registration.requested_roles(resource.client_id).filter(|id| !is_granted(id)).map(name).collect()
    }
}
