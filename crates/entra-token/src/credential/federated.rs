//! Federated credentials: tokens of another identity provider that replace a secret.
//!
//! On Kubernetes the cluster is that provider. It writes the token to a file and replaces it before it expires.
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::path::PathBuf;
use std::sync::Arc;

use entra_shared::secret::ClientAssertion;

use super::file::{Files, WatchedFile};
use super::{CredentialError, CredentialProblem, Proof};

/// The largest token accepted, in bytes. Microsoft's libraries have the same limit.
const MAX_FILE: u64 = 64 * 1024;

/// A federated token in a file. `Debug` hides it.
///
/// It is sent unchanged. The authority checks its issuer, subject and audience.
#[derive(Debug, Clone)]
pub struct FederatedCredential {
    pub(super) name: String,
    file: Arc<WatchedFile<ClientAssertion>>,
}

impl FederatedCredential {
    /// Loads the token from this file, and reloads it when the file changes.
    ///
    /// # Errors
    /// The file cannot be read, or contains no JWT.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, CredentialError> {
        let files = Files { paths: vec![path.into()], limit: MAX_FILE, is_secret: |_| true };
        let file = WatchedFile::open(files, assertion)?;
        Ok(Self { name: format!("federated token in {}", file.name()), file })
    }

    pub(super) async fn proof(&self) -> Proof {
        Proof::assertion(&self.name, self.file.checked().await.value.clone())
    }

    pub(super) async fn generation(&self) -> u64 {
        self.file.checked().await.generation
    }
}

/// Parses a compact JWS (RFC 7515 section 7.1), without the byte order mark and line breaks that editors add.
fn assertion(bytes: &[u8]) -> Result<ClientAssertion, CredentialProblem> {
    let text = str::from_utf8(bytes).map_err(|_| CredentialProblem::NotAJwt)?;
    let text = text.trim_start_matches('\u{feff}').trim_ascii();
    let is_segment = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
    };
    if text.split('.').count() != 3 || !text.split('.').all(is_segment) {
        return Err(CredentialProblem::NotAJwt);
    }
    ClientAssertion::parse(text).map_err(|_| CredentialProblem::NotAJwt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_without_what_surrounds_it_and_nothing_else_is_one() {
        for text in ["a.b.canary", "a.b.canary\n", "\u{feff}a.b.canary\r\n", "  a.b.canary  "] {
            assert_eq!(assertion(text.as_bytes()).unwrap().expose(), "a.b.canary", "{text:?}");
        }
        for text in
            ["", "\n", "canary", "a.b", "a..canary", "a.b.canary.d", "a.b.can ary", "{\"token\":\"a.b.c\"}"]
        {
            let error = assertion(text.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{text:?}");
        }
        assert!(assertion(b"a.b.\xff").is_err());
    }

    #[tokio::test]
    async fn a_replaced_token_is_used_for_the_next_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "a.b.canary").unwrap();
        let credential = FederatedCredential::open(&path).unwrap();
        assert_eq!(credential.proof().await.fields()[1].1, "a.b.canary");
        std::fs::write(&path, "a.b.canary2").unwrap();
        assert_eq!(credential.proof().await.fields()[1].1, "a.b.canary2");
        assert!(!format!("{credential:?}").contains("a.b"));
    }
}
