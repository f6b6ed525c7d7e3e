//! Fetches Entra's discovery document and the key set it names.

use entra_shared::http_client::{BodyError, CertificateFault, HttpClient, proxy_refusal, read_body};
use entra_shared::json::Object;
use reqwest::{StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::key_set::{InvalidKeySet, KeySet};
use crate::authentication::Tenancy;

/// The largest document, in bytes: enough for a thousand keys with their certificates.
const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// The place where the keys of the accepted tenants are published.
#[derive(Debug, Clone)]
pub struct KeySource {
    client: HttpClient,
    tenancy: Tenancy,
}

/// Why a fetch failed. The cause is in Entra or in the network.
#[derive(Debug, thiserror::Error)]
pub(in crate::authentication) enum FetchError {
    /// There was no answer, or it took too long.
    #[error("no answer from {url}{}", proxy_refusal(.source).map(|refusal| format!(": {refusal}")).unwrap_or_default())]
    Unreachable { url: Url, source: reqwest::Error },
    /// The authority's certificate is not trusted here.
    #[error("the certificate of {} {}. {}", .url.authority(), .fault.problem(), .fault.remedy().trim_end_matches('.'))]
    Untrusted { url: Url, fault: CertificateFault, source: reqwest::Error },
    /// The answer's status was not 200. Redirects are not followed.
    #[error("status {status} from {url}")]
    Status { url: Url, status: StatusCode },
    /// The answer's body could not be read.
    #[error("the answer of {url} could not be read")]
    Body { url: Url, source: BodyError },
    /// A document was read but cannot be used.
    #[error("{url}")]
    Document { url: Url, source: Box<Self> },
    /// Not a discovery document.
    #[error("the discovery document is malformed")]
    Discovery,
    /// The discovery document belongs to another issuer.
    #[error(
        "the discovery document names another issuer than the settings do; check azure_ad.instance and azure_ad.tenant_id, or azure_ad.issuer"
    )]
    Issuer,
    /// The key set's URL has another origin than the metadata and the issuer.
    #[error("the discovery document names a key set on another origin than its own and the issuer's")]
    KeySetOrigin,
    /// The fetch exceeded its time limit.
    #[error("the fetch took too long")]
    TooSlow,
    /// Parsing the documents panicked.
    #[error("the fetch panicked")]
    Panicked,
    /// The key set is unusable.
    #[error(transparent)]
    KeySet(#[from] InvalidKeySet),
}

impl FetchError {
    /// Adds the URL of the document that the error is about.
    fn about(self, url: Url) -> Self {
        Self::Document { url, source: Box::new(self) }
    }
}

/// The members of a discovery document that are used.
/// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
    cloud_instance_name: Option<String>,
}

impl KeySource {
    /// Creates a source that fetches the keys of the accepted tenants with `client`.
    #[must_use]
    pub fn new(client: HttpClient, tenancy: impl Into<Tenancy>) -> Self {
        Self { client, tenancy: tenancy.into() }
    }

