//! What all targets share: the environment, the claims, and the address.

use std::env;

use serde::{Deserialize, Serialize};

/// The claims that the handlers read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Claims {
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

/// Returns an environment variable of the runner.
pub fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

pub async fn listener() -> tokio::net::TcpListener {
    tokio::net::TcpListener::bind(format!("127.0.0.1:{}", setting("PORT"))).await.expect("the port is free")
}
