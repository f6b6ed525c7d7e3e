//! The endpoints that issue tokens of managed identities.

use entra_shared::ids::AppIdUri;
use entra_shared::secret::IdentityHeader;
use http::{HeaderName, HeaderValue};
use url::Url;

use super::UserAssigned;

/// A managed identity endpoint, of one of two kinds.
#[derive(Debug, Clone)]
pub enum IdentityEndpoint {
    /// The Azure Instance Metadata Service of virtual machines and Kubernetes nodes, at this base URL.
    Imds(Url),
    /// App Service, Functions and Container Apps, with the URL and header that they pass in the environment.
    ///
    /// <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
    AppService {
        /// `IDENTITY_ENDPOINT`.
        url: Url,
        /// `IDENTITY_HEADER`.
        header: IdentityHeader,
    },
}

impl IdentityEndpoint {
    /// Returns the URL of a token request.
    pub(crate) fn url(&self, resource: &AppIdUri, identity: Option<&UserAssigned>) -> Url {
        let (mut url, version, resource_id) = match self {
            Self::Imds(base) => {
                let mut url = base.clone();
                url.set_path("/metadata/identity/oauth2/token");
                (url, "2018-02-01", "msi_res_id")
            }
            Self::AppService { url, .. } => (url.clone(), "2019-08-01", "mi_res_id"),
        };
        let mut query = url.query_pairs_mut();
        query.clear().append_pair("api-version", version).append_pair("resource", resource.as_str());
        match identity {
            None => &mut query,
            Some(UserAssigned::ClientId(id) | UserAssigned::AzureClientId(id)) => {
                query.append_pair("client_id", &id.to_string())
            }
            Some(UserAssigned::ObjectId(id)) => query.append_pair("object_id", &id.to_string()),
            Some(UserAssigned::ResourceId(id)) => query.append_pair(resource_id, id),
        };
        drop(query);
        url
    }

    /// Returns the secret that authenticates the workload, if there is one. Never shown.
    pub(super) fn secret(&self) -> Option<&str> {
        match self {
            Self::Imds(_) => None,
            Self::AppService { header, .. } => Some(header.expose()),
        }
    }

    /// Returns the header that every request needs. It prevents server-side request forgery.
    pub(super) fn header(&self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Imds(_) => (HeaderName::from_static("metadata"), HeaderValue::from_static("true")),
            Self::AppService { header, .. } => (HeaderName::from_static("x-identity-header"), header.value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_its_own_words_for_the_same_identity() {
        let resource = AppIdUri::parse("api://x").unwrap();
        let imds = IdentityEndpoint::Imds(Url::parse("http://169.254.169.254").unwrap());
        assert_eq!(
            imds.url(&resource, None).as_str(),
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fx"
        );
        let by_id = UserAssigned::ResourceId("/a b".to_owned());
        assert!(imds.url(&resource, Some(&by_id)).as_str().ends_with("&msi_res_id=%2Fa+b"));
        let header = IdentityHeader::parse("canary").unwrap();
        let url = Url::parse("http://127.0.0.1:41000/msi/token").unwrap();
        let app_service = IdentityEndpoint::AppService { url, header };
        assert_eq!(
            app_service.url(&resource, Some(&by_id)).as_str(),
            "http://127.0.0.1:41000/msi/token?api-version=2019-08-01&resource=api%3A%2F%2Fx&mi_res_id=%2Fa+b"
        );
        assert_eq!(app_service.header().1, "canary");
        assert!(!format!("{app_service:?} {:?}", app_service.header()).contains("canary"));
    }
}
