//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::authentication::Authenticator;
use crate::authorization::{DevelopmentHandler, Policies};
use crate::guard::Records;
use crate::store::Store;

/// What handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) development: Option<DevelopmentHandler>,
    pub(crate) records: Arc<Records>,
    pub(crate) store: Store,
}

impl FromRef<AppState> for Store {
    fn from_ref(state: &AppState) -> Self {
        state.store.clone()
    }
}
