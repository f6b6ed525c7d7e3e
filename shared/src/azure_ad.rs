//! Entra ID's instances and authorities, with their URLs and issuers.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::{Domain, TenantId};

/// The environment variables that Azure's tooling sets for an app registration, each with its settings key.
///
/// <https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication#environment-variables>
pub const AZURE_VARIABLES: &[(&str, &str)] = &[
    ("AZURE_TENANT_ID", "azure_ad.tenant_id"),
    ("AZURE_CLIENT_ID", "azure_ad.client_id"),
    ("AZURE_AUTHORITY_HOST", "azure_ad.instance"),
];

/// The placeholder for the tenant id in an issuer that is published for all tenants.
///
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer>
pub const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The tenant id of all personal Microsoft accounts.
pub const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The versions of Entra's endpoints and of its access tokens, which are independent of each other.
///
/// The resource's `requestedAccessTokenVersion` decides a token's version, not the endpoint that the client calls.
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Version {
    /// v1.0: `resource=`, issuer `https://sts.windows.net/{tid}/`.
    V1,
    /// v2.0: `scope=…/.default`, issuer `https://login.microsoftonline.com/{tid}/v2.0`.
    V2,
}

/// The text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not \"1.0\" or \"2.0\"")]
pub struct InvalidVersion;

impl Version {
    /// Returns the value of the `ver` claim.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        [Self::V1, Self::V2].into_iter().find(|version| version.as_str() == text).ok_or(InvalidVersion)
    }
}

impl From<Version> for &'static str {
    fn from(version: Version) -> Self {
        version.as_str()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A base URL of Entra ID, such as `https://login.microsoftonline.com` or the stand-in's.
///
/// Always https, without credentials, query or fragment, since clients send their secrets here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instance(Url);

/// The text is not an instance of Entra ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInstance {
    /// The text is not an https URL, or has more than a host, a port and a path.
    #[error("not an https URL like https://login.microsoftonline.com")]
    NotAnHttpsUrl,
    /// A host without a scheme.
    #[error("has no scheme; write https:// in front of the host")]
    NoScheme,
    /// The text is the URL of an authority, since it includes a tenant.
    #[error("names a tenant in its path; keep what stands before it, and set `azure_ad.tenant_id`")]
    NamesTenant,
}

impl Instance {
    /// Parses the URL.
    ///
    /// # Errors
    /// The text is not an https URL made of a host, an optional port and an optional path.
    pub fn parse(text: &str) -> Result<Self, InvalidInstance> {
        if !text.is_empty() && !text.contains("://") {
            return Err(InvalidInstance::NoScheme);
        }
        let mut url = Url::parse(text).map_err(|_| InvalidInstance::NotAnHttpsUrl)?;
        if url.scheme() != "https" || !is_bare(&url) || url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidInstance::NotAnHttpsUrl);
        }
        if url.path_segments().into_iter().flatten().any(is_tenant) {
            return Err(InvalidInstance::NamesTenant);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Returns the URL without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Returns the `iss` claim of the tenant's access tokens of this version.
    ///
    /// Entra's public and US Government clouds issue v1.0 tokens under `sts.windows.net`, and the one in China under
    /// `sts.chinacloudapi.cn`; an external tenant (`ciamlogin.com`) has a host of its own in v2.0 issuers; every other
    /// instance (the stand-in) issues both versions under its own host.
    #[must_use]
    pub fn issuer(&self, tenant: TenantId, version: Version) -> String {
        self.issuer_naming(&tenant.to_string(), version)
    }

    /// Returns the issuer that is published for all tenants, with [`TENANT_PLACEHOLDER`] for the tenant id.
    #[must_use]
    pub fn issuer_template(&self, version: Version) -> String {
        self.issuer_naming(TENANT_PLACEHOLDER, version)
    }

    /// Returns the URL of the `OpenID` Connect discovery document of a tenant, or of `common` and the like.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document>
    #[must_use]
    pub fn discovery_document(&self, segment: &str, version: Version) -> Url {
        match version {
            Version::V1 => self.join(segment, ".well-known/openid-configuration"),
            Version::V2 => self.join(segment, "v2.0/.well-known/openid-configuration"),
        }
    }

    fn issuer_naming(&self, tenant: &str, version: Version) -> String {
        match (version, self.0.host_str().unwrap_or_default()) {
            (Version::V2, host) if host.ends_with(".ciamlogin.com") => {
                format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0")
            }
            (Version::V2, _) => format!("{}/{tenant}/v2.0", self.as_str()),
            (Version::V1, "login.microsoftonline.com" | "login.microsoftonline.us") => {
                format!("https://sts.windows.net/{tenant}/")
            }
            (Version::V1, "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn") => {
                format!("https://sts.chinacloudapi.cn/{tenant}/")
            }
            (Version::V1, _) => format!("{}/{tenant}/", self.as_str()),
        }
    }

    fn join(&self, segment: &str, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{segment}/{path}", url.path().trim_end_matches('/')));
        url
    }
}

