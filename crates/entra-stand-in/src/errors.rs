//! The stand-in's errors, with Entra's AADSTS codes, statuses, OAuth `error` values and texts.
//!
//! The texts come from captured responses. A row says "assumed" if no capture shows its status or `error`.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

mod assertion;

use axum::Json;
use axum::response::{IntoResponse, Response};
use entra_shared::ids::{ClientId, TenantId};
use entra_shared::token_endpoint::TokenErrorResponse;
use http::{HeaderValue, StatusCode};

pub(crate) use assertion::{AssertionRefusal, Part};

use crate::context::Context;

/// The most characters of a request that an error text repeats.
const MAX_ECHO: usize = 200;

/// The kind of endpoint that refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The token endpoint.
    Token,
    /// A discovery document or key set.
    Discovery,
}

/// Why a request is refused. The display text is Entra's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."
    )]
    SeveralResources { scope: Echo },
    #[error("Unknown or invalid instance.")]
    UnknownInstance,
    #[error(
        "No tenant-identifying information found in either the request or implied by any provided credentials."
    )]
    NoTenant,
    #[error("The app requested an unsupported grant type '{grant_type}'.")]
    UnsupportedGrantType { grant_type: Echo },
    #[error(
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
    )]
    InvalidScope { scope: Echo },
    #[error(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
    )]
    UnknownTenant { tenant: Echo, endpoint: Endpoint },
    #[error(
        "The required field '{field}' is missing from the credential. Ensure that you have all the necessary parameters for the login request."
    )]
    MissingField { field: &'static str },
    #[error(
        "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."
    )]
    UnknownResource { resource: Echo, tenant: String },
    // The misspelling is Microsoft's.
    #[error(
        "The service principal for resource '{resource}' is disabled. This indicate that a subscription within the tenant has lapsed, or that the administrator for this tenant has disabled the application, preventing tokens from being issued for it."
    )]
    DisabledResource { resource: Echo },
    #[error(
        "Application '{client}'({client_name}) is not assigned to a role for the application '{resource}'({resource_name})."
    )]
    NotAssigned { client: ClientId, client_name: String, resource: Echo, resource_name: String },
    #[error(
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
    )]
    UnknownClient { client: ClientId, tenant: String },
    #[error("Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")]
    PublicClient,
    #[error("{0}")]
    Assertion(#[from] AssertionRefusal),
    #[error("{client} is not a valid application identifier.")]
    MalformedClient { client: Echo },
    #[error(
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."
    )]
    MalformedTenant { tenant: Echo },
    #[error("The request body must contain the following parameter: '{parameter}'.")]
    MissingParameter { parameter: &'static str },
    #[error("The endpoint only accepts POST, OPTIONS requests. Received a {method} request.")]
    NotPost { method: Echo },
    #[error("The 'resource' request parameter isn't supported.")]
    ResourceOnV2,
    #[error(
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
    )]
    ScopeWithoutDefault { scope: Echo },
    #[error("Application '{client}'({name}) is disabled.")]
    DisabledClient { client: ClientId, name: String },
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
    )]
    WrongSecret { client: ClientId, is_id: bool },
    #[error(
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
    )]
    MissingCredential,
    #[error(
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
    )]
    ExpiredSecret { client: ClientId },
    #[error(
        "The client application {client} is missing service principal in the tenant {tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"
    )]
    MissingPrincipal { client: ClientId, tenant: TenantId },
    #[error(
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."
    )]
    GrantTypeOverCommon,
    #[error("Invalid request. Request is malformed or invalid.")]
    MalformedRequest,
    /// The stand-in lacks a feature that Entra has. The error names the parameter.
    #[error("Invalid request. Request is malformed or invalid. [The stand-in does not support '{parameter}{}']", .value.as_ref().map(|value| format!("={value}")).unwrap_or_default())]
    Unsupported { parameter: &'static str, value: Option<Echo> },
}

/// A part of a request, truncated, that an error text repeats to the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Echo(String);

/// The constant parts of an error response.
struct Row {
    code: u32,
    status: StatusCode,
    error: &'static str,
    /// Whether the response has an `error_uri`, as for most codes of Entra.
    error_uri: bool,
}

