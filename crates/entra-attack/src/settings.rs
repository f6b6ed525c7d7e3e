//! The settings of an API under test, in the terms of its framework.

use std::str::FromStr;

use serde_json::json;

use crate::admin::{Admin, Application, Tenant};
use crate::attack::{AttackError, choose};

/// The settings that make an API accept the stand-in's tokens.
#[derive(Debug, Clone)]
pub struct Settings {
    tenant: Tenant,
    api: Application,
    ca_file: String,
}

/// The framework whose settings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framework {
    /// `Microsoft.Identity.Web`, and this workspace's services.
    IdentityWeb,
    /// ASP.NET Core's `JwtBearer` without `Microsoft.Identity.Web`.
    JwtBearer,
    /// Spring Security's resource server.
    Spring,
    /// `OpenID` Connect discovery, for any other framework.
    Oidc,
    /// The services of this workspace, and `entra-guard`'s example.
    EntraGuard,
    /// Everything as JSON, for scripts.
    Json,
}

/// A text that names no framework.
#[derive(Debug, thiserror::Error)]
#[error("not one of identity-web, jwt-bearer, spring, oidc, entra-guard, json")]
pub struct UnknownFramework;

impl FromStr for Framework {
    type Err = UnknownFramework;

    fn from_str(text: &str) -> Result<Self, UnknownFramework> {
        Ok(match text {
            "identity-web" => Self::IdentityWeb,
            "jwt-bearer" => Self::JwtBearer,
            "spring" => Self::Spring,
            "oidc" => Self::Oidc,
            "entra-guard" => Self::EntraGuard,
            "json" => Self::Json,
            _ => return Err(UnknownFramework),
        })
    }
}

impl Settings {
    /// Reads them from a stand-in. `ca_file` is where its certificate authority was written to.
    ///
    /// # Errors
    /// The stand-in was not reached, or has no such tenant or API.
    pub async fn read(
        admin: &Admin,
        tenant: Option<&str>,
        audience: Option<&str>,
        ca_file: impl Into<String>,
    ) -> Result<Self, AttackError> {
        let (tenant, api) = choose(admin, tenant, audience, &[]).await?;
        Ok(Self { tenant, api, ca_file: ca_file.into() })
    }

    /// Returns the settings as lines of an environment file, or as JSON.
    #[must_use]
    pub fn text(&self, framework: Framework) -> String {
        let Self { tenant, api, ca_file } = self;
        let (id, instance, issuer, audience) = (&tenant.id, &tenant.instance, &tenant.issuer, &api.client_id);
        let authority = issuer.as_str();
        let dotnet = format!(
            "# .NET on Linux trusts it by this variable, which replaces the system's list\nSSL_CERT_FILE={ca_file}\n"
        );
        match framework {
            Framework::IdentityWeb => format!(
                "AzureAd__Instance={instance}/\nAzureAd__TenantId={id}\nAzureAd__ClientId={audience}\n\
                 AzureAd__AllowWebApiToBeAuthorizedByACL=true\n{dotnet}"
            ),
            Framework::JwtBearer => format!(
                "Authentication__Schemes__Bearer__Authority={authority}\n\
                 Authentication__Schemes__Bearer__ValidAudience={audience}\n\
                 Authentication__Schemes__Bearer__MapInboundClaims=false\n\
                 Authentication__Schemes__Bearer__TokenValidationParameters__RoleClaimType=roles\n{dotnet}"
            ),
            Framework::Spring => format!(
                "SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_ISSUER_URI={issuer}\n\
                 SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_AUDIENCES={audience}\n\
                 # The JVM trusts a key store: keytool -importcert -noprompt -alias stand-in -file {ca_file} \
                 -keystore trust.p12 -storepass changeit\n\
                 JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit\n"
            ),
            Framework::Oidc => format!(
                "ISSUER={issuer}\nAUDIENCE={audience}\nOPENID_CONFIGURATION={}\nJWKS_URI={}\n\
                 # Go and most of Rust\nSSL_CERT_FILE={ca_file}\n# Node.js\nNODE_EXTRA_CA_CERTS={ca_file}\n\
                 # Python: requests; httpx and urllib read SSL_CERT_FILE\nREQUESTS_CA_BUNDLE={ca_file}\n",
                tenant.openid_configuration, tenant.jwks_uri
            ),
            Framework::EntraGuard => format!(
                "AZURE_AD__INSTANCE={instance}\nAZURE_AD__TENANT_ID={id}\nAZURE_AD__CLIENT_ID={audience}\n\
                 HTTP_CLIENT__CA_FILE={ca_file}\n# crates/entra-guard/examples/orders.rs\n\
                 INSTANCE={instance}\nTENANT_ID={id}\nCLIENT_ID={audience}\nCA_FILE={ca_file}\n"
            ),
            Framework::Json => {
                let all = json!({
                    "instance": instance,
                    "tenant_id": id,
                    "audience": audience,
                    "app_id_uri": api.app_id_uri,
                    "issuer": issuer,
                    "openid_configuration": tenant.openid_configuration,
                    "jwks_uri": tenant.jwks_uri,
                    "ca_file": ca_file,
                });
                format!("{all:#}\n")
            }
        }
    }
}
