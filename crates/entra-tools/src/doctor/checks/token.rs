//! Checks that a token is issued, and that its claims are right.

mod refusal;

use entra_shared::azure_ad::Version;
use serde_json::Value;

use super::super::facts::{Acquisition, Facts};
use super::super::finding::Finding;

/// The token lifetime, in seconds, below which the client renews too often.
const SHORT_LIFE: i64 = 300;

/// Checks that the authority, or the managed identity endpoint, issues a token.
pub(super) fn acquired(facts: &Facts) -> Result<Finding, Finding> {
    match &facts.token {
        Some(Ok(_)) => Ok(Finding::pass(format!("acquired for {}", facts.app_id_uri))),
        Some(Err(error)) => Ok(refusal::finding(error)),
        None if facts.acquisition.is_err() => {
            Err(Finding::skipped("there is no credential that can be read"))
        }
        None => Err(Finding::skipped("the authority was not reached, or does not know the tenant")),
    }
}

/// Checks the token's version, which the resource's registration decides and not the endpoint.
pub(super) fn version(facts: &Facts) -> Result<Finding, Finding> {
    let version = facts.claim("ver")?;
    let from = match &facts.acquisition {
        Ok(Acquisition::TokenEndpoint { version, .. }) => format!("the v{version} endpoint"),
        _ => "a managed identity".to_owned(),
    };
    let found = version.map_or_else(
        || format!("the token names none; from {from}"),
        |version| format!("{version}, from {from}"),
    );
    if facts.resource.code() == Some("version_not_accepted") {
        let remedy =
            "Set `requestedAccessTokenVersion` of the resource's registration to a version that it accepts.";
        return Ok(Finding::fail(found, remedy));
    }
    Ok(match version {
        Some(_) => Finding::pass(found),
        None => Finding::warning(
            found,
            "Check that `azure_ad.instance` is Entra ID: its tokens have the claim `ver`.",
        ),
    })
}

/// Checks the token's issuer by the resource's answer, or else by the client's settings.
pub(super) fn issuer(facts: &Facts) -> Result<Finding, Finding> {
    let issuer = facts.claim("iss")?.unwrap_or("none");
    let remedy =
        "Set `azure_ad.instance` and `azure_ad.tenant_id` to those that the resource is set up with.";
    if matches!(facts.resource.code(), Some("issuer_mismatch" | "tenant_mismatch" | "key_issuer_mismatch")) {
        return Ok(Finding::fail(format!("{issuer}, which the resource does not trust"), remedy));
    }
    if facts.resource.accepts() {
        return Ok(Finding::pass(format!("{issuer}, which the resource trusts")));
    }
    let Ok(Acquisition::TokenEndpoint { authority, .. }) = &facts.acquisition else {
        return Err(Finding::skipped(format!("the resource does not tell whether it trusts {issuer}")));
    };
    let version = facts.claims()?.get("ver").and_then(Value::as_str);
    let version =
        version.and_then(|version| Version::try_from(version.to_owned()).ok()).unwrap_or(Version::V2);
    let expected = authority.issuer(version);
    Ok(if issuer == expected {
        Finding::pass(format!("{issuer}, the tenant's"))
    } else {
        Finding::warning(format!("{issuer}; the tenant's is {expected}"), remedy)
    })
}

/// Checks how long the token is valid, and reports when it is renewed.
pub(super) fn lifetime(facts: &Facts) -> Result<Finding, Finding> {
    let token = facts.token()?;
    let seconds = token.expires_at.duration_since(facts.now).as_secs();
    let found = format!(
        "{} min, to {}; `serve` renews it from {} on",
        (seconds + 30) / 60,
        token.expires_at,
        token.renewed_from
    );
    Ok(if seconds < SHORT_LIFE {
        Finding::warning(found, "Have the administrator raise the token lifetime policy of the resource.")
    } else {
        Finding::pass(found)
    })
}
