//! The state that handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use entra_guard::Guard;
use tokio_util::sync::CancellationToken;

use crate::readiness::Readiness;
use crate::store::Store;

/// The state that handlers share. axum clones it several times per request, so clones are cheap.
#[derive(Debug, Clone)]
pub struct AppState(pub(crate) Arc<Parts>);

/// The contents of an [`AppState`].
#[derive(Debug)]
pub(crate) struct Parts {
    /// Cancelled when the app starts to shut down.
    pub(crate) ending: CancellationToken,
    pub(crate) guard: Guard,
    pub(crate) readiness: Readiness,
    pub(crate) store: Store,
}

impl AppState {
    pub(crate) fn new(guard: Guard, store: Store, ending: CancellationToken) -> Self {
        Self(Arc::new(Parts { ending, guard, readiness: Readiness::default(), store }))
    }
}

impl FromRef<AppState> for Store {
    fn from_ref(AppState(parts): &AppState) -> Self {
        parts.store.clone()
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
        let guard = azure_ad::authentication(&settings, None, &Metrics::new()).unwrap();
        Self::new(guard, Store::open(&settings).await.unwrap(), CancellationToken::new())
    }
}