    /// Fetches both documents.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = self.tenancy.discovery_document().clone();
        let text = self.read(document.clone()).await?;
        let discovery = self.discovery(&text).map_err(|error| error.about(document))?;
        let text = self.read(discovery.jwks_uri.clone()).await?;
        let keys = KeySet::parse(&text).and_then(|keys| match &discovery.cloud_instance_name {
            Some(cloud) => keys.in_cloud(cloud),
            None => Ok(keys),
        });
        keys.map_err(|error| FetchError::from(error).about(discovery.jwks_uri))
    }

    /// Returns the key set's URL, as a discovery document gives it.
    #[cfg(fuzzing)]
    pub(in crate::authentication) fn key_set_url(&self, document: &[u8]) -> Result<Url, FetchError> {
        Ok(self.discovery(document)?.jwks_uri)
    }

    /// Parses a discovery document; its issuer must be the requested one (OpenID Connect Discovery section 4.3).
    fn discovery(&self, document: &[u8]) -> Result<Discovery, FetchError> {
        let Object(discovery): Object<Discovery> =
            serde_json::from_slice(document).map_err(|_| FetchError::Discovery)?;
        if discovery.issuer != self.tenancy.metadata_issuer() {
            return Err(FetchError::Issuer);
        }
        if self.tenancy.is_key_set(&discovery.jwks_uri) {
            Ok(discovery)
        } else {
            Err(FetchError::KeySetOrigin)
        }
    }

    async fn read(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let request = self.client.get(url.clone()).header(header::ACCEPT, "application/json");
        let response = match self.client.send(request).await.map_err(reqwest::Error::without_url) {
            Ok(response) => response,
            Err(source) => {
                return Err(match CertificateFault::from_error(&source) {
                    Some(fault) => FetchError::Untrusted { url, fault, source },
                    None => FetchError::Unreachable { url, source },
                });
            }
        };
        match response.status() {
            StatusCode::OK => read_body(response, MAX_DOCUMENT_BYTES)
                .await
                .map(Vec::from)
                .map_err(|source| FetchError::Body { url, source }),
            status => Err(FetchError::Status { url, status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::azure_ad::{Authority, EndpointUrl, Endpoints, Instance};
    use entra_shared::ids::TenantId;
    use serde_json::json;

    use super::*;
    use crate::authentication::TenantIndependentEndpoint;
    use crate::authentication::test_token::{INSTANCE, TENANT};

    fn source() -> KeySource {
        let (instance, tenant) = (Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap());
        KeySource::new(HttpClient::trusting("").unwrap(), Authority::new(instance, tenant, None))
    }

    fn read(document: &str) -> Result<Discovery, FetchError> {
        source().discovery(document.as_bytes())
    }

    fn naming(issuer: &str, jwks_uri: &str) -> Result<Discovery, FetchError> {
        read(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string())
    }

    fn issuer() -> String {
        format!("{INSTANCE}/{TENANT}/v2.0")
    }

    #[test]
    fn a_discovery_document_of_another_issuer_is_refused() {
        let keys = format!("{INSTANCE}/keys");
        assert!(naming(&issuer(), &keys).is_ok());
        for issuer in [
            format!("{}/", issuer()),
            issuer().to_uppercase(),
            // The v1.0 document's.
            issuer().replace("/v2.0", "/"),
            issuer().replace(TENANT, "{tenantid}"),
            issuer().replace(TENANT, "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41"),
            issuer().replace("login.example", "login.example.evil"),
        ] {
            assert!(matches!(naming(&issuer, &keys), Err(FetchError::Issuer)), "{issuer}");
        }
    }

    #[test]
    fn the_key_set_of_a_tenant_with_its_own_endpoints_is_on_the_origin_of_one_of_them() {
        let issuer = "https://login.contoso.com/x/v2.0/";
        let endpoint = |url: &str| Some(EndpointUrl::parse(url).unwrap());
        let (instance, tenant) = (Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap());
        let authority = Authority::new(instance, tenant, None).with_endpoints(Endpoints {
            issuer: endpoint(issuer),
            metadata_url: endpoint("https://metadata.contoso.com/x"),
            token_endpoint: None,
        });
        let source = KeySource::new(HttpClient::trusting("").unwrap(), authority);
        let read = |issuer: &str, jwks_uri: &str| {
            source.discovery(json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string().as_bytes())
        };
        for host in ["login.contoso.com", "metadata.contoso.com"] {
            assert!(read(issuer, &format!("https://{host}/keys")).is_ok(), "{host}");
        }
        for keys in ["https://contoso.com/keys", "http://login.contoso.com/keys", &format!("{INSTANCE}/keys")]
        {
            assert!(matches!(read(issuer, keys), Err(FetchError::KeySetOrigin)), "{keys}");
        }
        let without_slash = read("https://login.contoso.com/x/v2.0", "https://login.contoso.com/keys");
        assert!(matches!(without_slash, Err(FetchError::Issuer)));
    }

    #[test]
    fn the_metadata_of_many_tenants_is_not_that_of_one() {
        let (instance, tenant) = (Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap());
        let tenancy = Tenancy::of_tenants(&instance, TenantIndependentEndpoint::Organizations, &[tenant]);
        let source = KeySource::new(HttpClient::trusting("").unwrap(), tenancy);
        let of_issuer = |issuer: &str| {
            let document = json!({ "issuer": issuer, "jwks_uri": format!("{INSTANCE}/keys") });
            source.discovery(document.to_string().as_bytes())
        };
        assert!(of_issuer(&issuer().replace(TENANT, "{tenantid}")).is_ok());
        for other in [issuer(), issuer().replace(TENANT, "organizations")] {
            assert!(matches!(of_issuer(&other), Err(FetchError::Issuer)), "{other}");
        }
    }

    #[test]
    fn the_key_set_comes_from_the_authoritys_origin() {
        for url in [
            "http://login.example/keys",
            "http://127.0.0.1/keys",
            "https://login.example:444/keys",
            "https://login.example.evil/keys",
            "https://evil@login.example/keys",
            "https://:evil@login.example/keys",
            "https://169.254.169.254/keys",
            "ftp://login.example/keys",
            "file:///etc/passwd",
            "data:,{}",
        ] {
            assert!(matches!(naming(&issuer(), url), Err(FetchError::KeySetOrigin)), "{url}");
        }
        for url in ["", "/keys", "keys"] {
            assert!(matches!(naming(&issuer(), url), Err(FetchError::Discovery)), "{url}");
        }
    }

    #[test]
    fn a_discovery_document_without_an_address_for_the_keys_is_refused() {
        let (issuer, keys) = (issuer(), format!("{INSTANCE}/keys"));
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        for document in [
            String::new(),
            "[]".into(),
            json!([issuer, keys, null]).to_string(),
            "null".into(),
            json!({ "issuer": issuer }).to_string(),
            json!({ "jwks_uri": keys }).to_string(),
            json!({ "issuer": issuer, "jwks_uri": null }).to_string(),
            json!({ "issuer": issuer, "jwks_uri": [keys] }).to_string(),
            json!({ "issuer": [issuer], "jwks_uri": keys }).to_string(),
            format!(r#"{{"issuer":"{issuer}","issuer":"{issuer}","jwks_uri":"{keys}"}}"#),
            format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}","jwks_uri":"{keys}"}}"#),
            format!(r#"{{"issuer":"{issuer}","jwks_uri":{deep}}}"#),
            format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}"}}x"#),
            format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}""#),
        ] {
            let shown = document.get(..80).unwrap_or(&document);
            assert!(matches!(read(&document), Err(FetchError::Discovery)), "{shown}");
        }
        // Unused members may hold anything, such as the algorithms of ID tokens.
        let other = format!(
            r#"{{"x":{deep},"issuer":"{issuer}","jwks_uri":"{keys}","id_token_signing_alg_values_supported":["none","HS256"]}}"#
        );
        assert!(read(&other).is_ok());
    }
}