impl Row {
    fn new(code: u32, error: &'static str, error_uri: bool) -> Self {
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self { code, status, error, error_uri }
    }
}

impl Refusal {
    /// Returns the table. What is assumed says so, but for the `error_uri` of these codes, which no capture shows
    /// either way: 28000, 50049, 50059, 500014, 501051, 700025, 900561, 901002, 7000112, 7000216, 7000229, 9001023 and
    /// 9002313.
    fn row(&self) -> Row {
        let row = Row::new;
        match self {
            Self::Assertion(refusal) => refusal.row(),
            Self::SeveralResources { .. } => row(28000, "invalid_scope", true), // error assumed
            Self::UnknownInstance => row(50049, "invalid_instance", true),
            Self::NoTenant => row(50059, "invalid_request", true), // error assumed
            Self::UnsupportedGrantType { .. } => row(70003, "unsupported_grant_type", false),
            Self::InvalidScope { .. } => row(70011, "invalid_scope", false),
            Self::UnknownTenant { endpoint: Endpoint::Token, .. } => row(90002, "invalid_request", true),
            Self::UnknownTenant { endpoint: Endpoint::Discovery, .. } => row(90002, "invalid_tenant", true),
            Self::MissingField { .. } => row(90014, "invalid_request", true),
            Self::UnknownResource { .. } => row(500011, "invalid_resource", true),
            Self::DisabledResource { .. } => row(500014, "invalid_resource", true), // status and error assumed
            Self::NotAssigned { .. } => row(501051, "invalid_grant", true),
            Self::UnknownClient { .. } => row(700016, "unauthorized_client", true),
            Self::PublicClient => row(700025, "invalid_client", true),
            Self::MalformedClient { .. } => row(700038, "unauthorized_client", false),
            Self::MalformedTenant { .. } => row(900023, "invalid_request", true),
            Self::MissingParameter { .. } => row(900144, "invalid_request", true),
            // 400 as documented, although HTTP's status for it would be 405.
            Self::NotPost { .. } => row(900561, "invalid_request", true),
            Self::ResourceOnV2 => row(901002, "invalid_request", true), // error assumed
            Self::ScopeWithoutDefault { .. } => row(1002012, "invalid_scope", false),
            Self::DisabledClient { .. } => row(7000112, "unauthorized_client", true), // status assumed
            Self::WrongSecret { .. } => row(7000215, "invalid_client", true),
            Self::MissingCredential => row(7000216, "invalid_client", true), // status and error assumed
            Self::ExpiredSecret { .. } => row(7000222, "invalid_client", true),
            Self::MissingPrincipal { .. } => row(7000229, "invalid_client", true),
            Self::GrantTypeOverCommon => row(9001023, "invalid_request", true), // error assumed
            Self::MalformedRequest | Self::Unsupported { .. } => row(9002313, "invalid_request", true),
        }
    }

    /// Returns the number after `AADSTS`.
    pub(crate) fn code(&self) -> u32 {
        self.row().code
    }

    /// Returns advice for the log, if there is more to say than Entra does.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::WrongSecret { is_id: true, .. } => Some("the secret's id was sent in place of its value"),
            Self::Assertion(AssertionRefusal::NotStandard { rule }) => Some(rule),
            _ => None,
        }
    }

    /// Builds the response in Entra's format.
    pub(crate) fn into_response(self, context: &Context) -> Response {
        let Row { code, status, error, error_uri } = self.row();
        let timestamp = context.now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let (trace_id, correlation_id) = (context.trace_id, context.correlation_id());
        let body = TokenErrorResponse {
            error: error.to_owned(),
            // Single spaces, as Entra writes since 2023; before, each id had a line of its own.
            error_description: format!(
                "AADSTS{code}: {self} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
            ),
            error_codes: vec![code],
            timestamp,
            trace_id: trace_id.to_string(),
            correlation_id: correlation_id.to_string(),
            // Microsoft's page, since that is where the code is documented.
            error_uri: error_uri.then(|| format!("https://login.microsoftonline.com/error?code={code}")),
        };
        let mut response = (status, Json(body)).into_response();
        if let Ok(telemetry) = HeaderValue::try_from(format!("1,{code},0,,")) {
            response.headers_mut().insert("x-ms-clitelem", telemetry);
        }
        response
    }
}

