//! The client that environment variables name, in the order in which Azure's own libraries read them.
//!
//! <https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication#environment-variables>

use entra_shared::azure_ad::{Authority, Instance};
use entra_shared::ids::ClientId;
use entra_shared::secret::{CertificatePassword, ClientSecret, IdentityHeader};
use url::Url;

use crate::{
    AssertionOptions, CertificateCredential, CertificateFiles, Credential, CredentialError, Credentials,
    FederatedCredential, IdentityEndpoint, SecretCredential, UserAssigned,
};

/// Entra ID's public cloud.
const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

/// The Azure Instance Metadata Service, which has the same address on every machine.
const METADATA_SERVICE: &str = "http://169.254.169.254";

/// Who asks for tokens.
#[derive(Debug)]
pub(crate) enum Identity {
    Client { authority: Authority, client_id: ClientId, credentials: Credentials },
    Managed { endpoint: IdentityEndpoint, user_assigned: Option<UserAssigned> },
}

/// Why the environment does not name a usable client. Messages name variables and never show their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A variable is missing or empty.
    #[error("the variable {0} is missing")]
    Missing(&'static str),
    /// No credential is set.
    #[error(
        "no credential: set AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE, \
         or AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"
    )]
    NoCredential,
    /// A variable has an unusable value.
    #[error("the variable {variable} is unusable: {problem}")]
    Invalid {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// The file of a credential is unusable.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

/// Reads the client from variables that `lookup` returns.
pub(crate) fn identity(lookup: impl Fn(&str) -> Option<String>) -> Result<Identity, EnvironmentError> {
    // Deployment tools set variables to nothing to unset them.
    let optional = |name: &'static str| lookup(name).filter(|value| !value.is_empty());
    if optional("AZURE_TOKEN_CREDENTIALS")
        .is_some_and(|name| name.eq_ignore_ascii_case("ManagedIdentityCredential"))
    {
        return managed_identity(optional);
    }
    let required = |name| optional(name).ok_or(EnvironmentError::Missing(name));
    let instance = optional("AZURE_AUTHORITY_HOST").unwrap_or_else(|| PUBLIC_CLOUD.to_owned());
    let instance = Instance::parse(&instance).map_err(invalid("AZURE_AUTHORITY_HOST"))?;
    let tenant_id = required("AZURE_TENANT_ID")?.parse().map_err(invalid("AZURE_TENANT_ID"))?;
    let client_id = required("AZURE_CLIENT_ID")?.parse().map_err(invalid("AZURE_CLIENT_ID"))?;
    let credentials = credential(optional)?.into();
    Ok(Identity::Client { authority: Authority::new(instance, tenant_id, None), client_id, credentials })
}

fn credential(optional: impl Fn(&'static str) -> Option<String>) -> Result<Credential, EnvironmentError> {
    if let Some(secret) = optional("AZURE_CLIENT_SECRET") {
        let secret = ClientSecret::parse(secret).map_err(invalid("AZURE_CLIENT_SECRET"))?;
        return Ok(Credential::Secret(SecretCredential::new(secret)));
    }
    if let Some(path) = optional("AZURE_CLIENT_CERTIFICATE_PATH") {
        let password =
            optional("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(CertificatePassword::parse).transpose();
        let password = password.map_err(invalid("AZURE_CLIENT_CERTIFICATE_PASSWORD"))?;
        let files = CertificateFiles { certificate: path.into(), private_key: None, password };
        return Ok(Credential::Certificate(CertificateCredential::open(files, AssertionOptions::default())?));
    }
    let path = optional("AZURE_FEDERATED_TOKEN_FILE").ok_or(EnvironmentError::NoCredential)?;
    Ok(Credential::Federated(FederatedCredential::open(path)?))
}

fn managed_identity(optional: impl Fn(&'static str) -> Option<String>) -> Result<Identity, EnvironmentError> {
    let parse = |name, url: String| Url::parse(&url).map_err(invalid(name));
    let endpoint = if let Some(url) = optional("IDENTITY_ENDPOINT") {
        let header = optional("IDENTITY_HEADER").ok_or(EnvironmentError::Missing("IDENTITY_HEADER"))?;
        let header = IdentityHeader::parse(header).map_err(invalid("IDENTITY_HEADER"))?;
        IdentityEndpoint::AppService { url: parse("IDENTITY_ENDPOINT", url)?, header }
    } else {
        let host = optional("AZURE_POD_IDENTITY_AUTHORITY_HOST");
        let host = host.unwrap_or_else(|| METADATA_SERVICE.to_owned());
        IdentityEndpoint::Imds(parse("AZURE_POD_IDENTITY_AUTHORITY_HOST", host)?)
    };
    let client_id = optional("AZURE_CLIENT_ID").map(|id| id.parse().map_err(invalid("AZURE_CLIENT_ID")));
    Ok(Identity::Managed { endpoint, user_assigned: client_id.transpose()?.map(UserAssigned::ClientId) })
}

fn invalid<E: std::fmt::Display>(variable: &'static str) -> impl Fn(E) -> EnvironmentError {
    move |error| EnvironmentError::Invalid { variable, problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";
    const TENANT: (&str, &str) = ("AZURE_TENANT_ID", ID);
    const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", ID);
    const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "canary");

    fn read(variables: &[(&str, &str)]) -> Result<Identity, EnvironmentError> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        identity(find)
    }

    fn credential_of(variables: &[(&str, &str)]) -> String {
        match read(&[&[TENANT, CLIENT], variables].concat()).unwrap() {
            Identity::Client { credentials, .. } => format!("{credentials:?}"),
            Identity::Managed { .. } => "managed identity".to_owned(),
        }
    }

    #[test]
    fn the_first_credential_in_azures_order_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "a.b.c").unwrap();
        let certificate = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates/pkcs8.pem");
        let federated = ("AZURE_FEDERATED_TOKEN_FILE", token.to_str().unwrap());
        let certificate = ("AZURE_CLIENT_CERTIFICATE_PATH", certificate.to_str().unwrap());
        assert!(credential_of(&[federated]).contains("federated token"));
        assert!(credential_of(&[federated, certificate]).contains("certificate in"));
        assert!(credential_of(&[federated, certificate, SECRET]).contains("client secret"));
        assert!(credential_of(&[federated, ("AZURE_CLIENT_SECRET", "")]).contains("federated token"));
    }

    #[test]
    fn a_managed_identity_is_used_only_if_it_is_named() {
        let app_service = [("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token"), ("IDENTITY_HEADER", "canary")];
        let named = ("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential");
        assert!(matches!(read(&app_service), Err(EnvironmentError::Missing("AZURE_TENANT_ID"))));
        let Ok(Identity::Managed { endpoint, user_assigned }) = read(&[&app_service[..], &[named]].concat())
        else {
            panic!("a managed identity is named");
        };
        assert!(matches!(endpoint, IdentityEndpoint::AppService { .. }) && user_assigned.is_none());
        let Ok(Identity::Managed { endpoint, user_assigned }) = read(&[named, CLIENT]) else {
            panic!("a managed identity is named");
        };
        assert!(matches!(endpoint, IdentityEndpoint::Imds(_)));
        assert_eq!(user_assigned, Some(UserAssigned::ClientId(ID.parse().unwrap())));
    }

    #[test]
    fn errors_name_the_variable_and_not_its_value() {
        for (variables, expected) in [
            (&[][..], "AZURE_TENANT_ID is missing"),
            (&[TENANT], "AZURE_CLIENT_ID is missing"),
            (&[TENANT, CLIENT], "no credential: set AZURE_CLIENT_SECRET"),
            (&[("AZURE_TENANT_ID", "canary"), CLIENT, SECRET], "AZURE_TENANT_ID is unusable"),
            (&[TENANT, ("AZURE_CLIENT_ID", "canary"), SECRET], "AZURE_CLIENT_ID is unusable"),
            (
                &[("AZURE_AUTHORITY_HOST", "http://canary"), TENANT, CLIENT, SECRET],
                "AZURE_AUTHORITY_HOST is unusable",
            ),
            (&[TENANT, CLIENT, ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere")], "/nowhere"),
        ] {
            let error = read(variables).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("canary"), "{error}");
        }
    }
}
