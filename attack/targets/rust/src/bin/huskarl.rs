//! <https://docs.rs/huskarl-resource-server/0.11.12>, the guide "Validating non-RFC-9068 access tokens".

use std::sync::Arc;

use attack_targets::{Claims, listener, setting};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use huskarl_reqwest::ReqwestClient;
use huskarl_resource_server::core::server_metadata::AuthorizationServerMetadata;
use huskarl_resource_server::validator::custom::CustomValidator;

type Validator = CustomValidator<Claims>;

async fn orders(State(validator): State<Arc<Validator>>, request: Request) -> Response {
    let uri = format!("http://127.0.0.1:{}{}", setting("PORT"), request.uri()).parse().expect("a URI");
    let result = validator.validate_request(request.headers(), request.method(), &uri, None).await;
    let metadata = validator.validator_metadata(None);
    if let Some(rejection) = result.rejection(&metadata, None) {
        let refused = rejection.apply(axum::http::Response::builder()).body(axum::body::Body::empty());
        return refused.expect("a response");
    }
    let role = if request.method() == Method::GET { "Orders.Read" } else { "Orders.Write" };
    match result.outcome {
        Ok(Some(validated)) if validated.claims.has(role) => Json(Vec::<String>::new()).into_response(),
        Ok(Some(_)) => StatusCode::FORBIDDEN.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[tokio::main]
async fn main() {
    let http_client = ReqwestClient::builder().build().await.expect("an HTTP client");
    let metadata = AuthorizationServerMetadata::oidc_fetch()
        .http_client(&http_client)
        .issuer(setting("ISSUER"))
        .call()
        .await
        .expect("the metadata");
    let validator: Validator = CustomValidator::builder_from_metadata(&metadata)
        .with_claims::<Claims>()
        .iss(metadata.issuer.clone())
        .aud(setting("AUDIENCE"))
        // Entra sends `uti` in place of `jti`.
        .require_jti(false)
        .jwks_source(http_client)
        .build()
        .await
        .expect("a validator");
    let app = Router::new().fallback(orders).with_state(Arc::new(validator));
    axum::serve(listener().await, app).await.expect("it serves");
}
