//! Checks which app a token's client is, and that no user is involved.

use entra_shared::ids::ObjectId;
use serde_json::Value;

use super::{Facts, Found, problem};

impl Facts<'_> {
    /// Checks that the client is in the tenant, and that the claim for it fits the token's version.
    pub(super) fn client(&self) -> Found {
        let (mine, others) = if self.text("ver") == "2.0" { ("azp", "appid") } else { ("appid", "azp") };
        if self.claims.contains_key(others) {
            return problem(
                format!("`{others}` is not a claim of a {} token", self.text("ver")),
                format!("refuse it: the client is named by `{mine}` in this version"),
            );
        }
        let Some(client) = self.client else {
            return problem(
                format!("the tenant has no app `{}`", self.text(mine)),
                "add the app to the tenant's `service_principals`, or use a client that is there",
            );
        };
        let name = &client.application.display_name;
        if !client.enabled {
            let remedy =
                "remove `enabled = false` in directory.toml; until then the client gets no new token";
            return problem(format!("{name} is disabled"), remedy);
        }
        if ObjectId::parse(self.text("oid")).ok() != Some(client.object_id) {
            return problem(
                format!("`oid` is not the object id of {name} in this tenant, {}", client.object_id),
                "correct `object_id` in directory.toml, or get a new token",
            );
        }
        Ok(name.clone())
    }

    /// Checks that the client authenticated in a documented way.
    pub(super) fn class(&self) -> Found {
        let name = if self.text("ver") == "2.0" { "azpacr" } else { "appidacr" };
        match self.claims.get(name).and_then(Value::as_str) {
            Some("1") => Ok("the client proved itself with a secret".to_owned()),
            Some("2") => {
                Ok("the client proved itself with a certificate or a federated credential".to_owned())
            }
            Some("0") => problem(
                format!("`{name}` is 0: a public client, which proved nothing"),
                "refuse it: an app that acts for itself has a credential",
            ),
            _ => problem(
                format!("`{name}` is missing or not one of 0, 1 and 2"),
                "refuse it: Entra always tells how the client proved itself",
            ),
        }
    }

    /// Checks that the token is not a user's.
    pub(super) fn app_only(&self) -> Found {
        let remedy =
            "get a token with the client credentials grant; a user's token holds `scp`, not app roles";
        if self.claims.contains_key("scp") {
            return problem("`scp` is there: the token is a user's", remedy);
        }
        match self.claims.get("idtyp").and_then(Value::as_str) {
            Some(kind) if kind != "app" => problem(format!("`idtyp` is `{kind}`"), remedy),
            None if self.text("sub").is_empty() || self.text("sub") != self.text("oid") => {
                problem("`sub` is not `oid`: the subject is not the client itself", remedy)
            }
            _ => Ok("a service got the token for itself".to_owned()),
        }
    }
}
