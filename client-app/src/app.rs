//! The web service as a whole: bound, then run until it is told to end.

use axum::Router;
use shared::server::Server;
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::web;

pub use shared::server::BindError as StartError;

/// The web service of the middle tier.
///
/// It has no authentication of its own: whoever reaches it acts with this client's token. So it listens on loopback
/// unless told otherwise, and there answers only to the names of this machine.
#[derive(Debug)]
pub struct ClientApp {
    server: Server,
    routes: Router,
    ending: CancellationToken,
}

impl ClientApp {
    /// Takes its address; neither the authority nor the resource has to be up.
    ///
    /// # Errors
    /// The address is taken, or a file that the settings name is unusable.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let client = settings.resource_client()?;
        let server = Server::bind(&settings.server).await?;
        let local = server.address().ip().is_loopback();
        if !local {
            tracing::warn!(
                listen = %server.address(),
                "listening beyond this machine without authentication: whoever gets here acts with this client's token"
            );
        }
        let ending = CancellationToken::new();
        Ok(Self { routes: web::routes(client, local, ending.clone()), server, ending })
    }

    /// The base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Serves until `shutdown`, then lets the requests in flight finish. From then on it is not ready.
    pub async fn run(self, shutdown: CancellationToken) {
        tracing::info!(url = self.server.url(), "serving");
        let end = async {
            shutdown.cancelled().await;
            self.ending.cancel();
        };
        tokio::join!(end, self.server.serve(self.routes, shutdown.clone()));
    }
}
