//! Checks a token's claims against the directory. Each failed check has one remedy.

mod client;
mod roles;
mod times;

use entra_shared::ids::{ClientId, TenantId};
use jiff::Timestamp;
use serde_json::{Map, Value};
use url::Url;

use crate::directory::{Registrations, ServicePrincipal, Tenant};
use crate::origin::is_entras;

/// A check and its result.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) found: Result<String, Problem>,
}

/// A problem of the token, with the remedy.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) remedy: String,
}

type Found = Result<String, Problem>;

fn problem(text: impl Into<String>, remedy: impl Into<String>) -> Found {
    Err(Problem { text: text.into(), remedy: remedy.into() })
}

/// The token's claims, and the directory entries that they name.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    header: &'a Map<String, Value>,
    claims: &'a Map<String, Value>,
    registrations: &'a Registrations,
    now: Timestamp,
    tenant: Option<&'a Tenant>,
    client: Option<&'a ServicePrincipal>,
    resource: Option<&'a ServicePrincipal>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        header: &'a Map<String, Value>,
        claims: &'a Map<String, Value>,
        registrations: &'a Registrations,
        now: Timestamp,
    ) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let tenant =
            TenantId::parse(text("tid")).ok().and_then(|tenant| registrations.directory().tenant(tenant));
        let client = ClientId::parse(text("azp")).or_else(|_| ClientId::parse(text("appid"))).ok();
        let client = client.and_then(|client| tenant?.principal(client));
        let resource = tenant.and_then(|tenant| tenant.resource(text("aud")));
        Self { header, claims, registrations, now, tenant, client, resource }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let check = |name, found| Check { name, found };
        vec![
            check("signing", self.signing()),
            check("tenant", self.tenant()),
            check("issuer", self.issuer()),
            check("audience", self.audience()),
            check("version", self.version()),
            check("client", self.client()),
            check("class", self.class()),
            check("app-only", self.app_only()),
            check("roles", self.roles()),
            check("times", self.times()),
        ]
    }

    fn text(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn signing(&self) -> Found {
        let member = |name: &str| self.header.get(name).and_then(Value::as_str).unwrap_or_default();
        match (member("alg"), member("kid")) {
            ("RS256", kid) if !kid.is_empty() => Ok(format!("RS256 with the key {kid}")),
            ("RS256", _) => {
                problem("the header names no key", "refuse it: Entra always names the key (`kid`)")
            }
            (other, _) => problem(format!("the algorithm is `{other}`"), "refuse it: Entra signs with RS256"),
        }
    }

    fn tenant(&self) -> Found {
        match self.tenant {
            Some(tenant) => Ok(format!("{} ({})", tenant.display_name, tenant.id)),
            None => problem(
                format!("the directory has no tenant `{}`", self.text("tid")),
                "ask for the token at a tenant of the directory, or add the tenant to directory.toml",
            ),
        }
    }

    /// Checks that the issuer names the tenant in the form of the token's version.
    fn issuer(&self) -> Found {
        let (issuer, tenant) = (self.text("iss"), self.text("tid"));
        let base = match self.text("ver") {
            "2.0" => issuer.strip_suffix(&format!("/{tenant}/v2.0")),
            _ => issuer.strip_suffix(&format!("/{tenant}/")),
        };
        let url = base.and_then(|base| Url::parse(base).ok()).filter(|url| url.scheme() == "https");
        let (Some(url), false) = (url, tenant.is_empty()) else {
            return problem(
                format!("`{issuer}` is not the form of a {} token of this tenant", self.text("ver")),
                "refuse it: v1.0 tokens have https://host/tid/, v2.0 tokens https://host/tid/v2.0",
            );
        };
        let host = url.host_str().unwrap_or_default();
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return problem(
                format!("`{issuer}` has more in it than host and tenant"),
                "refuse it, unless that is the path of the stand-in's `server.public_url`",
            );
        }
        if is_entras(host) {
            return Ok(format!("issued by {host}, a host of Entra's; the signature is not verified"));
        }
        Ok(format!("issued by {host}, which is not verified: compare it with your authority's"))
    }

    fn audience(&self) -> Found {
        let audience = self.text("aud");
        let Some(resource) = self.resource else {
            return problem(
                format!("`{audience}` is no app of the tenant"),
                "ask with the App ID URI or client id of an app in the directory, as `{App ID URI}/.default`",
            );
        };
        if self.text("ver") == "2.0" && ClientId::parse(audience).is_err() {
            return problem(
                format!("`{audience}` is an App ID URI, and this is a v2.0 token"),
                "refuse it: the audience of a v2.0 token is the resource's client id",
            );
        }
        Ok(resource.application.display_name.clone())
    }

    fn version(&self) -> Found {
        let Some(resource) = self.resource else { return unknown("resource", "audience") };
        let (token, asked) = (self.text("ver"), resource.application.token_version.as_str());
        if token == asked {
            return Ok(format!("{token}, as the resource asks for"));
        }
        problem(
            format!("{token}, and the resource asks for {asked}"),
            "set `api.requestedAccessTokenVersion` in the resource's manifest, then get a new token",
        )
    }
}

fn unknown(what: &str, check: &str) -> Found {
    problem(format!("the {what} is not known"), format!("fix what `{check}` found first"))
}
