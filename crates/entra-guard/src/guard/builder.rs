//! Configures and starts a guard.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::http_client::{HttpClient, HttpClientSettings};
use entra_shared::ids::{AppIdUri, ClientId};
use entra_shared::jwt::{NoCryptography, install_provider};
use entra_shared::settings::KeyProblem;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::{Guard, Inner};
use crate::answers::{Answers, Challenges, ProblemJson};
use crate::authentication::keys::{KeySet, KeySettings, KeySource, Keys};
use crate::authentication::{Authenticator, Expectations, Tenancy, VerifiedTokenSettings};
use crate::decision::{DecisionObserver, Decisions};
use crate::development::DevelopmentHandler;

/// How often the log says how many records it suppressed.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(5);

/// Configures a [`Guard`]. Settings that are not given have defaults that are safe for every API.
#[must_use = "a guard guards nothing until it is started"]
pub struct GuardBuilder {
    tenancy: Tenancy,
    client_id: ClientId,
    app_id_uris: Vec<AppIdUri>,
    versions: Vec<Version>,
    clock_skew: Option<Duration>,
    http_client: Option<Result<HttpClient, KeyProblem>>,
    keys: KeySettings,
    fixed_keys: Option<KeySet>,
    verified_tokens: VerifiedTokenSettings,
    development: Option<DevelopmentHandler>,
    observer: Option<Box<dyn DecisionObserver>>,
    answers: Box<dyn Answers>,
    realm: Option<String>,
}

/// A guard cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no tokio runtime for the background tasks.
    #[error("a guard must be started within a tokio runtime")]
    NoRuntime,
    /// The process has no working cryptography, for example since another crate installed an unsuitable provider.
    #[error(transparent)]
    Cryptography(#[from] NoCryptography),
    /// There is no HTTP client to fetch keys with, for example since the CA file cannot be read.
    #[error("there is no HTTP client to fetch keys with")]
    HttpClient(#[from] KeyProblem),
}

impl GuardBuilder {
    pub(super) fn new(tenancy: Tenancy, client_id: ClientId) -> Self {
        Self {
            tenancy,
            client_id,
            app_id_uris: Vec::new(),
            versions: vec![Version::V2],
            clock_skew: None,
            http_client: None,
            keys: KeySettings::default(),
            fixed_keys: None,
            verified_tokens: VerifiedTokenSettings::default(),
            development: None,
            observer: None,
            answers: Box::new(ProblemJson),
            realm: None,
        }
    }

    /// Trusts the certificate authorities of a PEM file in addition to the system's.
    ///
    /// Replaces a client that was given before.
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        let settings = HttpClientSettings { ca_file: Some(path.into()), ..HttpClientSettings::default() };
        Self { http_client: Some(HttpClient::new(&settings)), ..self }
    }

    /// Fetches keys with this client.
    pub fn http_client(self, client: HttpClient) -> Self {
        Self { http_client: Some(Ok(client)), ..self }
    }

    /// Fetches keys with a client of this builder, on which time limits and *no redirects* are set.
    ///
    /// A finished `reqwest::Client` is not accepted, since it follows redirects by default.
    pub fn http_client_builder(self, builder: reqwest::ClientBuilder) -> Self {
        Self { http_client: Some(HttpClient::from_builder(builder)), ..self }
    }

    /// Accepts these audiences too: the App ID URIs that v1.0 tokens hold.
    pub fn app_id_uris(self, uris: impl IntoIterator<Item = AppIdUri>) -> Self {
        Self { app_id_uris: uris.into_iter().collect(), ..self }
    }

    /// Accepts tokens of these versions; v2.0 by default.
    pub fn accepted_versions(self, versions: impl IntoIterator<Item = Version>) -> Self {
        Self { versions: versions.into_iter().collect(), ..self }
    }

    /// Tolerates this difference between the clocks of Entra and this machine; one minute by default.
    pub fn clock_skew(self, skew: Duration) -> Self {
        Self { clock_skew: Some(skew), ..self }
    }

    /// Sets when keys are fetched and how long they are trusted.
    pub fn keys(self, keys: KeySettings) -> Self {
        Self { keys, ..self }
    }

    /// Uses these keys and fetches none.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn fixed_keys(self, keys: KeySet) -> Self {
        Self { fixed_keys: Some(keys), ..self }
    }

    /// Sets how many verified tokens are remembered.
    pub fn verified_tokens(self, verified_tokens: VerifiedTokenSettings) -> Self {
        Self { verified_tokens, ..self }
    }

    /// Accepts requests without a token on this machine, if there is a handler. Never use it in production.
    pub fn development_handler(self, handler: Option<DevelopmentHandler>) -> Self {
        Self { development: handler, ..self }
    }

    /// Counts decisions with this observer.
    pub fn observer(self, observer: impl DecisionObserver) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }

    /// Writes the bodies of refusals with this; problem+json by default.
    pub fn answers(self, answers: impl Answers) -> Self {
        Self { answers: Box::new(answers), ..self }
    }

    /// The realm of challenges (RFC 9110 section 11.5); the client id by default.
    pub fn realm(self, realm: impl Into<String>) -> Self {
        Self { realm: Some(realm.into()), ..self }
    }

    /// Starts the guard and the fetch of its keys, without waiting for them; [`Guard::ready`] does.
    ///
    /// # Errors
    /// There is no tokio runtime, no working cryptography or no HTTP client.
    pub fn start(self) -> Result<Guard, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        install_provider()?;
        let client = self.http_client.unwrap_or_else(|| HttpClient::new(&HttpClientSettings::default()))?;
        let expectations =
            Expectations::new(self.tenancy.clone(), self.client_id, &self.app_id_uris, &self.versions);
        let expectations = match self.clock_skew {
            Some(skew) => expectations.with_clock_skew(skew),
            None => expectations,
        };
        if self.development.is_some() {
            tracing::warn!(
                "DEVELOPMENT HANDLER: every request without a token will pass every policy; never run this anywhere else"
            );
        }
        let keys = match self.fixed_keys {
            Some(keys) => Keys::fixed(keys),
            None => Keys::start(KeySource::new(client, self.tenancy), &self.keys),
        };
        let authenticator = Arc::new(Authenticator::new(expectations, keys, self.verified_tokens));
        let observer = self.observer;
        #[cfg(feature = "metrics")]
        let observer = observer.or_else(|| Some(Box::new(crate::decision::DecisionMetrics)));
        let decisions = Arc::new(Decisions::new(Arc::clone(&authenticator), observer));
        let summaries = runtime.spawn(summarize(Arc::clone(&decisions)));
        let realm = self.realm.unwrap_or_else(|| self.client_id.to_string());
        Ok(Guard(Arc::new(Inner {
            authenticator,
            decisions,
            development: self.development,
            answers: self.answers,
            challenges: Challenges::for_realm(&realm),
            _summaries: AbortOnDropHandle::new(summaries),
        })))
    }
}

async fn summarize(decisions: Arc<Decisions>) {
    let mut interval = tokio::time::interval(SUMMARY_INTERVAL);
    loop {
        interval.tick().await;
        decisions.summarize();
    }
}

impl std::fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardBuilder").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
