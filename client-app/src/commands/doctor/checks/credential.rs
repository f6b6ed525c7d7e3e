//! What the client proves itself with: whether it can be read, and how long it lasts.

use jiff::Timestamp;

use super::super::facts::{CredentialFacts, Facts, Lasting, Way};
use super::super::finding::Finding;

/// From how many days before a credential expires there is a warning.
const WARN_FROM_DAYS: i64 = 30;

/// Whether there is one, and which one is used.
pub(super) fn readable(facts: &Facts) -> Finding {
    let (credentials, passed_over) = match &facts.way {
        Err(error) => {
            let remedy = "Correct the key, or the file that it names.";
            return Finding::fail(error.to_string(), remedy);
        }
        Ok(Way::ManagedIdentity(origin)) => {
            return Finding::pass(format!("managed identity, from {origin}"));
        }
        Ok(Way::TokenEndpoint { credentials, passed_over, .. }) => (credentials, passed_over),
    };
    let is_taken = |credential: &&CredentialFacts| !credential.is_refused;
    let used = credentials.iter().find(is_taken).or(credentials.first());
    let mut found = used.map(|credential| credential.name.clone()).unwrap_or_default();
    if !passed_over.is_empty() {
        found = format!("{found}; passed over: {}", passed_over.join(", "));
    }
    let refused: Vec<&str> = credentials.iter().filter(|c| c.is_refused).map(|c| c.name.as_str()).collect();
    // With no token, the check of the token says what the authority thinks of them.
    if refused.is_empty() || facts.token().is_err() {
        return Finding::pass(found);
    }
    let refused = refused.join(", ");
    Finding::warning(format!("{found}; refused: {refused}"), format!("Renew {refused}, or remove it."))
}

/// How long each of them lasts.
pub(super) fn expiry(facts: &Facts) -> Result<Finding, Finding> {
    let credentials = match &facts.way {
        Err(_) => return Err(Finding::skipped("there is no credential that can be read")),
        Ok(Way::ManagedIdentity(_)) => {
            return Err(Finding::skipped("a managed identity has nothing that expires"));
        }
        Ok(Way::TokenEndpoint { credentials, .. }) => credentials,
    };
    let known: Vec<(&str, Timestamp)> = credentials
        .iter()
        .filter_map(|credential| match credential.lasting {
            Lasting::Until(at) => Some((credential.name.as_str(), at)),
            Lasting::Unknown | Lasting::Renewed => None,
        })
        .collect();
    if known.is_empty() {
        return Err(Finding::skipped(unknown(credentials)));
    }
    let days = |at: Timestamp| at.duration_since(facts.now).as_secs().div_euclid(86_400);
    let told = |&(name, at): &(&str, Timestamp)| match days(at) {
        days if days < 0 => format!("{name} expired at {}", second(at)),
        days => format!("{name} expires in {days} days, at {}", second(at)),
    };
    let found = known.iter().map(told).collect::<Vec<_>>().join("; ");
    let expired = known.iter().filter(|(_, at)| days(*at) < 0).count();
    if expired == credentials.len() {
        let remedy = "Register a new one, and put it in place of the expired one.";
        return Ok(Finding::fail(found, remedy));
    }
    if known.iter().any(|(_, at)| days(*at) < WARN_FROM_DAYS) {
        return Ok(Finding::warning(found, "Register a new one, and put it in place before that time."));
    }
    Ok(Finding::pass(found))
}

fn unknown(credentials: &[CredentialFacts]) -> &'static str {
    if credentials.iter().all(|credential| matches!(credential.lasting, Lasting::Renewed)) {
        "a federated token is renewed by whoever issues it"
    } else {
        "a secret does not say; its day can be set as `azure_ad.client_secret_expires_on`"
    }
}

fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
