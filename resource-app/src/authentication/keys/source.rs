//! Where keys come from: Entra's discovery document, and the key set it names.

use reqwest::{Client, StatusCode, header};
use serde::Deserialize;
use shared::azure_ad::{Authority, Version};
use shared::http_client::{BodyError, is_untrusted, read_body};
use url::Url;

use super::key_set::{InvalidKeySet, KeySet};

/// The largest document that is read, in bytes: room for a thousand keys with their certificates.
const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// One tenant's keys at one authority.
#[derive(Debug, Clone)]
pub struct KeySource {
    client: Client,
    authority: Authority,
}

/// Why no key set was had. Entra or the way to it is at fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// No answer, or none in time.
    #[error("no answer from {document}")]
    Unreachable { document: &'static str, source: reqwest::Error },
    /// The authority's certificate is not trusted here.
    #[error(
        "the certificate of the authority is not trusted; name its certificate authority in `http_client.ca_file`"
    )]
    Untrusted(#[source] reqwest::Error),
    /// An answer other than 200; redirects are not followed.
    #[error("status {status} from {document}")]
    Status { document: &'static str, status: StatusCode },
    /// The answer's body could not be read.
    #[error("{document} could not be read")]
    Body { document: &'static str, source: BodyError },
    /// Not a discovery document.
    #[error("the discovery document is malformed")]
    Discovery,
    /// The discovery document is another issuer's.
    #[error(
        "the discovery document names another issuer than the settings do; check azure_ad.instance and azure_ad.tenant_id"
    )]
    Issuer,
    /// The key set would come from somewhere else than the authority.
    #[error("the discovery document names a key set outside of the authority's origin")]
    KeySetOrigin,
    /// The documents took too long, each within its limit.
    #[error("the documents took too long")]
    TooSlow,
    /// This app: reading the documents went wrong.
    #[error("the fetch ended in a panic")]
    Panicked,
    /// The key set is of no use.
    #[error(transparent)]
    KeySet(#[from] InvalidKeySet),
}

/// The members that matter here.
///
/// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
}

impl KeySource {
    /// The keys of the authority's tenant, asked for through `client`.
    #[must_use]
    pub fn new(client: Client, authority: Authority) -> Self {
        Self { client, authority }
    }

    /// Reads both documents anew. The v2.0 documents: their keys sign tokens of both versions.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = self.authority.discovery_document(Version::V2);
        let key_set = self.key_set_url(&self.read("the discovery document", document).await?)?;
        Ok(KeySet::parse(&self.read("the key set", key_set).await?)?)
    }

    /// OpenID Connect Discovery section 4.3: the issuer must be the very one that was asked for.
    fn key_set_url(&self, discovery: &[u8]) -> Result<Url, FetchError> {
        let discovery: Discovery = serde_json::from_slice(discovery).map_err(|_| FetchError::Discovery)?;
        if discovery.issuer != self.authority.issuer(Version::V2) {
            return Err(FetchError::Issuer);
        }
        let url = discovery.jwks_uri;
        // The instance is https, so its origin is too.
        let bare = url.username().is_empty() && url.password().is_none();
        if bare && url.origin() == self.authority.instance().url().origin() {
            Ok(url)
        } else {
            Err(FetchError::KeySetOrigin)
        }
    }

    async fn read(&self, document: &'static str, url: Url) -> Result<Vec<u8>, FetchError> {
        let unreachable = |error: reqwest::Error| {
            if is_untrusted(&error) {
                FetchError::Untrusted(error.without_url())
            } else {
                FetchError::Unreachable { document, source: error.without_url() }
            }
        };
        let request = self.client.get(url).header(header::ACCEPT, "application/json");
        let response = request.send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::OK => read_body(response, MAX_DOCUMENT_BYTES)
                .await
                .map_err(|source| FetchError::Body { document, source }),
            status => Err(FetchError::Status { document, status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::azure_ad::Instance;
    use shared::ids::TenantId;

    use super::*;
    use crate::authentication::test_token::{INSTANCE, TENANT};

    fn key_set_url(issuer: &str, jwks_uri: &str) -> Result<Url, FetchError> {
        let authority =
            Authority::new(Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap(), None);
        let document = json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
        KeySource::new(Client::new(), authority).key_set_url(document.as_bytes())
    }

    fn issuer() -> String {
        format!("{INSTANCE}/{TENANT}/v2.0")
    }

    #[test]
    fn a_discovery_document_of_another_issuer_is_refused() {
        let keys = format!("{INSTANCE}/keys");
        assert!(key_set_url(&issuer(), &keys).is_ok());
        for issuer in [
            format!("{}/", issuer()),
            issuer().to_uppercase(),
            issuer().replace("/v2.0", "/"),
            issuer().replace(TENANT, "{tenantid}"),
            issuer().replace("login.example", "login.example.evil"),
        ] {
            assert!(matches!(key_set_url(&issuer, &keys), Err(FetchError::Issuer)), "{issuer}");
        }
    }

    #[test]
    fn the_key_set_comes_from_the_authoritys_origin() {
        for url in [
            "http://login.example/keys",
            "https://login.example:444/keys",
            "https://login.example.evil/keys",
            "https://evil@login.example/keys",
            "https://169.254.169.254/keys",
            "file:///etc/passwd",
            "data:,{}",
        ] {
            assert!(matches!(key_set_url(&issuer(), url), Err(FetchError::KeySetOrigin)), "{url}");
        }
        for url in ["", "/keys", "keys"] {
            assert!(matches!(key_set_url(&issuer(), url), Err(FetchError::Discovery)), "{url}");
        }
    }
}
