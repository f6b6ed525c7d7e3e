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

/// The value of `AZURE_TOKEN_CREDENTIALS` that selects a managed identity.
const MANAGED_IDENTITY: &str = "ManagedIdentityCredential";

/// The variables of Azure's own libraries that have no effect here, each with the reason.
///
/// <https://learn.microsoft.com/dotnet/api/overview/azure/identity-readme#environment-variables>
const UNSUPPORTED: [(&str, &str); 14] = [
    ("AZURE_USERNAME", "users do not sign in here"),
    ("AZURE_PASSWORD", "users do not sign in here"),
    ("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "tokens are requested from one tenant"),
    ("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH", "tokens are requested from one tenant"),
    ("AZURE_REGIONAL_AUTHORITY_NAME", "name a regional host in AZURE_AUTHORITY_HOST"),
    ("AZURE_KUBERNETES_TOKEN_PROXY", "federated tokens are sent to the authority itself"),
    ("AZURE_KUBERNETES_SNI_NAME", "federated tokens are sent to the authority itself"),
    ("AZURE_KUBERNETES_CA_FILE", "federated tokens are sent to the authority itself"),
    ("AZURE_KUBERNETES_CA_DATA", "federated tokens are sent to the authority itself"),
    ("MSI_ENDPOINT", LEGACY_ENDPOINT),
    ("MSI_SECRET", LEGACY_ENDPOINT),
    ("IMDS_ENDPOINT", "the endpoint of Azure Arc is not supported"),
    ("IDENTITY_SERVER_THUMBPRINT", "the endpoint of Service Fabric is not supported"),
    (TOKEN_CREDENTIALS, "its only supported value is ManagedIdentityCredential"),
];

const TOKEN_CREDENTIALS: &str = "AZURE_TOKEN_CREDENTIALS";

const LEGACY_ENDPOINT: &str = "only the newer IDENTITY_ENDPOINT and IDENTITY_HEADER are supported";

/// Returns whether the environment selects a managed identity, by `AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential`.
#[must_use]
pub fn selects_managed_identity(lookup: impl Fn(&str) -> Option<String>) -> bool {
    lookup(TOKEN_CREDENTIALS).is_some_and(|name| name.eq_ignore_ascii_case(MANAGED_IDENTITY))
}

/// Returns whether assertions are to contain the certificate chain, by `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`.
fn sends_certificate_chain(lookup: impl Fn(&str) -> Option<String>) -> bool {
    lookup("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")
        .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

/// Warns of each variable that Azure's own libraries would honour and this one does not.
pub fn warn_of_unsupported_variables(lookup: impl Fn(&str) -> Option<String>) {
    let is_set = |name: &str| lookup(name).is_some_and(|value| !value.is_empty());
    for (variable, reason) in UNSUPPORTED {
        let is_effective = match variable {
            TOKEN_CREDENTIALS => selects_managed_identity(&lookup),
            // App Service sets the old names as well as the new ones.
            "MSI_ENDPOINT" | "MSI_SECRET" => is_set("IDENTITY_ENDPOINT"),
            _ => false,
        };
        if is_set(variable) && !is_effective {
            tracing::warn!(variable, reason, "the variable has no effect");
        }
    }
}

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
        /// The problem with the variable's value.
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
    warn_of_unsupported_variables(&lookup);
    if selects_managed_identity(&lookup) {
        return managed_identity(optional);
    }
    let required = |name| optional(name).ok_or(EnvironmentError::Missing(name));
    let instance = optional("AZURE_AUTHORITY_HOST").unwrap_or_else(|| PUBLIC_CLOUD.to_owned());
    let instance = Instance::parse(&instance).map_err(invalid("AZURE_AUTHORITY_HOST"))?;
    let tenant_id = required("AZURE_TENANT_ID")?.parse().map_err(invalid("AZURE_TENANT_ID"))?;
    let client_id = required("AZURE_CLIENT_ID")?.parse().map_err(invalid("AZURE_CLIENT_ID"))?;
    let credentials = credential(optional, &lookup)?.into();
    Ok(Identity::Client { authority: Authority::new(instance, tenant_id, None), client_id, credentials })
}

fn credential(
    optional: impl Fn(&'static str) -> Option<String>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Credential, EnvironmentError> {
    if let Some(secret) = optional("AZURE_CLIENT_SECRET") {
        let secret = ClientSecret::parse(secret).map_err(invalid("AZURE_CLIENT_SECRET"))?;
        return Ok(Credential::Secret(SecretCredential::new(secret)));
    }
    if let Some(path) = optional("AZURE_CLIENT_CERTIFICATE_PATH") {
        let password =
            optional("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(CertificatePassword::parse).transpose();
        let password = password.map_err(invalid("AZURE_CLIENT_CERTIFICATE_PASSWORD"))?;
        let files = CertificateFiles { certificate: path.into(), private_key: None, password };
        let options =
            AssertionOptions { send_chain: sends_certificate_chain(lookup), ..AssertionOptions::default() };
        return Ok(Credential::Certificate(CertificateCredential::open(files, options)?));
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
    Ok(Identity::Managed { endpoint, user_assigned: client_id.transpose()?.map(UserAssigned::AzureClientId) })
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
        assert_eq!(user_assigned, Some(UserAssigned::AzureClientId(ID.parse().unwrap())));
    }

    #[test]
    fn each_variable_that_has_no_effect_is_warned_of_once_without_its_value() {
        let log = crate::test_log::TestLog::start();
        let warned = |variables: &[(&str, &str)]| {
            let find = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            warn_of_unsupported_variables(find);
            log.take()
        };
        for (variable, reason) in UNSUPPORTED {
            let warning = warned(&[(variable, "canary")]);
            assert!(warning.contains(variable) && warning.contains(reason), "{variable}: {warning}");
            assert!(!warning.contains("canary") && warning.trim_end().lines().count() == 1, "{warning}");
            assert_eq!(warned(&[(variable, "")]), "");
        }
        for honoured in [
            &[("AZURE_TOKEN_CREDENTIALS", "managedidentitycredential")][..],
            &[("IDENTITY_ENDPOINT", "x"), ("MSI_ENDPOINT", "x"), ("MSI_SECRET", "x")],
            &[("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "1"), ("AZURE_CLIENT_ID", "x")],
        ] {
            assert_eq!(warned(honoured), "", "{honoured:?}");
        }
    }

    #[test]
    fn the_certificate_chain_is_sent_if_the_variable_says_so() {
        for (value, is_sent) in
            [("1", true), ("true", true), ("TRUE", true), ("0", false), ("false", false), ("", false)]
        {
            assert_eq!(sends_certificate_chain(|_| Some(value.to_owned())), is_sent, "{value}");
        }
        assert!(!sends_certificate_chain(|_| None));
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
