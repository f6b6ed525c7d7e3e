//! The handler that succeeds without a token, for development on one's own machine.

use std::net::SocketAddr;

use entra_shared::settings::KeyProblem;

use super::requirement::{Handler, Outcome};
use super::{Subject, Target};

/// Meets every requirement of a request that came without a token.
///
/// It cannot exist outside development, nor where anybody but this machine can reach the API.
#[derive(Debug, Clone)]
pub struct DevelopmentHandler(());

impl DevelopmentHandler {
    /// The handler, for an app in development or not that listens on this address.
    ///
    /// # Errors
    /// The app is not in development, or its address is not loopback.
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

impl Handler for DevelopmentHandler {
    fn handle(&self, subject: &Subject<'_>, _: Option<&Target>) -> Outcome {
        // Whoever sent a token is judged by it.
        if subject.development { Outcome::Met } else { Outcome::NotMet }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::authorization::{Policies, ReadPolicy, WritePolicy};

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

    #[test]
    fn it_lets_pass_whoever_has_no_token_and_nobody_else() {
        let handler = DevelopmentHandler::new(true, ([127, 0, 0, 1], 0).into()).unwrap();
        let mut policies = Policies::default();
        policies.add::<ReadPolicy>().unwrap();
        policies.add::<WritePolicy>().unwrap();
        let policies = policies.or(&(Arc::new(handler) as Arc<dyn Handler>));
        let roles = ["Resource.Read".to_owned()];
        let with_token = Subject::app(&roles);
        let without_token = Subject { app_only: false, roles: &[], development: true, ..with_token };
        assert!(policies.authorize::<WritePolicy>(&without_token).is_ok());
        assert!(policies.authorize::<ReadPolicy>(&with_token).is_ok());
        assert_eq!(policies.authorize::<WritePolicy>(&with_token).unwrap_err().reasons, ["role_missing"]);
    }
}
