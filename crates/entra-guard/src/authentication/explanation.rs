//! Explains, check by check, why a token is accepted or refused.
//!
//! The verdict and the checks are the validator's own, but an explanation continues after the first failure.

mod remedy;

use std::sync::Arc;

use serde::Serialize;

use super::check::Check;
use super::claims::Claims;
use super::error::{AuthenticationError, TokenFault};
use super::expectations::Expectations;
use super::keys::KeyError;
use super::token::{Examination, UnverifiedToken};
use super::{Authenticator, Caller, caller};

/// The result of every check of a token. Never contains the token itself.
#[derive(Debug)]
pub struct Explanation {
    /// The outcome of a request with the token.
    pub verdict: Result<Arc<Caller>, AuthenticationError>,
    /// All checks, in order.
    pub checks: Vec<ExplainedCheck>,
    /// The claims, if they can be read.
    pub claims: Option<Claims>,
    /// Whether the signature was verified. If not, anyone may have written the claims.
    pub verified: bool,
}

/// One check of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedCheck {
    /// The name of the check.
    pub check: &'static str,
    /// The reason code of its failure.
    pub code: &'static str,
    /// Its outcome.
    pub outcome: CheckOutcome,
    /// What was found and how to fix it, if the check failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The token passes the check.
    Pass,
    /// The token fails the check.
    Fail,
    /// The check needs something that another failure prevents.
    NotReached,
}

/// The facts that a remedy may mention.
struct Facts<'a> {
    expectations: &'a Expectations,
    claims: Option<&'a Claims>,
    /// Why the claims cannot be read, if so.
    problem: Option<&'a str>,
    now: i64,
}

impl Authenticator {
    /// Explains whether a token is accepted at `now`, in seconds since 1970.
    pub async fn explain(&self, token: &str, now: i64) -> Explanation {
        let verdict = self.verify(token, now).await.map(|(caller, _)| Arc::new(caller));
        let mut examination = Examination::examine(token);
        let mut checks = examination.checks.clone();
        let (claims, problem) = (examination.claims.clone(), examination.problem.take());
        if let Some(claims) = &claims {
            checks.extend(self.expectations().checks(claims, now));
            checks.extend(caller::checks(claims));
        }
        if let Ok(token) = examination.into_token() {
            checks.extend(self.key_checks(token).await);
        }
        let problem = problem.as_deref();
        let facts = Facts { expectations: self.expectations(), claims: claims.as_ref(), problem, now };
        let explained = TokenFault::ALL.iter().map(|fault| explain(*fault, &checks, &facts)).collect();
        let verified = checks.contains(&(TokenFault::Signature, true));
        Explanation { verdict, checks: explained, claims, verified }
    }

    async fn key_checks(&self, token: UnverifiedToken<'_>) -> Vec<Check> {
        match self.keys().find(token.key_id()).await {
            Err(KeyError::Unknown) => vec![(TokenFault::KeyUnknown, false)],
            Err(KeyError::Unavailable) => Vec::new(),
            Ok(key) => vec![
                (TokenFault::KeyUnknown, true),
                (TokenFault::KeyIssuer, self.may_sign(&key, token.unverified_claims())),
                (TokenFault::Signature, token.verify(&key).is_ok()),
            ],
        }
    }
}

