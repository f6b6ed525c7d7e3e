//! The OpenAPI description of the API, and the page that shows it.

use axum::extract::Request;
use axum::response::{Html, Redirect};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use swagger_ui_dist::{ApiDefinition, OpenApiSource};
use tower::ServiceExt;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, RefOr, Schema, Server};

use crate::error::codes;
use crate::state::AppState;
use entra_guard::{AppRole, ReasonCode, RouteTable, SECURITY_SCHEME};
use http_shell::route_names::RouteNames;

/// The paths of the description and of the page.
pub(crate) const PATHS: [&str; 2] = [DESCRIPTION, PAGE];
const DESCRIPTION: &str = "/openapi.json";
pub(crate) const PAGE: &str = "/docs";

/// Allows the page its own scripts, the style attributes that these set, and the images in its style sheet.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
);

/// Completes the description with title, security scheme and the table of codes, which follows the `Problem` schema.
pub(crate) fn describe(mut api: OpenApi, roles: &[AppRole]) -> OpenApi {
    api.info = Info::builder()
        .title(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")))
        .build();
    // Relative to the description, for requests that the page sends.
    api.servers = Some(vec![Server::new(".")]);
    let roles = roles.iter().map(|role| format!("- `{role}`: {}", role.description()));
    let roles = roles.collect::<Vec<_>>().join("\n");
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
    if let Some(RefOr::T(Schema::Object(problem))) = components.schemas.get_mut("Problem") {
        let description = problem.description.take().unwrap_or_default();
        problem.description = Some(format!("{description}\n\n{}", table_of_codes()));
    }
    api
}

/// Formats the codes of problems as a Markdown table.
fn table_of_codes() -> String {
    let row = |code: ReasonCode| format!("| `{}` | {} | {} |", code.code, code.meaning, code.remedy);
    let rows: Vec<String> = codes().filter(|code| code.code != "granted").map(row).collect();
    format!("| `code` | meaning | remedy |\n|---|---|---|\n{}", rows.join("\n"))
}

/// The page below [`PAGE`]. Its references are relative, so it works below a path that a proxy adds. Its script is a file of its own, since the page's policy forbids inline scripts.
const PAGE_HTML: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>API description</title>
<link rel="stylesheet" href="swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="swagger-initializer.js"></script>
</body>
</html>
"#;

/// Shows the description. `validatorUrl` keeps Swagger UI from sending it to a validator on the internet.
const INITIALIZER: &str =
    r##"SwaggerUIBundle({ url: "../openapi.json", dom_id: "#swagger-ui", validatorUrl: "none" });"##;

/// Serves the description and the page from files in the binary. The page loads nothing from elsewhere.
pub(crate) fn routes(api: OpenApi) -> Router<AppState> {
    let files = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: PAGE,
        api_definition: OpenApiSource::Uri(DESCRIPTION),
        title: None,
    });
    // Only the files: the crate's own page repeats the request's query unescaped.
    let file = async move |request: Request| files.oneshot(request).await;
    Router::new()
        .route(DESCRIPTION, get(Json(api)))
        .route(PAGE, get(Redirect::permanent("docs/")))
        .route("/docs/", get(Html(PAGE_HTML)))
        .route("/docs/swagger-initializer.js", get(([(CONTENT_TYPE, "text/javascript")], INITIALIZER)))
        .route("/docs/swagger-ui-bundle.js", get(file.clone()))
        .route("/docs/swagger-ui.css", get(file))
        .layer(SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(SetResponseHeaderLayer::overriding(REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
}

/// Returns the names of the routes in logs and metrics, which are their templates. Every path below the page has the
/// page's name.
pub(crate) fn route_names(table: &RouteTable) -> RouteNames {
    let below = [format!("{PAGE}/"), format!("{PAGE}/{{*rest}}")];
    let below = below.iter().map(|path| (path.as_str(), PAGE));
    table.rows().iter().map(|row| (row.path.as_str(), row.path.as_str())).chain(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_path_has_the_name_of_its_routes_template() {
        let settings = Settings::load(None, entra_shared::settings::Environment::default()).unwrap();
        let names = route_names(&crate::router::table(&crate::router::api(&settings.authorization)).unwrap());
        for (path, name) in [
            ("/health/live", Some("/health/live")),
            ("/api/resources", Some("/api/resources")),
            ("/api/resources/x", Some("/api/resources/{id}")),
            ("/api/resources/x/y", None),
            ("/api/resources/", None),
            ("/api", None),
            ("/openapi.json", Some("/openapi.json")),
            ("/openapi.json/", None),
            ("/openapi.json/x", None),
            ("/docs", Some("/docs")),
            ("/docs/", Some("/docs")),
            ("/docs/index.css", Some("/docs")),
            ("*", None),
        ] {
            assert_eq!(names.find(path), name, "{path}");
        }
    }
}
