//! Checks that the client's credential can be read, and how long it is valid.

use jiff::Timestamp;

use super::super::facts::{Acquisition, CredentialFacts, CredentialLifetime, Facts};
use super::super::finding::Finding;

/// A credential that expires within this many days gets a warning.
const WARN_FROM_DAYS: i64 = 30;

/// Checks that there is a credential, and names the one in use.
pub(super) fn readable(facts: &Facts) -> Finding {
    let (credentials, ignored_settings) = match &facts.acquisition {
        Err(error) => {
            let remedy = "Correct the key, or the file that it names.";
            return Finding::fail(error, remedy);
        }
        Ok(Acquisition::ManagedIdentity(origin)) => {
            return Finding::pass(format!("managed identity, from {origin}"));
        }
        Ok(Acquisition::TokenEndpoint { credentials, ignored_settings, .. }) => {
            (credentials, ignored_settings)
        }
    };
    let is_accepted = |credential: &&CredentialFacts| !credential.is_refused;
    let used = credentials.iter().find(is_accepted).or(credentials.first());
    let mut found = used.map(|credential| credential.name.clone()).unwrap_or_default();
    if !ignored_settings.is_empty() {
        found = format!("{found}; ignored: {}", ignored_settings.join(", "));
    }
    let refused: Vec<&str> = credentials.iter().filter(|c| c.is_refused).map(|c| c.name.as_str()).collect();
    // Without a token, the check of the token reports which credentials the authority refuses.
    if refused.is_empty() || facts.token().is_err() {
        return Finding::pass(found);
    }
    let refused = refused.join(", ");
    Finding::warning(format!("{found}; refused: {refused}"), format!("Renew {refused}, or remove it."))
}

/// Checks how long each credential is valid.
pub(super) fn expiry(facts: &Facts) -> Result<Finding, Finding> {
    let credentials = match &facts.acquisition {
        Err(_) => return Err(Finding::skipped("there is no credential that can be read")),
        Ok(Acquisition::ManagedIdentity(_)) => {
            return Err(Finding::skipped("a managed identity has nothing that expires"));
        }
        Ok(Acquisition::TokenEndpoint { credentials, .. }) => credentials,
    };
    let known: Vec<(&str, Timestamp)> = credentials
        .iter()
        .filter_map(|credential| match credential.lifetime {
            CredentialLifetime::Until(at) => Some((credential.name.as_str(), at)),
            CredentialLifetime::Unknown | CredentialLifetime::Renewed => None,
        })
        .collect();
    if known.is_empty() {
        return Err(Finding::skipped(unknown(credentials)));
    }
    let days = |at: Timestamp| at.duration_since(facts.now).as_secs().div_euclid(86_400);
    let describe = |&(name, at): &(&str, Timestamp)| match days(at) {
        days if days < 0 => format!("{name} expired at {}", second(at)),
        days => format!("{name} expires in {days} days, at {}", second(at)),
    };
    let found = known.iter().map(describe).collect::<Vec<_>>().join("; ");
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
    if credentials.iter().all(|credential| matches!(credential.lifetime, CredentialLifetime::Renewed)) {
        "a federated token is renewed by its issuer"
    } else {
        "a secret does not tell; set its last day as `azure_ad.client_secret_expires_on`"
    }
}

fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
