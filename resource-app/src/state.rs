//! The state that handlers share.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use entra_guard::Guard;
use tokio_util::sync::CancellationToken;

use crate::readiness::Readiness;
use crate::store::Store;

/// The state that handlers share. axum clones it several times per request, so clones are cheap.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Parts>);

/// The contents of an [`AppState`].
#[derive(Debug)]
pub struct Parts {
    /// Cancelled when the app starts to shut down.
    pub(crate) ending: CancellationToken,
    pub(crate) guard: Guard,
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
    /// Creates a state with an unreachable authority and its store in `folder`.
    pub(crate) async fn for_test(folder: &std::path::Path) -> Self {
        use crate::{azure_ad, metrics::Metrics, settings::Settings};

        let url = format!("sqlite://{}/resources.db", folder.display());
        let environment = [("STORE__URL", url.as_str()), ("AZURE_AD__INSTANCE", "https://127.0.0.1:1")];
        let settings = Settings::load(None, environment.into_iter().collect()).unwrap();
        Self::from(Parts {
            ending: CancellationToken::new(),
            guard: azure_ad::authentication(&settings, None, &Metrics::new()).unwrap(),
            readiness: Readiness::default(),
            store: Store::open(&settings).await.unwrap(),
        })
    }
}
