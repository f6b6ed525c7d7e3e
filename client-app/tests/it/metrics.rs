//! `GET /metrics` of the web service, on a listener of its own.

use std::time::Duration;

use client_app::{ClientApp, Settings, StartError};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use reqwest::{Client, Method};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::peer::{Peers, Scripted, shows_no_canary};

struct Watched {
    peers: Peers,
    url: String,
    metrics: String,
    http: Client,
    _running: DropGuard,
}

impl Watched {
    async fn start(peers: Peers, settings: Settings) -> Self {
        let app = ClientApp::bind(settings).await.unwrap();
        let (url, shutdown) = (app.url(), CancellationToken::new());
        let metrics = format!("http://{}/metrics", app.metrics_address().unwrap());
        tokio::spawn(app.run(shutdown.clone()));
        let http = Client::builder().no_proxy().build().unwrap();
        Self { peers, url, metrics, http, _running: shutdown.drop_guard() }
    }

    async fn with(more: &[(&'static str, &str)]) -> Self {
        let peers = Peers::start().await;
        let settings = peers.settings_with(more);
        Self::start(peers, settings).await
    }

    async fn ask(&self, method: Method, path: &str) -> u16 {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.send().await.unwrap().status().as_u16()
    }

    async fn numbers(&self) -> String {
        let answer = self.http.get(&self.metrics).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let numbers = answer.text().await.unwrap();
        shows_no_canary(&numbers);
        numbers
    }

    /// Returns the value of a metric, by its name and labels.
    async fn number(&self, name: &str) -> Option<f64> {
        let numbers = self.numbers().await;
        let value =
            numbers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        value.map(|value| value.parse().unwrap())
    }
}

#[tokio::test]
async fn token_requests_are_counted_by_outcome_and_watching_costs_none() {
    let refused =
        |error: &str| Scripted::json(400, format!(r#"{{"error":"{error}","error_description":"canary"}}"#));
    let outage = Scripted::new(503, "canary");
    let cases = [
        ("credential", vec![refused("invalid_client")]),
        ("configuration", vec![refused("invalid_scope")]),
        ("throttled", vec![Scripted::new(429, "canary").header("retry-after", "60")]),
        // An outage is retried once; both attempts count as one request.
        ("unavailable", vec![outage.clone(), outage]),
        ("protocol", vec![Scripted::json(200, "{}")]),
        ("acquired", vec![]),
    ];
    for (expected, answers) in cases {
        let watched = Watched::with(&[]).await;
        assert_eq!(watched.number("token_expires_in_seconds").await, Some(0.0));
        assert!(watched.peers.authority.asked().is_empty());
        for answer in answers {
            watched.peers.authority.answers(answer);
        }
        watched.ask(Method::GET, "/health/ready").await;
        for outcome in ["acquired", "credential", "configuration", "throttled", "unavailable", "protocol"] {
            let count = watched.number(&format!("token_requests_total{{outcome=\"{outcome}\"}}")).await;
            assert_eq!(count, Some(f64::from(u8::from(outcome == expected))), "{outcome} of {expected}");
        }
        let left = watched.number("token_expires_in_seconds").await.unwrap();
        assert_eq!(left > 3500.0 && left < 3600.0, expected == "acquired", "{left}");
        // A secret contains no expiry.
        assert!(!watched.numbers().await.contains("credential_days_to_expiry{"));
    }
}

#[tokio::test]
async fn requests_are_counted_by_labels_that_callers_cannot_make_up() {
    let watched = Watched::with(&[]).await;
    watched.ask(Method::GET, "/api/resources/canary").await;
    watched.ask(Method::GET, "/canary").await;
    watched.ask(Method::from_bytes(b"CANARY").unwrap(), "/health/live").await;
    watched.ask(Method::GET, "/health/live").await;
    watched.ask(Method::GET, "/health/live").await;
    for (labels, count) in [
        (r#"method="GET",route="/api/resources/{id}",status="404""#, 1.0),
        (r#"method="GET",route="unmatched",status="404""#, 1.0),
        (r#"method="other",route="/health/live",status="405""#, 1.0),
        (r#"method="GET",route="/health/live",status="200""#, 2.0),
    ] {
        let name = format!("http_requests_total{{{labels}}}");
        assert_eq!(watched.number(&name).await, Some(count), "{name}");
    }
    let duration = r#"http_request_duration_seconds_count{method="GET",route="/health/live"}"#;
    assert_eq!(watched.number(duration).await, Some(2.0));
}

#[tokio::test]
async fn the_days_of_each_credential_are_told_below_zero_too_and_a_replaced_file_counts_at_once() {
    let days_from_now =
        |days: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string();
    let expires_on = days_from_now(-3)[..10].to_owned();
    let watched = Watched::with(&[("AZURE_AD__CLIENT_SECRET_EXPIRES_ON", &expires_on)]).await;
    let secret = r#"credential_days_to_expiry{credential="client secret of azure_ad.client_secret"}"#;
    assert_eq!(watched.number(secret).await, Some(-4.0));

    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate_until = |year: i32| {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 1, 1);
        format!("{}{}", key.serialize_pem(), params.self_signed(&key).unwrap().pem())
    };
    let peers = Peers::start().await;
    let file = peers.folder().join("client.pem");
    std::fs::write(&file, certificate_until(2900)).unwrap();
    let path = file.display().to_string();
    let settings = peers.settings_with(&[
        ("AZURE_AD__CREDENTIAL__KIND", "certificate"),
        ("AZURE_AD__CREDENTIAL__FILE", &path),
    ]);
    let watched = Watched::start(peers, settings).await;
    let name = format!("credential_days_to_expiry{{credential=\"certificate in {path}\"}}");
    let before = watched.number(&name).await.unwrap();
    std::fs::write(&file, certificate_until(2901)).unwrap();
    assert_eq!(watched.number(&name).await, Some(before + 365.0));
}

#[tokio::test]
async fn the_listener_can_be_left_out_and_one_that_is_taken_is_named() {
    let peers = Peers::start().await;
    let defaults = include_str!("../../settings.toml");
    let section = defaults.find("[metrics]").unwrap();
    let (rest, metrics) = defaults.split_at(section);
    let after = metrics[1..].find("\n[").map_or("", |end| &metrics[end + 1..]);
    let file = peers.folder().join("settings.toml");
    std::fs::write(&file, format!("{rest}{after}")).unwrap();
    let variables = || peers.variables().into_iter().filter(|(name, _)| *name != "METRICS__LISTEN");
    let settings = Settings::load(Some(&file), variables().collect()).unwrap();
    let app = ClientApp::bind(settings).await.unwrap();
    assert_eq!(app.metrics_address(), None);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _taken = std::net::TcpListener::bind(taken).unwrap();
    let error =
        ClientApp::bind(peers.settings_with(&[("METRICS__LISTEN", &taken.to_string())])).await.unwrap_err();
    assert!(
        matches!(error, StartError::Bind(_)) && error.to_string().contains("`metrics.listen`"),
        "{error}"
    );
}

#[tokio::test]
async fn the_requests_in_flight_and_those_for_the_numbers_have_one_drain_time_together() {
    let peers = Peers::start().await;
    peers.resource.otherwise_answers(|_| Scripted::new(200, "").after(Duration::from_hours(1)));
    let limits = [("HTTP_CLIENT__TIMEOUT_SECONDS", "3600"), ("SERVER__DRAIN_TIMEOUT_SECONDS", "5")];
    let app = ClientApp::bind(peers.settings_with(&limits)).await.unwrap();
    let (url, metrics, shutdown) = (app.url(), app.metrics_address().unwrap(), CancellationToken::new());
    let running = tokio::spawn(app.run(shutdown.clone()));
    let http = Client::builder().no_proxy().build().unwrap();
    let _in_flight = tokio::spawn(http.get(format!("{url}/api/resources")).send());
    while peers.resource.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut unfinished = TcpStream::connect(metrics).await.unwrap();
    unfinished.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
    // Accepted after the other connection.
    http.get(format!("http://{metrics}/metrics")).send().await.unwrap();
    tokio::time::pause();
    let start = Instant::now();
    shutdown.cancel();
    running.await.unwrap();
    // The paused clock jumps from timer to timer.
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}
