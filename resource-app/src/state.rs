//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;

use crate::guard::Records;
use crate::health::Readiness;
use crate::store::Store;
use entra_guard::authentication::Authenticator;
use entra_guard::authorization::{DevelopmentHandler, Policies};

/// What handlers share. axum clones it several times a request, so that a clone is one count and no more.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Parts>);

/// The parts of an [`AppState`].
#[derive(Debug)]
pub struct Parts {
    /// Cancelled once the app is about to end.
    pub(crate) ending: CancellationToken,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) development: Option<DevelopmentHandler>,
    pub(crate) records: Arc<Records>,
    pub(crate) readiness: Readiness,
    pub(crate) store: Store,
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<AppState> for Store {
    fn from_ref(state: &AppState) -> Self {
        state.store.clone()
    }
}

#[cfg(test)]
impl AppState {
    /// One whose authority is away, with its store in `folder`; in development, requests need no token.
    pub(crate) async fn for_test(folder: &std::path::Path, development: bool) -> Self {
        Self::for_test_with(crate::router::api().unwrap().policies(), folder, development).await
    }

    /// The same, with these policies.
    pub(crate) async fn for_test_with(
        policies: &Policies,
        folder: &std::path::Path,
        development: bool,
    ) -> Self {
        use crate::{azure_ad, metrics::Metrics, settings::Settings};

        let url = format!("sqlite://{}/resources.db", folder.display());
        let environment = [("STORE__URL", url.as_str()), ("AZURE_AD__INSTANCE", "https://127.0.0.1:1")];
        let settings = Settings::load(None, environment.into_iter().collect()).unwrap();
        let listen = ([127, 0, 0, 1], 0).into();
        let development = development.then(|| DevelopmentHandler::new(true, listen).unwrap());
        let client = entra_shared::http_client::HttpClient::trusting("").unwrap();
        Self::from(Parts {
            ending: CancellationToken::new(),
            records: Arc::new(Records::new(&settings.authorization, Metrics::new())),
            authenticator: Arc::new(azure_ad::authentication(&settings, client)),
            policies: Arc::new(azure_ad::authorization(policies.clone(), &settings, development.as_ref())),
            development,
            readiness: Readiness::default(),
            store: Store::open(&settings).await.unwrap(),
        })
    }
}
