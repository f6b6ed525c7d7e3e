//! A granted token request and the claims of its token.

use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use entra_shared::azure_ad::{Instance, Version};
use entra_shared::claims::{Claims, ClientAuthentication};
use serde::Serialize;

use crate::context::Context;
use crate::directory::{ServicePrincipal, Tenant};

/// How far Entra back-dates `iat` and `nbf`, in seconds.
const BACK_DATED: i64 = 300;

/// The default lifetime of a token.
const LIFE: Duration = Duration::from_hours(1);

/// The lifetime above which responses contain `refresh_in`.
const LONG_LIFE: Duration = Duration::from_hours(2);

/// A client's right to a token for a resource.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) client: &'a ServicePrincipal,
    pub(crate) resource: &'a ServicePrincipal,
    /// The resource in the client's words, an App ID URI or a client id.
    pub(crate) requested: &'a str,
    pub(crate) authentication: ClientAuthentication,
    /// The capabilities that the client declared.
    pub(crate) capabilities: Vec<String>,
}

/// The claims of a token, which are the regular ones and the optional ones that client and resource must request.
#[derive(Debug, Serialize)]
pub(crate) struct TokenClaims {
    #[serde(flatten)]
    pub(crate) regular: Claims,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    xms_cc: Vec<String>,
    /// The token's lifetime from now, in seconds.
    #[serde(skip)]
    life: u64,
}

impl TokenClaims {
    /// Returns `expires_in`, which is the lifetime less one second, as in Entra's responses.
    pub(crate) fn expires_in(&self) -> u64 {
        self.life.saturating_sub(1)
    }

    /// Returns `refresh_in`, which is half of the lifetime in seconds, for long-lived tokens only.
    pub(crate) fn refresh_in(&self) -> Option<u64> {
        (self.life > LONG_LIFE.as_secs()).then(|| self.expires_in() / 2)
    }
}

impl Grant<'_> {
    /// Returns a token's lifetime in seconds; random if the registration has a range.
    fn life(&self) -> u64 {
        let Some(range) = &self.resource.application.token_lifetime else { return LIFE.as_secs() };
        fastrand::u64(range.start().as_secs()..=range.end().as_secs())
    }

    /// Returns the token's version, which the resource's registration decides and not the endpoint.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>
    pub(crate) fn version(&self) -> Version {
        self.resource.application.token_version
    }

    /// Builds the claims of the token.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
    pub(crate) fn claims(&self, instance: &Instance, context: &Context) -> TokenClaims {
        let (client, resource) = (&self.client.application, &self.resource.application);
        let version = self.version();
        let of = |wanted| (version == wanted).then_some(());
        let issuer = instance.issuer(self.tenant.id, version);
        let (now, life) = (context.now.as_second(), self.life());
        let class = self.authentication.class().to_owned();
        let as_guid = version == Version::V2 || resource.optional_claims.aud_as_guid;
        let regular = Claims {
            aud: if as_guid { resource.client_id.to_string() } else { self.requested.to_owned() },
            iat: now - BACK_DATED,
            nbf: now - BACK_DATED,
            exp: now.saturating_add(i64::try_from(life).unwrap_or(i64::MAX)),
            aio: Some(aio()),
            appid: of(Version::V1).map(|()| client.client_id),
            appidacr: of(Version::V1).map(|()| class.clone()),
            azp: of(Version::V2).map(|()| client.client_id),
            azpacr: of(Version::V2).map(|()| class),
            idp: of(Version::V1).map(|()| issuer.clone()),
            idtyp: resource.optional_claims.idtyp.then(|| "app".to_owned()),
            oid: self.client.object_id,
            rh: Some(self.rh()),
            roles: self.tenant.roles(client, resource),
            scp: None,
            sub: self.client.object_id.to_string(),
            tid: self.tenant.id,
            uti: Some(BASE64_URL_SAFE_NO_PAD.encode(context.trace_id.to_bytes_le())),
            ver: version,
            xms_ftd: Some(xms_ftd()),
            iss: issuer,
        };
        let heard = resource.optional_claims.client_capabilities;
        TokenClaims { regular, xms_cc: if heard { self.capabilities.clone() } else { Vec::new() }, life }
    }

    /// Returns the roles that the client's registration requests without consent, separated by spaces.
    pub(crate) fn roles_without_consent(&self) -> Option<String> {
        let (client, resource) = (&self.client.application, &self.resource.application);
        let roles = self.tenant.roles_without_consent(client, resource);
        (!roles.is_empty()).then(|| roles.join(" "))
    }

    /// Returns the opaque claim `rh`. Entra's holds the ids of tenant and resource, in the byte order of Windows.
    fn rh(&self) -> String {
        let mut bytes = Vec::with_capacity(40);
        bytes.extend([0x01, 0x11, 0x00]);
        bytes.extend(self.tenant.id.as_uuid().to_bytes_le());
        bytes.extend(self.resource.application.client_id.as_uuid().to_bytes_le());
        bytes.extend([0xb6, 0x01, 0x00, 0x11, 0x00]);
        format!("1.{}.", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// Returns the opaque claim `aio`. Entra's begins with `k2` and ends with `A`.
fn aio() -> String {
    let mut bytes = random::<39>();
    bytes[..2].copy_from_slice(&[0x93, 0x64]);
    bytes[38] = 0;
    BASE64_STANDARD.encode(bytes)
}

/// Returns the opaque claim `xms_ftd`. Entra's ends with the region that issued the token.
fn xms_ftd() -> String {
    let mut bytes = Vec::with_capacity(43);
    bytes.extend(random::<32>());
    bytes.push(1);
    bytes.extend(b"local-dsms");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // These claims carry no meaning, so it does not matter that they can be guessed.
    fastrand::fill(&mut bytes);
    bytes
}
