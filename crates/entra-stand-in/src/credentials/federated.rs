//! Federated credentials, by which tokens of another identity provider authenticate the app.
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};
use uuid::Uuid;

use super::assertion::{Audience, Claims};
use crate::errors::{AssertionRefusal, Echo, Part};

/// The audience of federated credentials that accept Entra's own tokens for managed identities.
const TOKEN_EXCHANGE_URI: &str = "api://AzureADTokenExchange";

/// The first-party app with that App ID URI, and so the `aud` of v2.0 tokens for it.
const TOKEN_EXCHANGE_APP: &str = "fb60f99c-7a34-4190-8149-302f77469936";

/// The longest issuer, subject or audience, in characters, as at Microsoft Graph.
const MAX_TEXT: usize = 600;

/// An issuer, subject and audience whose tokens authenticate an app; Microsoft Graph's `federatedIdentityCredentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FederatedCredential {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// Exactly one, usually `api://AzureADTokenExchange`.
    pub(crate) audiences: Vec<String>,
}

impl FederatedCredential {
    /// Creates a credential with a random name, under Microsoft Graph's rules.
    pub(crate) fn new(issuer: &str, subject: &str, audience: &str) -> Result<Self, &'static str> {
        let credential = Self {
            name: Uuid::new_v4().to_string(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audiences: vec![audience.to_owned()],
        };
        credential.check()?;
        Ok(credential)
    }

    /// Checks it under Microsoft Graph's rules.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_text = |text: &str| !text.is_empty() && text.chars().count() <= MAX_TEXT;
        if !(3..=120).contains(&self.name.len()) || !self.name.chars().all(is_name) {
            return Err("`name` is not 3 to 120 letters, digits, `-` or `_`");
        }
        if !is_text(&self.issuer) || !Url::parse(&self.issuer).is_ok_and(|url| is_fetchable(&url)) {
            return Err("`issuer` is not an https URL, nor an http one of this machine");
        }
        if !is_text(&self.subject) {
            return Err("`subject` is not 1 to 600 characters");
        }
        match self.audiences.as_slice() {
            [audience] if is_text(audience) => Ok(()),
            _ => Err("`audiences` does not hold exactly one of 1 to 600 characters"),
        }
    }
}

/// Returns whether an issuer's documents may be fetched from a URL: https, or http on this machine.
pub(super) fn is_fetchable(url: &Url) -> bool {
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    bare && match url.scheme() {
        "https" => url.has_host(),
        "http" => is_this_machine(url),
        _ => false,
    }
}

/// Returns whether an issuer's document may refer to a URL: a remote issuer may not direct requests to this machine
/// (SSRF).
pub(super) fn may_name(issuer: &Url, named: &Url) -> bool {
    is_fetchable(named) && (is_this_machine(issuer) || !is_this_machine(named))
}

/// Returns whether a URL's host is this machine, judged by its text.
pub(super) fn is_this_machine(url: &Url) -> bool {
    let is_local = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_local(address.into()),
        Some(Host::Ipv6(address)) => is_local(address.to_canonical()),
        None => false,
    }
}

/// Returns whether Entra issued a token for the token exchange, which is so if its only audience is that first-party
/// app's id.
pub(super) fn is_for_token_exchange(claims: &Claims) -> bool {
    let audiences = claims.aud.as_ref().map(Audience::values);
    matches!(audiences, Some([audience]) if audience == TOKEN_EXCHANGE_APP)
}

