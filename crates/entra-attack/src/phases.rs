//! The phases of a run, in their order.

mod catalogue;
mod expiry;
mod flood;
mod keys;
mod requests;
mod routes;

use crate::admin::AdminError;
use crate::session::Session;

impl Session {
    /// Runs all phases.
    pub(crate) async fn run(&self) -> Result<(), AdminError> {
        self.phase("routes");
        self.attack_routes().await?;
        self.phase("key rollovers");
        self.attack_keys().await?;
        self.phase("requests");
        self.attack_requests().await?;
        self.phase("catalogue of tokens");
        self.attack_catalogue().await?;
        self.phase("expiry");
        self.attack_expiry().await?;
        self.phase("flood of unknown keys");
        self.attack_flood().await
    }
}
