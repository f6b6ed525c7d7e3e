//! Client secrets.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use entra_shared::secret::ClientSecret;
use jiff::Timestamp;

use super::file::{Files, WatchedFile};
use super::{CredentialError, CredentialProblem, Proof};

/// The largest secret file, in bytes. Entra's secrets have 40 characters.
const MAX_FILE: u64 = 4096;

/// A client secret of the app registration: the value of one of its `passwordCredentials`. `Debug` hides it.
#[derive(Clone)]
pub struct SecretCredential {
    pub(super) name: String,
    source: Source,
    pub(super) expires_at: Option<Timestamp>,
}

#[derive(Clone)]
enum Source {
    Value(ClientSecret),
    File(Arc<WatchedFile<ClientSecret>>),
}

impl SecretCredential {
    /// Creates a credential from a secret.
    #[must_use]
    pub fn new(secret: ClientSecret) -> Self {
        Self { name: "client secret".to_owned(), source: Source::Value(secret), expires_at: None }
    }

    /// Loads the secret from this file, and reloads it when the file changes.
    ///
    /// # Errors
    /// The file cannot be read, or contains no secret.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, CredentialError> {
        let files = Files { paths: vec![path.into()], limit: MAX_FILE, is_secret: |_| true };
        let file = WatchedFile::open(files, secret)?;
        let name = format!("client secret in {}", file.name());
        Ok(Self { name, source: Source::File(file), expires_at: None })
    }

    /// Sets the name used in logs and errors.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets the expiry shown in the registration, for warnings. The secret itself does not contain it.
    #[must_use]
    pub fn expiring_at(mut self, time: Timestamp) -> Self {
        self.expires_at = Some(time);
        self
    }

    pub(super) async fn proof(&self) -> Proof {
        let secret = match &self.source {
            Source::Value(secret) => secret.clone(),
            Source::File(file) => file.checked().await.value.clone(),
        };
        Proof::secret(&self.name, secret)
    }

    pub(super) async fn generation(&self) -> u64 {
        match &self.source {
            Source::Value(_) => 0,
            Source::File(file) => file.checked().await.generation,
        }
    }
}

impl fmt::Debug for SecretCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCredential").field("name", &self.name).finish_non_exhaustive()
    }
}

fn secret(bytes: &[u8]) -> Result<ClientSecret, CredentialProblem> {
    let text = str::from_utf8(bytes).map_err(|_| CredentialProblem::NotASecret("is not UTF-8".to_owned()))?;
    ClientSecret::parse(text).map_err(|error| CredentialProblem::NotASecret(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_must_hold_a_secret() {
        for (bytes, expected) in [
            ("canary", "canary"),
            ("canary\n", "canary"),
            ("canary\r\n", "canary"),
            (" canary\n\n", "canary"),
        ] {
            assert_eq!(secret(bytes.as_bytes()).unwrap().expose(), expected);
        }
        for wrong in [&b""[..], b"\n", b"canary\xff", b"\"canary\"\n"] {
            assert!(!secret(wrong).unwrap_err().to_string().contains("canary"));
        }
    }

    #[tokio::test]
    async fn a_replaced_file_is_used_for_the_next_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "canary 1\n").unwrap();
        let credential = SecretCredential::open(&path).unwrap();
        assert_eq!(credential.proof().await.fields(), [("client_secret", "canary 1".to_owned())]);
        std::fs::write(&path, "canary two\n").unwrap();
        assert_eq!(credential.proof().await.fields(), [("client_secret", "canary two".to_owned())]);
        assert!(!format!("{credential:?}").contains("canary"));
    }
}