impl TryFrom<String> for Instance {
    type Error = InvalidInstance;

    fn try_from(text: String) -> Result<Self, InvalidInstance> {
        Self::parse(&text)
    }
}

impl From<Instance> for String {
    fn from(instance: Instance) -> Self {
        instance.as_str().to_owned()
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({})", self.as_str())
    }
}

/// The URL of an endpoint of Entra ID, or an issuer. It is https, without credentials, query or fragment.
///
/// The text is kept as it was written, since issuers are compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EndpointUrl {
    text: String,
    url: Url,
}

/// The text is not the URL of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an https URL without credentials, query and fragment")]
pub struct InvalidEndpointUrl;

impl EndpointUrl {
    /// Parses the URL.
    ///
    /// # Errors
    /// The text is not an https URL made of a host, an optional port and a path.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpointUrl> {
        let url = Url::parse(text).map_err(|_| InvalidEndpointUrl)?;
        let is_endpoint = url.scheme() == "https" && url.has_host() && is_bare(&url);
        if is_endpoint { Ok(Self { text: text.to_owned(), url }) } else { Err(InvalidEndpointUrl) }
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the text as it was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = InvalidEndpointUrl;

    fn try_from(text: String) -> Result<Self, InvalidEndpointUrl> {
        Self::parse(&text)
    }
}

/// Returns whether a URL has neither credentials nor query nor fragment.
fn is_bare(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// Returns whether a segment of a path names a tenant, as in an authority's URL.
fn is_tenant(segment: &str) -> bool {
    matches!(segment, "common" | "organizations" | "consumers")
        || TenantId::parse(segment).is_ok()
        || Domain::parse(segment).is_ok()
}

/// A tenant at an instance. It issues tokens to clients, and is the issuer that resources trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    instance: Instance,
    tenant: TenantId,
    segment: String,
    endpoints: Box<Endpoints>,
}

/// The endpoints of a tenant that are not those of its instance, such as those of an external tenant with a domain of its
/// own (`login.contoso.com`).
///
/// <https://learn.microsoft.com/entra/external-id/customers/concept-custom-url-domain>
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints {
    /// The issuer of v2.0 tokens and of the metadata.
    pub issuer: Option<EndpointUrl>,
    /// The discovery document.
    pub metadata_url: Option<EndpointUrl>,
    /// The token endpoint.
    pub token_endpoint: Option<EndpointUrl>,
}

impl Authority {
    /// Creates the authority of `tenant`. URLs contain `domain` if there is one, and the tenant's id otherwise.
    #[must_use]
    pub fn new(instance: Instance, tenant: TenantId, domain: Option<&Domain>) -> Self {
        let segment = domain.map_or_else(|| tenant.to_string(), Domain::to_string);
        Self { instance, tenant, segment, endpoints: Box::default() }
    }

    /// Sets the endpoints that are not those of the instance.
    #[must_use]
    pub fn with_endpoints(self, endpoints: Endpoints) -> Self {
        Self { endpoints: Box::new(endpoints), ..self }
    }

    /// Returns the instance.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Returns the tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the URL of the token endpoint.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#get-a-token>
    #[must_use]
    pub fn token_endpoint(&self, version: Version) -> Url {
        match (&self.endpoints.token_endpoint, version) {
            (Some(endpoint), _) => endpoint.url().clone(),
            (None, Version::V1) => self.join("oauth2/token"),
            (None, Version::V2) => self.join("oauth2/v2.0/token"),
        }
    }

    /// Returns the v2.0 token endpoint with the tenant's id, even if the tenant has a domain. It is the audience of
    /// client assertions.
    #[must_use]
    pub fn assertion_audience(&self) -> Url {
        Self { segment: self.tenant.to_string(), ..self.clone() }.token_endpoint(Version::V2)
    }

    /// Returns the URL of the `OpenID` Connect discovery document.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document>
    #[must_use]
    pub fn discovery_document(&self, version: Version) -> Url {
        let named = self.endpoints.metadata_url.as_ref().filter(|_| version == Version::V2);
        named.map_or_else(
            || self.instance.discovery_document(&self.segment, version),
            |named| named.url().clone(),
        )
    }

    /// Returns the `iss` claim of this tenant's access tokens of this version.
    #[must_use]
    pub fn issuer(&self, version: Version) -> String {
        let named = self.endpoints.issuer.as_ref().filter(|_| version == Version::V2);
        named.map_or_else(|| self.instance.issuer(self.tenant, version), |named| named.as_str().to_owned())
    }

