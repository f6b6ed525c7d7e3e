//! The web service as a whole: bound, then run until it is told to end.

use shared::server::Server;
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::resource_client::ResourceClient;
use crate::web::{self, FailureLog};

pub use shared::server::BindError as StartError;

/// The web service of the middle tier.
///
/// It has no authentication of its own: whoever reaches it acts with this client's token. So it listens on loopback
/// unless told otherwise, and there answers only to the names of this machine.
#[derive(Debug)]
pub struct ClientApp {
    server: Server,
    client: ResourceClient,
}

impl ClientApp {
    /// Takes its address; neither the authority nor the resource has to be up.
    ///
    /// # Errors
    /// The address is taken, or a file that the settings name is unusable.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let client = settings.resource_client()?;
        let server = Server::bind(&settings.server).await?;
        if !server.address().ip().is_loopback() {
            tracing::warn!(
                listen = %server.address(),
                "listening beyond this machine without authentication: whoever gets here acts with this client's token"
            );
        }
        Ok(Self { server, client })
    }

    /// The base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Serves until `shutdown`, then lets the requests in flight finish. Those that wait for a token are answered with
    /// 503 at once: an authority that is slow must not hold up the end.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { server, client } = self;
        let (local, log) = (server.address().ip().is_loopback(), FailureLog::new());
        let routes = web::routes(client.until(shutdown.clone()), local, log.clone());
        tracing::info!(url = server.url(), "serving");
        tokio::select! {
            () = server.serve(routes, shutdown) => (),
            () = log.sum_up_for_ever() => (),
        }
        log.sum_up();
    }
}
