//! The resource: whether it answers, takes the token, and finds the roles in it that it demands.

mod codes;

use std::collections::{BTreeMap, BTreeSet};

use entra_shared::http_client::{is_other_scheme, is_untrusted};
use entra_shared::ids::AppRole;
use entra_shared::one_line;
use serde_json::Value;

use super::super::facts::{Facts, Verdict};
use super::super::finding::Finding;
use crate::resource_client::ResourceError;

/// How many operations are named that a role is missing for.
const NAMED_OPERATIONS: usize = 2;

/// Whether it answers.
pub(super) fn reached(facts: &Facts) -> Finding {
    let base_url = &facts.resource.base_url;
    let Err(error) = &facts.resource.operations else {
        return Finding::pass(format!("{base_url} answers"));
    };
    match error {
        ResourceError::Unreachable { source, .. } if is_untrusted(source) => Finding::fail(
            format!("the certificate of {base_url} is not trusted"),
            "Name its CA in `http_client.ca_file` (HTTP_CLIENT__CA_FILE).",
        ),
        ResourceError::Unreachable { source, .. } if is_other_scheme(source) => Finding::fail(
            format!("{base_url} seems to speak the other one of http and https"),
            "Correct the scheme of `resource.base_url` (RESOURCE__BASE_URL).",
        ),
        ResourceError::Unreachable { source, .. } => Finding::fail(
            format!("no answer from {base_url}: {}", one_line(source)),
            "Start the resource, or correct `resource.base_url` (RESOURCE__BASE_URL).",
        ),
        other => Finding::fail(one_line(other), "Correct `resource.base_url` (RESOURCE__BASE_URL)."),
    }
}

/// Whether the token is for this resource. Only the resource knows: by its verdict.
pub(super) fn audience(facts: &Facts) -> Result<Finding, Finding> {
    let audience = facts.claim("aud")?.unwrap_or("none");
    if facts.resource.accepts() {
        return Ok(Finding::pass(format!("{audience}, which the resource takes")));
    }
    if facts.resource.code() == Some("audience_mismatch") {
        return Ok(Finding::fail(
            format!("{audience}, which is not the resource's"),
            "Set `resource.app_id_uri` (RESOURCE__APP_ID_URI) to the App ID URI of the resource's registration.",
        ));
    }
    Err(Finding::skipped(format!("the resource has not said whether it takes {audience}")))
}

/// What the resource makes of the token as a whole.
pub(super) fn acceptance(facts: &Facts) -> Result<Finding, Finding> {
    let verdict = match &facts.resource.verdict {
        Some(verdict) => verdict,
        None if facts.resource.operations.is_err() => {
            return Err(Finding::skipped("the resource does not answer"));
        }
        None => return Err(Finding::skipped("there is no token")),
    };
    let (status, problem) = match verdict {
        Verdict::Accepted => return Ok(Finding::pass("the resource accepts the token (GET /api/caller)")),
        Verdict::NotTold(status) => {
            let reason =
                format!("the resource does not tell what it makes of a token (GET /api/caller: {status})");
            return Err(Finding::skipped(reason));
        }
        Verdict::Failed(error) => {
            return Ok(Finding::fail(one_line(error), "Read the resource's log by the request id."));
        }
        Verdict::Refused { status, problem } => (status, problem),
    };
    let Some(problem) = problem else {
        return Ok(Finding::fail(format!("{status}, without a problem"), codes::UNKNOWN));
    };
    let found = format!("{} {}", status.as_u16(), problem.code);
    match codes::told_by(&problem.code) {
        Some(check) => Err(Finding::skipped(format!("{found}: see {check}"))),
        None => Ok(Finding::fail(found, codes::remedy(&problem.code))),
    }
}

/// Whether the roles that are needed were granted.
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
    let told = missing.iter().map(|(role, operations)| told(role, operations));
    let roles = join(missing.keys().map(String::as_str));
    Ok(Finding::fail(
        format!("{shown}; missing: {}", told.collect::<Vec<_>>().join("; ")),
        format!("Grant {roles} to this client under API permissions, with admin consent."),
    ))
}

/// The roles that are not granted, and what they are needed for.
fn missing(facts: &Facts, granted: &BTreeSet<&str>) -> Result<BTreeMap<String, Vec<String>>, Finding> {
    if !facts.needs.is_empty() {
        let missing = facts.needs.iter().map(AppRole::as_str).filter(|role| !granted.contains(role));
        return Ok(missing.map(|role| (role.to_owned(), Vec::new())).collect());
    }
    let operations = match &facts.resource.operations {
        Err(_) => {
            return Err(Finding::skipped("the resource does not answer; `--needs` names roles in its place"));
        }
        Ok(Err(status)) => {
            let reason = format!(
                "the resource publishes no roles (GET /openapi.json: {status}); `--needs` names them"
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
        // Of several ways in, the one that lacks least.
        let fewest = operation.alternatives.iter().map(lacks).min_by_key(Vec::len).unwrap_or_default();
        for role in fewest {
            missing.entry(role).or_default().push(operation.name.clone());
        }
    }
    Ok(missing)
}

fn told(role: &str, operations: &[String]) -> String {
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
