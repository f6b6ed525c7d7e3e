//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;

use crate::authentication::Authenticator;
use crate::authorization::{DevelopmentHandler, Policies};
use crate::guard::Records;
use crate::store::Store;

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