impl Echo {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().take(MAX_ECHO).collect())
    }
}

impl std::fmt::Display for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists one refusal of each variant. It does not compile while a variant is missing.
    macro_rules! every {
        ($of:ident: $($variant:ident $({ $($field:ident: $value:expr),+ })? $(($inner:expr))?,)+) => {{
            fn is_listed(refusal: &$of) -> bool {
                match refusal { $($of::$variant { .. })|+ => true }
            }
            let every = vec![$($of::$variant $({ $($field: $value),+ })? $(($inner))?),+];
            assert!(every.iter().all(is_listed));
            every
        }};
    }

    fn every_refusal() -> Vec<Refusal> {
        let (echo, text) = (|| Echo::new("x"), || "x".to_owned());
        let client = ClientId::parse("3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813").unwrap();
        let tenant = TenantId::parse("8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20").unwrap();
        every![Refusal:
            SeveralResources { scope: echo() },
            UnknownInstance,
            NoTenant,
            UnsupportedGrantType { grant_type: echo() },
            InvalidScope { scope: echo() },
            UnknownTenant { tenant: echo(), endpoint: Endpoint::Token },
            MissingField { field: "x" },
            UnknownResource { resource: echo(), tenant: text() },
            DisabledResource { resource: echo() },
            NotAssigned { client: client, client_name: text(), resource: echo(), resource_name: text() },
            UnknownClient { client: client, tenant: text() },
            PublicClient,
            Assertion(AssertionRefusal::Malformed),
            MalformedClient { client: echo() },
            MalformedTenant { tenant: echo() },
            MissingParameter { parameter: "x" },
            NotPost { method: echo() },
            ResourceOnV2,
            ScopeWithoutDefault { scope: echo() },
            DisabledClient { client: client, name: text() },
            WrongSecret { client: client, is_id: false },
            MissingCredential,
            ExpiredSecret { client: client },
            MissingPrincipal { client: client, tenant: tenant },
            GrantTypeOverCommon,
            MalformedRequest,
            Unsupported { parameter: "x", value: Some(echo()) },
        ]
    }

    fn every_assertion_refusal() -> Vec<AssertionRefusal> {
        let echo = || Echo::new("x");
        let client = ClientId::parse("3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813").unwrap();
        let time = jiff::Timestamp::UNIX_EPOCH;
        let mut every = every![AssertionRefusal:
            Malformed,
            NotStandard { rule: "x" },
            IssuerUnreachable,
            NoFederatedCredential { issuer: echo(), subject: echo(), audience: echo() },
            MissingClaim { field: "x" },
            OtherClient,
            OtherAudience,
            OutsideTime { now: time, from: time, until: time },
            UnregisteredCertificate { thumbprint: echo(), client: client },
            WrongSignature { thumbprint: echo(), start: time, end: time },
            WrongIssuerSignature { reason: "x" },
            ExpiredCertificate,
            NoMatch { part: Part::Issuer, value: echo() },
            OwnToken,
            UserToken,
            CertificateNotYetValid,
            NoCertificateNamed,
            UnsupportedAlgorithm { algorithm: echo() },
            SubjectCase { subject: echo() },
        ];
        let others = [Part::Audience, Part::Subject];
        every.extend(others.map(|part| AssertionRefusal::NoMatch { part, value: echo() }));
        every
    }

    #[test]
    fn every_code_is_in_the_catalogue_that_clients_explain_them_by() {
        let of_assertions = every_assertion_refusal().into_iter().map(Refusal::from);
        for refusal in every_refusal().into_iter().chain(of_assertions) {
            assert!(entra_shared::aadsts::lookup(refusal.code()).is_some(), "{} {refusal}", refusal.code());
        }
    }

    #[test]
    fn what_an_error_repeats_is_bounded() {
        let refusal = Refusal::MalformedTenant { tenant: Echo::new(&"ü".repeat(60_000)) };
        assert!(refusal.to_string().len() < 600);
    }
}