fn explain(fault: TokenFault, checks: &[Check], facts: &Facts<'_>) -> ExplainedCheck {
    let (check, remedy) = remedy::describe(fault, facts);
    let outcomes: Vec<_> = checks.iter().filter(|(of, _)| *of == fault).map(|(_, passed)| *passed).collect();
    let outcome = match outcomes.as_slice() {
        [] => CheckOutcome::NotReached,
        outcomes if outcomes.iter().all(|passed| *passed) => CheckOutcome::Pass,
        _ => CheckOutcome::Fail,
    };
    let remedy = (outcome == CheckOutcome::Fail).then_some(remedy);
    ExplainedCheck { check, code: fault.code(), outcome, remedy }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::test_token::{
        AUDIENCE, HEADER, NOW, TestKey, authenticator, claims, claims_v1, compact,
    };

    /// What fails, with the remedies.
    fn failed(explanation: &Explanation) -> Vec<(&'static str, String)> {
        let failed = explanation.checks.iter().filter(|check| check.outcome == CheckOutcome::Fail);
        failed.map(|check| (check.code, check.remedy.clone().unwrap())).collect()
    }

    fn not_reached(explanation: &Explanation) -> Vec<&'static str> {
        let checks = explanation.checks.iter();
        checks.filter(|check| check.outcome == CheckOutcome::NotReached).map(|check| check.code).collect()
    }

    #[tokio::test]
    async fn an_accepted_token_passes_every_check() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        for claims in [claims(), claims_v1()] {
            let explanation = authenticator.explain(&key.sign(HEADER, &claims), NOW).await;
            assert!(explanation.verdict.is_ok() && explanation.verified);
            assert_eq!(explanation.checks.len(), TokenFault::ALL.len());
            assert!(explanation.checks.iter().all(|check| check.outcome == CheckOutcome::Pass));
            assert!(explanation.checks.iter().all(|check| check.remedy.is_none()));
        }
    }

    #[tokio::test]
    async fn each_failing_check_says_what_to_do() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let uri = format!("api://{AUDIENCE}/x");
        let graph = "00000003-0000-0000-c000-000000000000";
        let cases: [(Value, Value, &str, &str); 10] = [
            (claims_v1(), json!({ "aud": uri }), "audience_mismatch", "requestedAccessTokenVersion is 1"),
            (claims(), json!({ "aud": uri }), "audience_mismatch", AUDIENCE),
            (claims(), json!({ "aud": graph }), "audience_mismatch", "Microsoft Graph"),
            (
                claims(),
                json!({ "exp": NOW - 180 }),
                "token_expired",
                "expired 3 min ago by this machine's clock",
            ),
            (claims(), json!({ "nbf": NOW + 600 }), "token_not_yet_valid", "in 10 min"),
            (claims(), json!({ "exp": NOW + 200_000 }), "lifetime_not_plausible", "28 h"),
            (claims(), json!({ "iss": "https://evil\u{1b}[2J" }), "issuer_mismatch", "\\u{1b}"),
            (claims(), json!({ "sub": "pairwise" }), "subject_ambiguous", "client credentials grant"),
            (claims(), json!({ "tid": null }), "claims_malformed", "invalid type: null"),
            (claims(), json!({ "azp": null }), "claims_malformed", "azp"),
        ];
        for (mut claims, changes, code, remedy) in cases {
            claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let token = key.sign(HEADER, &claims);
            let explanation = authenticator.explain(&token, NOW).await;
            let failed = failed(&explanation);
            assert_eq!(failed.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [code], "{changes}");
            assert!(failed[0].1.contains(remedy), "{failed:?}");
            assert_eq!(explanation.verdict.unwrap_err().code(), code);
        }
    }

    #[tokio::test]
    async fn the_first_fault_does_not_hide_the_others() {
        let (key, attacker) = (TestKey::new(), TestKey::new());
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let mut wrong = claims();
        wrong["aud"] = json!("other");
        wrong["exp"] = json!(NOW - 100);
        let explanation = authenticator.explain(&attacker.sign(HEADER, &wrong), NOW).await;
        let codes: Vec<_> = failed(&explanation).iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, ["audience_mismatch", "token_expired", "signature_invalid"]);
        assert!(!explanation.verified);

        let header = r#"{"alg":"none","typ":"dpop+jwt","crit":[]}"#;
        let explanation = authenticator.explain(&compact(header, &wrong.to_string()), NOW).await;
        let codes: Vec<_> = failed(&explanation).iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), 6, "{codes:?}");
        // With such a header there is nothing to look a key up by.
        assert_eq!(not_reached(&explanation), ["key_unknown", "key_issuer_mismatch", "signature_invalid"]);
        assert_eq!(explanation.verdict.unwrap_err().code(), "algorithm_not_allowed");
    }

    #[tokio::test]
    async fn a_segment_that_cannot_be_read_does_not_hide_what_the_others_say() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let good = key.sign(HEADER, &claims());
        let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
        let of_signature = ["key_unknown", "key_issuer_mismatch", "signature_invalid"];
        let of_header =
            ["algorithm_not_allowed", "type_not_allowed", "header_member_not_allowed", "key_id_missing"];
        for (token, hidden) in [
            (format!("{header}.{payload}.{signature}="), of_signature.to_vec()),
            (format!("%.{payload}.{signature}"), [&of_header[..], &of_signature].concat()),
            (format!("e30.{payload}.{signature}"), [&of_header[..], &of_signature].concat()),
        ] {
            let explanation = authenticator.explain(&token, NOW).await;
            assert_eq!(explanation.verdict.as_ref().unwrap_err().code(), "token_malformed", "{token}");
            let codes: Vec<_> = failed(&explanation).iter().map(|(code, _)| *code).collect();
            assert_eq!(codes, ["token_malformed"], "{token}");
            assert_eq!(not_reached(&explanation), hidden, "{token}");
            assert!(explanation.claims.is_some() && !explanation.verified, "{token}");
        }
        let explanation = authenticator.explain(&format!("{header}.{payload}=.{signature}"), NOW).await;
        assert!(explanation.claims.is_none() && failed(&explanation).len() == 1);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_reached() {
        let authenticator = authenticator(&json!({ "keys": [TestKey::new().jwk("K1")] }));
        for token in ["", "x", "a.b.c", &"a".repeat(20_000), "\u{fc}.\u{fc}.\u{fc}"] {
            let explanation = authenticator.explain(token, NOW).await;
            assert_eq!(failed(&explanation).len(), 1, "{token}");
            assert!(not_reached(&explanation).len() >= TokenFault::ALL.len() - 2, "{token}");
            assert!(explanation.verdict.is_err() && explanation.claims.is_none());
        }
        let outcome = |explanation: &Explanation, code: &str| {
            explanation.checks.iter().find(|check| check.code == code).unwrap().outcome
        };
        let not_large = authenticator.explain("x", NOW).await;
        assert_eq!(outcome(&not_large, "token_too_large"), CheckOutcome::Pass);
        let token = compact(&HEADER.replace("K1", "K2"), &claims().to_string());
        let explanation = authenticator.explain(&token, NOW).await;
        assert_eq!(failed(&explanation)[0].0, "key_unknown");
        assert_eq!(not_reached(&explanation), ["key_issuer_mismatch", "signature_invalid"]);
    }
}
