//! Prometheus metrics of token requests, credentials and the web service's requests.
//!
//! Label values are bounded: outcomes, credential names from the settings, route templates, known methods and statuses.
//! They never contain tokens, secrets or text from callers.

use axum::Router;
use axum::routing::get;
use http_shell::metrics::Recorder;
use http_shell::server::ServerStatus;
use metrics::{counter, describe_counter, describe_gauge, gauge};

use entra_token::{Credentials, TokenRetriever, TokenStatus};

/// The metrics of one app; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) recorder: Recorder,
    retriever: TokenRetriever,
}

impl Metrics {
    pub(crate) fn new(retriever: TokenRetriever) -> Self {
        Self { recorder: Recorder::new(describe), retriever }
    }

    /// Returns the route `GET /metrics`, which reports the current token's state without requesting a token.
    pub(crate) fn routes(&self, server: ServerStatus) -> Router {
        let metrics = self.clone();
        let render = async move || {
            let credentials = metrics.retriever.source().credentials();
            if let Some(credentials) = credentials {
                credentials.refresh().await;
            }
            metrics.recorder.record(|| {
                server.report();
                report_token(&metrics.retriever.status());
                credentials.into_iter().for_each(report_credentials);
            });
            metrics.recorder.render()
        };
        Router::new().route("/metrics", get(render))
    }
}

fn describe() {
    describe_counter!("token_requests_total", "Requests for an access token, by outcome.");
    describe_gauge!(
        "token_expires_in_seconds",
        "Seconds until the cached token expires; 0 if there is none."
    );
    describe_gauge!(
        "credential_days_to_expiry",
        "Whole days until a credential expires, if known; negative after it has expired."
    );
}

fn report_token(status: &TokenStatus) {
    let counts = [
        ("acquired", status.acquired),
        ("credential", status.credential),
        ("configuration", status.configuration),
        ("throttled", status.throttled),
        ("unavailable", status.unavailable),
        ("protocol", status.protocol),
    ];
    for (outcome, count) in counts {
        counter!("token_requests_total", "outcome" => outcome).absolute(count);
    }
    let left = status.expires_at.map(|at| at.duration_since(jiff::Timestamp::now()).as_secs_f64());
    gauge!("token_expires_in_seconds").set(left.unwrap_or_default().max(0.0));
}

fn report_credentials(credentials: &Credentials) {
    for expiry in credentials.expiries() {
        #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 days")]
        gauge!("credential_days_to_expiry", "credential" => expiry.credential.to_owned())
            .set(expiry.days as f64);
    }
}
