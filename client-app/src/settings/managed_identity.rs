//! Where the machine answers for its identities.

use entra_shared::settings::KeyProblem;
use url::Url;

use super::AzureAdSettings;
use entra_token::IdentityEndpoint;

pub(super) const IDENTITY_ENDPOINT: &str = "azure_ad.identity_endpoint";
pub(super) const IDENTITY_HEADER: &str = "azure_ad.identity_header";
pub(super) const IMDS_HOST: &str = "azure_ad.imds_host";

/// The address of the Azure Instance Metadata Service, the same on every machine.
const IMDS: &str = "http://169.254.169.254";

impl AzureAdSettings {
    /// App Service's endpoint where it is named, as it is by the variables there; the metadata service otherwise.
    pub(super) fn identity_endpoint(&self) -> Result<IdentityEndpoint, KeyProblem> {
        match (&self.identity_endpoint, &self.identity_header) {
            (Some(url), Some(header)) => {
                let url = web(IDENTITY_ENDPOINT, url)?;
                Ok(IdentityEndpoint::AppService { url, header: header.clone() })
            }
            (Some(_), None) => Err(KeyProblem::new(
                IDENTITY_HEADER,
                "is missing beside `azure_ad.identity_endpoint`; App Service sets IDENTITY_HEADER, and the endpoints \
                 of Azure Arc and Service Fabric are not supported",
            )),
            (None, _) => {
                let url = match &self.imds_host {
                    Some(url) => web(IMDS_HOST, url)?,
                    None => Url::parse(IMDS).map_err(|_| KeyProblem::new(IMDS_HOST, "is not a URL"))?,
                };
                Ok(IdentityEndpoint::Imds(url))
            }
        }
    }
}

fn web(key: &'static str, url: &Url) -> Result<Url, KeyProblem> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        return Ok(url.clone());
    }
    Err(KeyProblem::new(key, "is not a URL like http://127.0.0.1:41000/msi/token"))
}
