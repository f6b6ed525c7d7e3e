//! The description of the API, and the page that shows it.

use axum::Router;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::{ReasonCode, codes};
use crate::state::AppState;
use entra_guard::authorization::Role;

/// The name under which operations refer to how callers authenticate.
pub(crate) const SECURITY_SCHEME: &str = "entra";

/// Where the description and the page that shows it are.
pub(crate) const PATHS: [&str; 2] = [DESCRIPTION, PAGE];
const DESCRIPTION: &str = "/openapi.json";
pub(crate) const PAGE: &str = "/docs";

/// What the page needs: its own scripts, the style attributes these set, the images in its style sheet.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
);

/// Completes the description: a title, and how callers authenticate.
pub(crate) fn describe(mut api: OpenApi) -> OpenApi {
    api.info = Info::builder()
        .title(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{}\n\n{}", env!("CARGO_PKG_DESCRIPTION"), table_of_codes())))
        .build();
    let roles = Role::ALL.map(|role| format!("- `{role}`: {}", role.description())).join("\n");
    let scheme = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(format!(
            "An access token of Entra ID for this API, acquired with the OAuth 2.0 client credentials grant. \
             Each operation names the app roles that it takes:\n\n{roles}"
        )))
        .build();
    let components = api.components.get_or_insert_with(Components::new);
    components.add_security_scheme(SECURITY_SCHEME, SecurityScheme::Http(scheme));
    api
}

/// The codes of problems, as the Markdown that descriptions may hold.
fn table_of_codes() -> String {
    let row = |code: ReasonCode| format!("| `{}` | {} | {} |", code.code, code.meaning, code.remedy);
    let rows: Vec<String> = codes().filter(|code| code.code != "granted").map(row).collect();
    format!("| `code` of a problem | what it means | what mends it |\n|---|---|---|\n{}", rows.join("\n"))
}

/// `GET /openapi.json`, and `GET /docs` from files in the binary: the page loads nothing from elsewhere.
pub(crate) fn routes(api: OpenApi) -> Router<AppState> {
    // A validator on the internet would otherwise be asked about the description.
    let config = Config::default().validator_url("none");
    let page = SwaggerUi::new(PAGE).config(config).url(DESCRIPTION, api);
    Router::from(page)
        .layer(SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(SetResponseHeaderLayer::overriding(REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
}