/// Finds the credential that matches a token's claims (case-sensitive); issuer, subject and audience have separate errors.
pub(super) fn find<'a>(
    registered: impl Iterator<Item = &'a FederatedCredential>,
    claims: &Claims,
) -> Result<&'a FederatedCredential, AssertionRefusal> {
    let issuer = claims.iss.as_deref().ok_or(AssertionRefusal::MissingClaim { field: "iss" })?;
    let subject = claims.sub.as_deref().ok_or(AssertionRefusal::MissingClaim { field: "sub" })?;
    let audiences = claims.aud.as_ref().ok_or(AssertionRefusal::MissingClaim { field: "aud" })?.values();
    let is_audience = |known: &String| {
        audiences.contains(known) || known == TOKEN_EXCHANGE_URI && is_for_token_exchange(claims)
    };
    let audience = || Echo::new(&audiences.join(","));
    let mut registered = registered.peekable();
    if registered.peek().is_none() {
        return Err(AssertionRefusal::NoFederatedCredential {
            issuer: Echo::new(issuer),
            subject: Echo::new(subject),
            audience: audience(),
        });
    }
    let of_issuer: Vec<_> = registered.filter(|credential| credential.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(AssertionRefusal::NoMatch { part: Part::Issuer, value: Echo::new(issuer) });
    }
    let of_subject: Vec<_> = of_issuer.iter().filter(|credential| credential.subject == subject).collect();
    if of_subject.is_empty() {
        let but_for_case = |c: &&FederatedCredential| c.subject.to_lowercase() == subject.to_lowercase();
        let subject = Echo::new(subject);
        return Err(if of_issuer.iter().any(but_for_case) {
            AssertionRefusal::SubjectCase { subject }
        } else {
            AssertionRefusal::NoMatch { part: Part::Subject, value: subject }
        });
    }
    let found = of_subject.into_iter().find(|c| c.audiences.iter().any(is_audience));
    found.copied().ok_or_else(|| AssertionRefusal::NoMatch { part: Part::Audience, value: audience() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> FederatedCredential {
        FederatedCredential {
            name: "kubernetes".into(),
            issuer: "https://issuer.example".into(),
            subject: "system:serviceaccount:ns:app".into(),
            audiences: vec!["api://AzureADTokenExchange".into()],
        }
    }

    #[test]
    fn a_credential_is_checked_as_graph_does() {
        assert_eq!(credential().check(), Ok(()));
        let local = FederatedCredential { issuer: "http://127.0.0.1:7000/x".into(), ..credential() };
        assert_eq!(local.check(), Ok(()));
        for wrong in [
            FederatedCredential { name: "ab".into(), ..credential() },
            FederatedCredential { name: "a b c".into(), ..credential() },
            FederatedCredential { issuer: "http://issuer.example".into(), ..credential() },
            FederatedCredential { issuer: "file:///etc/passwd".into(), ..credential() },
            FederatedCredential { issuer: "https://user@issuer.example".into(), ..credential() },
            FederatedCredential { issuer: String::new(), ..credential() },
            FederatedCredential { subject: String::new(), ..credential() },
            FederatedCredential { subject: "x".repeat(601), ..credential() },
            FederatedCredential { audiences: vec![], ..credential() },
            FederatedCredential { audiences: vec!["a".into(), "b".into()], ..credential() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_an_issuer_of_this_machine_names_urls_of_this_machine() {
        let may_name = |issuer, named| may_name(&Url::parse(issuer).unwrap(), &Url::parse(named).unwrap());
        for local in [
            "http://127.0.0.1:5001/keys",
            "https://127.0.0.1/keys",
            "https://localhost/keys",
            "https://localhost./keys",
            "https://a.localhost/keys",
            "https://[::1]/keys",
            "https://[::ffff:127.0.0.1]/keys",
            "https://0.0.0.0/keys",
            "https://2130706433/keys",
        ] {
            assert!(!may_name("https://issuer.example", local), "{local}");
            assert!(may_name("http://127.0.0.1:7000", local), "{local}");
        }
        assert!(may_name("https://issuer.example", "https://keys.example/keys"));
        assert!(may_name("http://localhost:7000", "https://keys.example/keys"));
        assert!(!may_name("https://issuer.example", "http://keys.example/keys"));
        assert!(!may_name("http://localhost:7000", "http://keys.example/keys"));
    }
}
