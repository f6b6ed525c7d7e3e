//! The requests to the token endpoint, and the checks of its responses.

use std::time::{Duration, Instant};

use entra_token::{
    ConfigurationFault, Credential, CredentialFault, FederatedCredential, Malformed, OutageCause, TokenError,
    TokenRequest, TokenRetriever,
};
use tokio::task::JoinSet;

use crate::peer::{Peer, SECRET, Scripted, TOKEN, shows_no_canary};
use crate::scripted_authority::{http_client, request, retriever, retriever_within};

#[tokio::test]
async fn numbers_in_strings_a_type_in_any_case_and_unknown_members_are_read() {
    let authority = Peer::authority().await;
    for (token_type, expires_in) in [("bearer", "\"3599\""), ("BEARER", "3599")] {
        let body = format!(
            r#"{{"token_type":"{token_type}","expires_in":{expires_in},"ext_expires_in":"x","unheard_of":[{{}}],"access_token":"{TOKEN}"}}"#
        );
        authority.answers(Scripted::new(200, body).header("content-type", "application/json; charset=utf-8"));
        let token = retriever(&authority).token().await.unwrap();
        assert!(token.is_usable());
        assert_eq!(token.authorization().to_str().unwrap(), format!("Bearer {TOKEN}"));
        shows_no_canary(&format!("{token:?} {:?}", token.authorization()));
    }
}

