//! Checks that the resource answers, accepts the token, and that the token has the roles it requires.

mod codes;

use std::collections::{BTreeMap, BTreeSet};

use entra_shared::http_client::{CertificateFault, is_other_scheme, proxy_refusal, refusing_proxy};
use entra_shared::ids::AppRole;
use entra_shared::one_line;
use http::StatusCode;
use serde_json::Value;

use super::super::facts::{Facts, Verdict};
use super::super::finding::Finding;

/// The maximum number of operations listed for a missing role.
const NAMED_OPERATIONS: usize = 2;

/// Checks that the resource answers.
pub(super) fn reached(facts: &Facts) -> Finding {
    let base_url = &facts.resource.base_url;
    let is_proxys = matches!(&facts.resource.operations, Ok(Err(StatusCode::PROXY_AUTHENTICATION_REQUIRED)));
    if let Some(refusal) = refusing_proxy("http").filter(|_| is_proxys) {
        return Finding::fail(
            format!("no answer from {base_url}: {refusal}"),
            "Correct the proxy's credentials in the URL of its variable.",
        );
    }
    let Err(error) = &facts.resource.operations else {
        return match &facts.resource.redirect {
            None => Finding::pass(format!("{base_url} answers")),
            Some(location) => Finding::fail(
                format!("{base_url} redirects to {}", location.escape_debug()),
                "Set `resource.base_url` (RESOURCE__BASE_URL) to where it redirects: tokens are sent to no other address.",
            ),
        };
    };
    if let Some(fault) = CertificateFault::from_error(error) {
        Finding::fail(format!("the certificate of {base_url} {}", fault.problem()), fault.remedy())
    } else if is_other_scheme(error) {
        Finding::fail(
            format!("{base_url} seems to speak the other one of http and https"),
            "Correct the scheme of `resource.base_url` (RESOURCE__BASE_URL).",
        )
    } else {
        let cause = proxy_refusal(error).unwrap_or_else(|| one_line(error));
        Finding::fail(
            format!("no answer from {base_url}: {cause}"),
            "Start the resource, or correct `resource.base_url` (RESOURCE__BASE_URL).",
        )
    }
}

/// Checks that the token is for this resource, which only the resource can tell.
pub(super) fn audience(facts: &Facts) -> Result<Finding, Finding> {
    let audience = facts.claim("aud")?.unwrap_or("none");
    if facts.resource.accepts() {
        return Ok(Finding::pass(format!("{audience}, which the resource accepts")));
    }
    if facts.resource.code() == Some("audience_mismatch") {
        return Ok(Finding::fail(
            format!("{audience}, which is not the resource's"),
            "Set `resource.app_id_uri` (RESOURCE__APP_ID_URI) to the App ID URI of the resource's registration.",
        ));
    }
    Err(Finding::skipped(format!("the resource does not tell whether it accepts {audience}")))
}

/// Checks that the resource accepts the token as a whole.
pub(super) fn acceptance(facts: &Facts) -> Result<Finding, Finding> {
    let verdict = match &facts.resource.verdict {
        Some(verdict) => verdict,
        None if facts.resource.operations.is_err() => {
            return Err(Finding::skipped("the resource does not answer"));
        }
        None => return Err(Finding::skipped("there is no token")),
    };
    let (status, code) = match verdict {
        Verdict::Accepted => return Ok(Finding::pass("the resource accepts the token (GET /api/caller)")),
        Verdict::NoSuchRoute(status) => {
            let reason = format!(
                "the resource does not tell whether it accepts the token (GET /api/caller: {status})"
            );
            return Err(Finding::skipped(reason));
        }
        Verdict::Failed(error) => {
            return Ok(Finding::fail(one_line(error), "Read the resource's log by the request id."));
        }
        Verdict::Refused { status, code } => (status, code),
    };
    let Some(code) = code else {
        return Ok(Finding::fail(format!("{status}, without a problem document"), codes::UNKNOWN));
    };
    let found = format!("{} {}", status.as_u16(), code);
    match codes::covering_check(code) {
        Some(check) => Err(Finding::skipped(format!("{found}: see {check}"))),
        None => Ok(Finding::fail(found, codes::remedy(code))),
    }
}

/// Checks that the needed roles are granted.
pub(super) fn roles(facts: &Facts) -> Result<Finding, Finding> {
    let granted: BTreeSet<&str> = facts
        .claims()?
        .get("roles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let missing = missing(facts, &granted)?;
    let shown = if granted.is_empty() { "none".to_owned() } else { join(granted.iter().copied()) };
    if missing.is_empty() {
        return Ok(Finding::pass(shown));
    }
    let described = missing.iter().map(|(role, operations)| describe_missing(role, operations));
    let roles = join(missing.keys().map(String::as_str));
    Ok(Finding::fail(
        format!("{shown}; missing: {}", described.collect::<Vec<_>>().join("; ")),
        format!("Grant {roles} to this client under API permissions, with admin consent."),
    ))
}

/// Returns the missing roles, each with the operations that require it.
fn missing(facts: &Facts, granted: &BTreeSet<&str>) -> Result<BTreeMap<String, Vec<String>>, Finding> {
    if !facts.needed_roles.is_empty() {
        let missing = facts.needed_roles.iter().map(AppRole::as_str).filter(|role| !granted.contains(role));
        return Ok(missing.map(|role| (role.to_owned(), Vec::new())).collect());
    }
    let operations = match &facts.resource.operations {
        Err(_) => {
            return Err(Finding::skipped("the resource does not answer; name the roles with `--needs`"));
        }
        Ok(Err(status)) => {
            let reason = format!(
                "the resource publishes no roles (GET /openapi.json: {status}); name them with `--needs`"
            );
            return Err(Finding::skipped(reason));
        }
        Ok(Ok(operations)) => operations,
    };
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in operations {
        let lacks = |roles: &BTreeSet<String>| -> Vec<String> {
            roles.iter().filter(|role| !granted.contains(role.as_str())).cloned().collect()
        };
        // Of several alternatives, the one with the fewest missing roles.
        let fewest = operation.alternatives.iter().map(lacks).min_by_key(Vec::len).unwrap_or_default();
        for role in fewest {
            missing.entry(role).or_default().push(operation.name.clone());
        }
    }
    Ok(missing)
}

fn describe_missing(role: &str, operations: &[String]) -> String {
    if operations.is_empty() {
        return role.to_owned();
    }
    let named = join(operations.iter().take(NAMED_OPERATIONS).map(String::as_str));
    let more = operations.len().saturating_sub(NAMED_OPERATIONS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{role}, for {named}{more}")
}

fn join<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}