    fn join(&self, path: &str) -> Url {
        self.instance.join(&self.segment, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";

    fn authority(instance: &str, domain: Option<&str>) -> Authority {
        let domain = domain.map(|domain| Domain::parse(domain).unwrap());
        Authority::new(Instance::parse(instance).unwrap(), TenantId::parse(TENANT).unwrap(), domain.as_ref())
    }

    #[test]
    fn urls_name_the_tenant_by_its_domain_and_issuers_by_its_id() {
        let public = authority("https://login.microsoftonline.com/", Some("contoso.com"));
        assert_eq!(
            public.token_endpoint(Version::V1).as_str(),
            "https://login.microsoftonline.com/contoso.com/oauth2/token"
        );
        assert_eq!(public.issuer(Version::V1), format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(public.issuer(Version::V2), format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    }

    #[test]
    fn endpoints_of_their_own_are_used_as_they_are_and_checked() {
        let url =
            |path: &str| Some(EndpointUrl::parse(&format!("https://login.contoso.com/{path}")).unwrap());
        let own = authority("https://contoso.ciamlogin.com", None).with_endpoints(Endpoints {
            issuer: url("x/v2.0/"),
            metadata_url: url("x/metadata"),
            token_endpoint: url("x/token"),
        });
        let v2 = Version::V2;
        assert_eq!(own.issuer(v2), "https://login.contoso.com/x/v2.0/");
        assert_eq!(own.discovery_document(v2).as_str(), "https://login.contoso.com/x/metadata");
        assert_eq!(own.token_endpoint(v2).as_str(), "https://login.contoso.com/x/token");
        assert_eq!(own.assertion_audience().as_str(), "https://login.contoso.com/x/token");
        let domain = authority("https://login.example", Some("contoso.com"));
        let by_id = format!("https://login.example/{TENANT}/oauth2/v2.0/token");
        assert_eq!(domain.assertion_audience().as_str(), by_id);
        for wrong in ["", "login.contoso.com", "http://x/y", "https://a@x/y", "https://x/?y", "https://x/#y"]
        {
            assert!(EndpointUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_port_and_a_path_are_kept() {
        let local = authority("https://localhost:5000/entra/", None);
        assert_eq!(
            local.discovery_document(Version::V2).as_str(),
            format!("https://localhost:5000/entra/{TENANT}/v2.0/.well-known/openid-configuration")
        );
        assert_eq!(local.issuer(Version::V1), format!("https://localhost:5000/entra/{TENANT}/"));
    }

    #[test]
    fn an_instance_is_a_bare_https_url() {
        for wrong in [
            "",
            "login.microsoftonline.com",
            "http://localhost:5000",
            "https://a@b",
            "https://a/?b",
            "https://a/#b",
        ] {
            assert!(Instance::parse(wrong).is_err(), "{wrong}");
        }
        for tenant in ["common", "contoso.com", TENANT, "common/v2.0"] {
            let authority = format!("https://login.microsoftonline.com/{tenant}");
            assert_eq!(Instance::parse(&authority), Err(InvalidInstance::NamesTenant), "{authority}");
        }
    }

    #[test]
    fn each_cloud_has_its_issuers() {
        let cases = [
            ("https://login.microsoftonline.com", "https://sts.windows.net/", None),
            ("https://login.microsoftonline.us", "https://sts.windows.net/", None),
            ("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn/", None),
            ("https://localhost:5000", "https://localhost:5000/", None),
            // Only the exact hosts are Entra's clouds.
            ("https://login.microsoftonline.com.evil", "https://login.microsoftonline.com.evil/", None),
            ("https://evilciamlogin.com", "https://evilciamlogin.com/", None),
            ("https://contoso.ciamlogin.com", "https://contoso.ciamlogin.com/", Some("ciamlogin.com")),
        ];
        for (instance, v1, external) in cases {
            let authority = authority(instance, None);
            assert_eq!(authority.issuer(Version::V1), format!("{v1}{TENANT}/"));
            let v2 = match external {
                None => format!("{instance}/{TENANT}/v2.0"),
                Some(domain) => format!("https://{TENANT}.{domain}/{TENANT}/v2.0"),
            };
            assert_eq!(authority.issuer(Version::V2), v2);
            for version in [Version::V1, Version::V2] {
                let template = authority.instance().issuer_template(version);
                assert_eq!(template.replace(TENANT_PLACEHOLDER, TENANT), authority.issuer(version));
                let keys = authority.discovery_document(version);
                assert_eq!(keys.origin(), authority.instance().url().origin(), "{keys}");
            }
        }
    }
}