#[tokio::test]
async fn a_malformed_answer_is_a_typed_error_and_never_kept() {
    let token = |members: &str| Scripted::json(200, format!("{{{members}}}"));
    let good = r#""token_type":"Bearer","expires_in":3599,"access_token":"canary""#;
    let cases = [
        (token(""), Malformed::Missing("token_type")),
        (token(r#""token_type":"Bearer","expires_in":3599"#), Malformed::Missing("access_token")),
        (token(&format!(r#"{good},"access_token":"canary2""#)), Malformed::Duplicate("access_token")),
        (token(&good.replace("\"canary\"", "\"\"")), Malformed::Unusable("access_token")),
        (token(&good.replace("\"canary\"", "null")), Malformed::Unusable("access_token")),
        (token(&good.replace("\"canary\"", "1")), Malformed::Unusable("access_token")),
        (token(&good.replace("canary", "canary\\r\\nX: y")), Malformed::Unusable("access_token")),
        (token(&good.replace("canary", "canary canary")), Malformed::Unusable("access_token")),
        (token(&good.replace("\"Bearer\"", "null")), Malformed::Unusable("token_type")),
        (token(&good.replace("\"token_type\":\"Bearer\",", "")), Malformed::Missing("token_type")),
        (token(&good.replace("Bearer", "DPoP")), Malformed::TokenType),
        (token(&good.replace("Bearer", "mac")), Malformed::TokenType),
        (token(&good.replace("3599", "0")), Malformed::Lifetime),
        (token(&good.replace("3599", "-1")), Malformed::Lifetime),
        (token(&good.replace("3599", "0.5")), Malformed::Lifetime),
        (token(&good.replace("3599", "-1e400")), Malformed::NotJson),
        (token(&good.replace("3599", "[3599]")), Malformed::Unusable("expires_in")),
        (token(&good.replace("3599", "\"abc\"")), Malformed::Unusable("expires_in")),
        (Scripted::json(200, r#""canary""#), Malformed::NotAnObject),
        (Scripted::json(200, "[]"), Malformed::NotAnObject),
        (Scripted::json(200, r#"["Bearer",3599,null,"canary"]"#), Malformed::NotAnObject),
        (Scripted::json(200, format!("{{{good}")), Malformed::NotJson),
        (Scripted::json(200, format!("\u{feff}{{{good}}}")), Malformed::NotJson),
        (Scripted::json(200, b"{\"access_token\":\"\xff\"}".to_vec()), Malformed::NotJson),
        (Scripted::json(200, ""), Malformed::NotJson),
        (
            Scripted::new(200, format!("{{{good}}}")).header("content-type", "text/html"),
            Malformed::ContentType,
        ),
        (Scripted::new(200, format!("{{{good}}}")), Malformed::ContentType),
        (Scripted::json(200, vec![b' '; 1024 * 1024 + 1]), Malformed::TooLarge),
        (Scripted::json(200, "{").breaking_off(), Malformed::BrokenOff),
        (Scripted::json(201, format!("{{{good}}}")), Malformed::NotAnOAuthError),
        (Scripted::new(204, ""), Malformed::NotAnOAuthError),
        (Scripted::new(404, "<html>canary</html>"), Malformed::NotAnOAuthError),
        (Scripted::json(400, r#"{"error":""}"#), Malformed::NotAnOAuthError),
        (Scripted::json(400, r#"{"error_description":"canary"}"#), Malformed::NotAnOAuthError),
    ];
    let authority = Peer::authority().await;
    for (scripted, expected) in cases {
        let retriever = retriever(&authority);
        let shown = format!("{scripted:?}");
        let status = scripted.status;
        // Truncated responses are retried once.
        for _ in 0..if scripted.breaks_off { 2 } else { 1 } {
            authority.answers(scripted.clone());
        }
        let error = retriever.token().await.expect_err(&shown);
        let TokenError::Protocol { problem, .. } = &error else { panic!("{error:?} for {shown}") };
        assert_eq!((*problem, error.status().unwrap().as_u16()), (expected, status), "{shown}");
        assert!(error.correlation_id().is_some());
        shows_no_canary(&format!("{error} {error:?}"));
        assert_eq!(retriever.token().await.unwrap().access_token().expose(), TOKEN, "after {shown}");
    }
}

#[tokio::test]
async fn throttling_in_plain_text_keeps_the_status_and_the_wait() {
    let authority = Peer::authority().await;
    authority.answers(
        Scripted::new(429, "Too Many Requests")
            .header("content-type", "text/plain")
            .header("retry-after", "60"),
    );
    let error = retriever(&authority).token().await.unwrap_err();
    assert!(matches!(error, TokenError::Throttled { .. }), "{error:?}");
    assert_eq!(error.status().unwrap().as_u16(), 429);
    assert_eq!(error.retry_after(), Some(Duration::from_mins(1)));
    assert!(error.is_retryable() && error.to_string().contains("ask again in 60 s"), "{error}");
}

#[tokio::test]
async fn a_refusal_names_the_request_that_was_sent() {
    let authority = Peer::authority().await;
    authority.answers(Scripted::json(
        401,
        format!(r#"{{"error":"invalid_client","error_description":"AADSTS7000222: {SECRET}","error_codes":[7000222]}}"#),
    ));
    let error = retriever(&authority).token().await.unwrap_err();
    let TokenError::Credential(CredentialFault::Refused(refusal)) = &error else { panic!("{error:?}") };
    assert_eq!((refusal.error.as_str(), refusal.aadsts), ("invalid_client", Some(7000222)));
    let sent = authority.asked()[0].headers["client-request-id"].to_str().unwrap().to_owned();
    assert!(error.to_string().contains(&format!("Correlation id {sent}")), "{error}");
    assert!(error.to_string().contains("Add a new secret"), "{error}");
    shows_no_canary(&format!("{error} {error:?}"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (authority, elsewhere) = (Peer::authority().await, Peer::resource().await);
    for status in [301, 302, 303, 307, 308] {
        authority.answers(Scripted::new(status, "").header("location", format!("{}/token", elsewhere.url)));
        let error = retriever(&authority).token().await.unwrap_err();
        let text = error.to_string();
        let names =
            [&*format!("{}/", authority.url), "/oauth2/v2.0/token answered 30", "AZURE_AUTHORITY_HOST"];
        assert!(names.iter().all(|name| text.contains(name)), "{text}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_untrusted_authority_gets_no_request_and_the_error_says_what_to_trust() {
    let authority = Peer::authority().await;
    let http = http_client(&Peer::authority().await.ca_pem, 5);
    let error = TokenRetriever::new(request(&authority), http).token().await.unwrap_err();
    let untrusted = matches!(error, TokenError::Configuration(ConfigurationFault::Untrusted { .. }));
    assert!(untrusted && !error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("HTTP_CLIENT__CA_FILE"), "{error}");
    assert!(authority.asked().is_empty());
}

#[tokio::test]
async fn a_silent_authority_costs_the_time_limit_and_no_more() {
    let authority = Peer::authority().await;
    let silent = || Scripted::token(3599).after(Duration::from_mins(1));
    authority.answers(silent()).answers(silent());
    let error = retriever_within(&authority, 1).token().await.unwrap_err();
    let TokenError::Unavailable(outage) = &error else { panic!("{error:?}") };
    assert!(matches!(outage.cause, OutageCause::TimedOut { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(authority.asked().len(), 2);
    shows_no_canary(&format!("{error:?} {}", entra_shared::one_line(&error)));
}

#[tokio::test]
async fn callers_of_a_retriever_and_its_clones_share_one_request_and_one_token() {
    let authority = Peer::authority().await;
    authority.answers(Scripted::token(3599).after(Duration::from_millis(100)));
    let retriever = retriever(&authority);
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let retriever = retriever.clone();
        callers.spawn(async move { retriever.token().await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|had_a_token| had_a_token));
    assert!(retriever.token().await.is_ok());
    let authorization = retriever.authorization().await.unwrap();
    assert_eq!(authorization, format!("Bearer {TOKEN}").as_str());
    assert_eq!(authority.asked().len(), 1);
    shows_no_canary(&format!("{retriever:?} {authorization:?}"));
}

#[tokio::test]
async fn an_authority_that_repeats_the_form_makes_no_error_show_what_proves_the_client() {
    let answer = || {
        Scripted::json(400, r#"{"error":"invalid_request","error_description":"AADSTS90014: ECHO"}"#)
            .echoing()
    };
    let authority = Peer::authority().await;
    authority.answers(answer());
    let by_secret = retriever(&authority).token().await.unwrap_err();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "canary-canary-canary.canary_canary_canary.canarycanarycanary").unwrap();
    let credentials = Credential::Federated(FederatedCredential::open(path).unwrap()).into();
    let request = TokenRequest { credentials, ..request(&authority) };
    authority.answers(answer());
    let http = http_client(&authority.ca_pem, 5);
    let by_assertion = TokenRetriever::new(request, http).token().await.unwrap_err();

    for (error, field) in [(by_secret, "client_secret"), (by_assertion, "client_assertion")] {
        let description = &error.refusal().unwrap().description;
        assert!(description.contains(&format!("{field}=[redacted]")), "{description}");
        shows_no_canary(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn a_token_of_one_second_is_asked_for_no_more_often_than_it_ends() {
    let authority = Peer::authority().await;
    for _ in 0..1000 {
        authority.answers(Scripted::token(1));
    }
    let retriever = retriever(&authority);
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(2500) {
        retriever.token().await.unwrap();
        calls += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // It is used for nine tenths of its lifetime, and one early renewal happens within these seconds.
    let most = start.elapsed().as_secs_f64() / 0.9 + 2.0;
    let asked = u32::try_from(authority.asked().len()).unwrap();
    assert!(f64::from(asked) <= most && calls > asked, "{asked} requests for {calls} calls, {most} at most");
}
