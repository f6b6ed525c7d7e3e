//! The handler that accepts requests without a token, for development.

use std::net::SocketAddr;

use entra_shared::settings::KeyProblem;

/// Accepts requests without a token and meets every requirement.
///
/// It cannot exist outside development, nor on an address that another machine can reach.
#[derive(Debug, Clone)]
pub struct DevelopmentHandler(());

impl DevelopmentHandler {
    /// Creates the handler for a service that listens on this address.
    ///
    /// # Errors
    ///
    /// The service is not in development, or the address is not a loopback address.
    pub fn new(development: bool, listen: SocketAddr) -> Result<Self, KeyProblem> {
        const KEY: &str = "authorization.development_handler";
        if !development {
            return Err(KeyProblem::new(KEY, "needs environment = \"development\""));
        }
        if !listen.ip().to_canonical().is_loopback() {
            return Err(KeyProblem::new(KEY, "needs server.listen to be a loopback address"));
        }
        Ok(Self(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_exists_in_development_on_loopback_only() {
        for (development, listen, exists) in [
            (true, "127.0.0.1:5001", true),
            (true, "[::1]:5001", true),
            (true, "0.0.0.0:5001", false),
            (true, "[::]:5001", false),
            (true, "10.0.0.1:5001", false),
            (false, "127.0.0.1:5001", false),
        ] {
            let handler = DevelopmentHandler::new(development, listen.parse().unwrap());
            assert_eq!(handler.is_ok(), exists, "{development} {listen}");
        }
    }
}
