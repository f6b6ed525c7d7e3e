//! Decodes a token.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::checks::{Check, Facts};
use super::{Explanation, meaning, printable};
use crate::directory::Registrations;

type Members = Map<String, Value>;

/// A token's header and claims, without the signature.
#[derive(Debug)]
pub(super) struct Token {
    header: Members,
    claims: Members,
}

impl Token {
    /// Reads a signed JWT, with or without the `Bearer` prefix.
    pub(super) fn read(text: &str) -> Option<Self> {
        let token = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
            _ => text,
        };
        let mut parts = token.split('.');
        let (header, claims, _) = (members(parts.next()?)?, members(parts.next()?)?, parts.next()?);
        parts.next().is_none().then_some(Self { header, claims })
    }

    pub(super) fn explain(&self, registrations: &Registrations, now: Timestamp) -> Explanation {
        let mut text = String::new();
        list(&mut text, "header", &self.header, meaning::of_header);
        list(&mut text, "claims", &self.claims, meaning::of_claim);
        let _ = writeln!(text, "checks (against the directory; the signature is not verified)");
        let checks = Facts::new(&self.header, &self.claims, registrations, now).checks();
        for Check { name, found } in &checks {
            match found {
                Ok(fact) => {
                    let _ = writeln!(text, "  ok    {name:<9} {}", printable(fact));
                }
                Err(problem) => {
                    let _ = writeln!(text, "  FAIL  {name:<9} {}", printable(&problem.text));
                    let _ = writeln!(text, "        {:<9} {}", "remedy", printable(&problem.remedy));
                }
            }
        }
        Explanation { text, fine: checks.iter().all(|check| check.found.is_ok()) }
    }
}

fn members(part: &str) -> Option<Members> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn list(text: &mut String, heading: &str, members: &Members, meaning: fn(&str) -> &'static str) {
    let _ = writeln!(text, "{heading}");
    for (name, value) in members {
        let (shown, means) = (printable(&value.to_string()), meaning(name));
        let name = printable(name);
        let _ = writeln!(text, "  {name:<8} {shown}");
        let value = meaning::of_value(&name, value).map(|value| format!(": {value}")).unwrap_or_default();
        let _ = writeln!(text, "  {:<8}   {means}{value}", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_three_parts_of_which_two_are_objects() {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.x", part("{}"), part(r#"{"a":1}"#));
        assert!(Token::read(&token).is_some());
        assert!(Token::read(&format!("bearer  {token}")).is_some());
        let jwe = format!("{token}.y.z");
        let list = format!("{}.{}.x", part("{}"), part("[]"));
        for other in ["", "a", "a.b.c", "..", "7000215", &jwe, &list, &format!("Basic {token}")] {
            assert!(Token::read(other).is_none(), "{other}");
        }
    }
}
