//! The requests to the token endpoint, and the checks of its responses.

use std::time::{Duration, Instant};

use client_app::Settings;
use entra_token::{ConfigurationFault, CredentialFault, Malformed, OutageCause, TokenError, TokenRetriever};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::peer::{Peer, Peers, SECRET, Scripted, TOKEN, shows_no_canary};

fn retriever(settings: &Settings) -> TokenRetriever {
    settings.token_retriever(settings.http_client().unwrap()).unwrap()
}

#[tokio::test]
async fn the_v2_endpoint_is_asked_by_scope_and_the_v1_endpoint_by_resource() {
    let encoded =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("client_secret", SECRET).finish();
    let common = "grant_type=client_credentials&client_id=3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
    let app_id_uri = "api%3A%2F%2Fb1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
    for (version, domain, path, resource) in [
        ("2.0", "contoso.com", "/contoso.com/oauth2/v2.0/token", format!("scope={app_id_uri}%2F.default")),
        ("1.0", "", "/8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20/oauth2/token", format!("resource={app_id_uri}")),
    ] {
        let peers = Peers::start().await;
        let settings =
            peers.settings_with(&[("AZURE_AD__ENDPOINT_VERSION", version), ("AZURE_AD__DOMAIN", domain)]);
        let token = retriever(&settings).token().await.unwrap();
        assert_eq!(token.access_token().expose(), TOKEN);
        let asked = &peers.authority.asked()[0];
        assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", path));
        assert_eq!(asked.body, format!("{common}&{resource}&{encoded}"));
        assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(asked.headers["accept"], "application/json");
        assert_eq!(asked.headers["return-client-request-id"], "true");
        assert!(Uuid::parse_str(asked.headers["client-request-id"].to_str().unwrap()).is_ok());
        assert!(!asked.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn numbers_in_strings_a_type_in_any_case_and_unknown_members_are_read() {
    let peers = Peers::start().await;
    for (token_type, expires_in) in [("bearer", "\"3599\""), ("BEARER", "3599")] {
        let body = format!(
            r#"{{"token_type":"{token_type}","expires_in":{expires_in},"ext_expires_in":"x","unheard_of":[{{}}],"access_token":"{TOKEN}"}}"#
        );
        peers
            .authority
            .answers(Scripted::new(200, body).header("content-type", "application/json; charset=utf-8"));
        let token = retriever(&peers.settings()).token().await.unwrap();
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
        (token(""), Malformed::NotATokenResponse),
        (token(r#""token_type":"Bearer","expires_in":3599"#), Malformed::NotATokenResponse),
        (token(&format!(r#"{good},"access_token":"canary2""#)), Malformed::NotATokenResponse),
        (token(&good.replace("\"canary\"", "\"\"")), Malformed::NotATokenResponse),
        (token(&good.replace("\"canary\"", "null")), Malformed::NotATokenResponse),
        (token(&good.replace("\"canary\"", "1")), Malformed::NotATokenResponse),
        (token(&good.replace("canary", "canary\\r\\nX: y")), Malformed::NotATokenResponse),
        (token(&good.replace("canary", "canary canary")), Malformed::NotATokenResponse),
        (token(&good.replace("\"Bearer\"", "null")), Malformed::NotATokenResponse),
        (token(&good.replace("\"token_type\":\"Bearer\",", "")), Malformed::NotATokenResponse),
        (token(&good.replace("Bearer", "DPoP")), Malformed::TokenType),
        (token(&good.replace("Bearer", "mac")), Malformed::TokenType),
        (token(&good.replace("3599", "0")), Malformed::Lifetime),
        (token(&good.replace("3599", "-1")), Malformed::Lifetime),
        (token(&good.replace("3599", "0.5")), Malformed::Lifetime),
        (token(&good.replace("3599", "-1e400")), Malformed::NotJson),
        (token(&good.replace("3599", "[3599]")), Malformed::NotATokenResponse),
        (token(&good.replace("3599", "\"abc\"")), Malformed::NotATokenResponse),
        (Scripted::json(200, r#""canary""#), Malformed::NotATokenResponse),
        (Scripted::json(200, "[]"), Malformed::NotATokenResponse),
        (Scripted::json(200, r#"["Bearer",3599,null,"canary"]"#), Malformed::NotATokenResponse),
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
        (Scripted::json(201, format!("{{{good}}}")), Malformed::Status),
        (Scripted::new(204, ""), Malformed::Status),
        (Scripted::new(404, "<html>canary</html>"), Malformed::Status),
        (Scripted::json(400, r#"{"error":""}"#), Malformed::Status),
        (Scripted::json(400, r#"{"error_description":"canary"}"#), Malformed::Status),
    ];
    let peers = Peers::start().await;
    for (scripted, expected) in cases {
        let retriever = retriever(&peers.settings());
        let shown = format!("{scripted:?}");
        let status = scripted.status;
        // Truncated responses are retried once.
        for _ in 0..if scripted.breaks_off { 2 } else { 1 } {
            peers.authority.answers(scripted.clone());
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
    let peers = Peers::start().await;
    peers.authority.answers(
        Scripted::new(429, "Too Many Requests")
            .header("content-type", "text/plain")
            .header("retry-after", "60"),
    );
    let error = retriever(&peers.settings()).token().await.unwrap_err();
    assert!(matches!(error, TokenError::Throttled { .. }), "{error:?}");
    assert_eq!(error.status().unwrap().as_u16(), 429);
    assert_eq!(error.retry_after(), Some(Duration::from_mins(1)));
    assert!(error.is_retryable() && error.to_string().contains("ask again in 60 s"), "{error}");
}

#[tokio::test]
async fn a_refusal_names_the_request_that_was_sent() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::json(
        401,
        format!(r#"{{"error":"invalid_client","error_description":"AADSTS7000222: {SECRET}","error_codes":[7000222]}}"#),
    ));
    let error = retriever(&peers.settings()).token().await.unwrap_err();
    let TokenError::Credential(CredentialFault::Refused(refusal)) = &error else { panic!("{error:?}") };
    assert_eq!((refusal.error.as_str(), refusal.aadsts), ("invalid_client", Some(7000222)));
    let sent = peers.authority.asked()[0].headers["client-request-id"].to_str().unwrap().to_owned();
    assert!(error.to_string().contains(&format!("Correlation id {sent}")), "{error}");
    assert!(error.to_string().contains("Add a new secret"), "{error}");
    shows_no_canary(&format!("{error} {error:?}"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (peers, elsewhere) = (Peers::start().await, Peer::resource().await);
    for status in [301, 302, 303, 307, 308] {
        peers
            .authority
            .answers(Scripted::new(status, "").header("location", format!("{}/token", elsewhere.url)));
        let error = retriever(&peers.settings()).token().await.unwrap_err();
        assert!(matches!(error, TokenError::Protocol { problem: Malformed::Status, .. }), "{error:?}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_untrusted_authority_gets_no_request_and_the_error_says_what_to_trust() {
    let peers = Peers::start().await;
    let other_ca = Peer::authority().await.ca_pem;
    std::fs::write(peers.folder().join("other.pem"), other_ca).unwrap();
    let other = peers.folder().join("other.pem").display().to_string();
    let settings = peers.settings_with(&[("HTTP_CLIENT__CA_FILE", &other)]);
    let error = retriever(&settings).token().await.unwrap_err();
    let untrusted = matches!(error, TokenError::Configuration(ConfigurationFault::Untrusted { .. }));
    assert!(untrusted && !error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("HTTP_CLIENT__CA_FILE"), "{error}");
    assert!(peers.authority.asked().is_empty());
}

#[tokio::test]
async fn a_silent_authority_costs_the_time_limit_and_no_more() {
    let peers = Peers::start().await;
    let silent = || Scripted::token(3599).after(Duration::from_mins(1));
    peers.authority.answers(silent()).answers(silent());
    let settings = peers.settings_with(&[("HTTP_CLIENT__TIMEOUT_SECONDS", "1")]);
    let error = retriever(&settings).token().await.unwrap_err();
    let TokenError::Unavailable(outage) = &error else { panic!("{error:?}") };
    assert!(matches!(outage.cause, OutageCause::TimedOut { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(peers.authority.asked().len(), 2);
    shows_no_canary(&format!("{error:?} {}", entra_shared::one_line(&error)));
}

#[tokio::test]
async fn callers_of_a_retriever_and_its_clones_share_one_request_and_one_token() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::token(3599).after(Duration::from_millis(100)));
    let retriever = retriever(&peers.settings());
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let retriever = retriever.clone();
        callers.spawn(async move { retriever.token().await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|had_a_token| had_a_token));
    assert!(retriever.token().await.is_ok());
    let authorization = retriever.authorization().await.unwrap();
    assert_eq!(authorization, format!("Bearer {TOKEN}").as_str());
    assert_eq!(peers.authority.asked().len(), 1);
    shows_no_canary(&format!("{retriever:?} {authorization:?}"));
}

#[tokio::test]
async fn an_authority_that_repeats_the_form_makes_no_error_show_what_proves_the_client() {
    let answer = || {
        Scripted::json(400, r#"{"error":"invalid_request","error_description":"AADSTS90014: ECHO"}"#)
            .echoing()
    };
    let peers = Peers::start().await;
    peers.authority.answers(answer());
    let by_secret = retriever(&peers.settings()).token().await.unwrap_err();

    let path = peers.folder().join("token");
    std::fs::write(&path, "canary-canary-canary.canary_canary_canary.canarycanarycanary").unwrap();
    let file = ("AZURE_FEDERATED_TOKEN_FILE", path.display().to_string());
    let others = peers.variables().into_iter().filter(|(name, _)| *name != "AZURE_AD__CLIENT_SECRET");
    let settings = Settings::load(None, others.chain([file]).collect()).unwrap();
    peers.authority.answers(answer());
    let by_assertion = retriever(&settings).token().await.unwrap_err();

    for (error, field) in [(by_secret, "client_secret"), (by_assertion, "client_assertion")] {
        let description = &error.refusal().unwrap().description;
        assert!(description.contains(&format!("{field}=[redacted]")), "{description}");
        shows_no_canary(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn a_token_of_one_second_is_asked_for_no_more_often_than_it_ends() {
    let peers = Peers::start().await;
    for _ in 0..1000 {
        peers.authority.answers(Scripted::token(1));
    }
    let retriever = retriever(&peers.settings());
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(2500) {
        retriever.token().await.unwrap();
        calls += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // It is used for nine tenths of its lifetime, and one early renewal happens within these seconds.
    let most = start.elapsed().as_secs_f64() / 0.9 + 2.0;
    let asked = u32::try_from(peers.authority.asked().len()).unwrap();
    assert!(f64::from(asked) <= most && calls > asked, "{asked} requests for {calls} calls, {most} at most");
}

#[tokio::test]
async fn a_secret_in_a_variable_loses_one_line_break_as_one_in_a_file_does() {
    let peers = Peers::start().await;
    for (secret, sent) in [("canary\n", "canary"), ("canary\r\n", "canary"), (" canary \n\n", "+canary+%0A")]
    {
        let settings = peers.settings_with(&[("AZURE_AD__CLIENT_SECRET", secret)]);
        retriever(&settings).token().await.unwrap();
        let body = peers.authority.asked().pop().unwrap().body;
        assert!(body.ends_with(&format!("&client_secret={sent}")), "{body}");
    }
    let settings = peers.settings_with(&[("AZURE_AD__CLIENT_SECRET", "\n")]);
    let error = settings.token_retriever(settings.http_client().unwrap()).unwrap_err().to_string();
    assert!(error.contains("`azure_ad.client_secret`") && error.contains("must not be empty"), "{error}");
}
