//! Explains each check of a token.

mod remedy;

use serde::Serialize;

use crate::authentication::{Examination, TokenFault};

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
    /// The check could not run, because it needs a value that an earlier failure prevents.
    NotReached,
}

/// Explains all checks of a token, in the order in which they decide.
pub(super) fn explain_checks(examination: &Examination<'_>) -> Vec<ExplainedCheck> {
    let explain = |fault: &TokenFault| {
        let (check, remedy) = remedy::describe(*fault, examination);
        let outcome = outcome(*fault, examination);
        let remedy = (outcome == CheckOutcome::Fail).then_some(remedy);
        ExplainedCheck { check, code: fault.code(), outcome, remedy }
    };
    TokenFault::ALL.iter().map(explain).collect()
}

fn outcome(fault: TokenFault, examination: &Examination<'_>) -> CheckOutcome {
    if examination.checks.contains(&(fault, false)) {
        CheckOutcome::Fail
    } else if examination.checks.contains(&(fault, true)) {
        CheckOutcome::Pass
    } else {
        CheckOutcome::NotReached
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::Authenticator;
    use crate::authentication::test_token::{
        AUDIENCE, HEADER, NOW, SUBJECT, TestKey, authenticator, claims, claims_v1, compact,
    };
    use crate::explain::{Report, Verdict};

    async fn explain(authenticator: &Authenticator, token: &str) -> Report {
        Report::new(authenticator.examine(token, NOW).await, &[])
    }

    /// What fails, with the remedies.
    fn failed(explanation: &Report) -> Vec<(&'static str, String)> {
        let failed = explanation.checks.iter().filter(|check| check.outcome == CheckOutcome::Fail);
        failed.map(|check| (check.code, check.remedy.clone().unwrap())).collect()
    }

    fn not_reached(explanation: &Report) -> Vec<&'static str> {
        let checks = explanation.checks.iter();
        checks.filter(|check| check.outcome == CheckOutcome::NotReached).map(|check| check.code).collect()
    }

    #[tokio::test]
    async fn an_accepted_token_passes_every_check() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        for claims in [claims(), claims_v1()] {
            let explanation = explain(&authenticator, &key.sign(HEADER, &claims)).await;
            assert!(explanation.verdict == Verdict::Accepted && explanation.claims_verified);
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
        let cases: [(Value, Value, &str, &str); 11] = [
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
            (
                claims(),
                json!({ "sub": "pairwise", "idtyp": null }),
                "subject_ambiguous",
                "client credentials grant",
            ),
            (claims(), json!({ "tid": null }), "claims_malformed", "invalid type: null"),
            (claims(), json!({ "azp": null }), "claims_malformed", "azp"),
            (
                claims(),
                json!({ "appid": SUBJECT }),
                "claims_malformed",
                "`azp` and `appid` contradict each other",
            ),
        ];
        for (mut claims, changes, code, remedy) in cases {
            claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let token = key.sign(HEADER, &claims);
            let explanation = explain(&authenticator, &token).await;
            let failed = failed(&explanation);
            assert_eq!(failed.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [code], "{changes}");
            assert!(failed[0].1.contains(remedy), "{failed:?}");
            assert_eq!(explanation.code.unwrap(), code);
        }
    }

    #[tokio::test]
    async fn the_first_fault_does_not_hide_the_others() {
        let (key, attacker) = (TestKey::new(), TestKey::new());
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let mut wrong = claims();
        wrong["aud"] = json!("other");
        wrong["exp"] = json!(NOW - 100);
        let explanation = explain(&authenticator, &attacker.sign(HEADER, &wrong)).await;
        let codes: Vec<_> = failed(&explanation).iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, ["audience_mismatch", "token_expired", "signature_invalid"]);
        assert!(!explanation.claims_verified);

        let header = r#"{"alg":"none","typ":"dpop+jwt","crit":[]}"#;
        let explanation = explain(&authenticator, &compact(header, &wrong.to_string())).await;
        let codes: Vec<_> = failed(&explanation).iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), 6, "{codes:?}");
        // With such a header there is nothing to look a key up by.
        assert_eq!(not_reached(&explanation), ["key_unknown", "key_issuer_mismatch", "signature_invalid"]);
        assert_eq!(explanation.code.unwrap(), "algorithm_not_allowed");
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
            let explanation = explain(&authenticator, &token).await;
            assert_eq!(explanation.code.unwrap(), "token_malformed", "{token}");
            let codes: Vec<_> = failed(&explanation).iter().map(|(code, _)| *code).collect();
            assert_eq!(codes, ["token_malformed"], "{token}");
            assert_eq!(not_reached(&explanation), hidden, "{token}");
            assert!(explanation.claims.is_some() && !explanation.claims_verified, "{token}");
        }
        let explanation = explain(&authenticator, &format!("{header}.{payload}=.{signature}")).await;
        assert!(explanation.claims.is_none() && failed(&explanation).len() == 1);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_reached() {
        let authenticator = authenticator(&json!({ "keys": [TestKey::new().jwk("K1")] }));
        for token in ["", "x", "a.b.c", &"a".repeat(20_000), "\u{fc}.\u{fc}.\u{fc}"] {
            let explanation = explain(&authenticator, token).await;
            assert_eq!(failed(&explanation).len(), 1, "{token}");
            assert!(not_reached(&explanation).len() >= TokenFault::ALL.len() - 2, "{token}");
            assert!(explanation.verdict == Verdict::Refused && explanation.claims.is_none());
        }
        let outcome = |explanation: &Report, code: &str| {
            explanation.checks.iter().find(|check| check.code == code).unwrap().outcome
        };
        let not_large = explain(&authenticator, "x").await;
        assert_eq!(outcome(&not_large, "token_too_large"), CheckOutcome::Pass);
        let token = compact(&HEADER.replace("K1", "K2"), &claims().to_string());
        let explanation = explain(&authenticator, &token).await;
        assert_eq!(failed(&explanation)[0].0, "key_unknown");
        assert_eq!(not_reached(&explanation), ["key_issuer_mismatch", "signature_invalid"]);
    }
}
