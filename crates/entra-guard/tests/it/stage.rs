//! A tenant of the stand-in with an API and its clients, and requests to a router.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use entra_guard::{Guard, GuardBuilder, Tenancy};
use entra_stand_in::{Application, Authority, Client, Tenant};
use http::{Method, StatusCode, header};
use tempfile::TempDir;
use tower::ServiceExt;

/// A tenant with the API `orders` and a client.
pub(crate) struct Stage {
    pub(crate) authority: Authority,
    pub(crate) tenant: Tenant,
    pub(crate) api: Application,
    pub(crate) client: Client,
    folder: TempDir,
}

impl Stage {
    /// A client that was granted `Orders.Read`.
    pub(crate) async fn new() -> Self {
        let authority = Authority::builder().spawn().await.unwrap();
        let tenant = authority.tenant().await.unwrap();
        let api = tenant.application("orders").unwrap();
        let api = api.role("Orders.Read").unwrap().role("Orders.Write").unwrap();
        let client = tenant.client("caller").unwrap().grant(&api, "Orders.Read").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.ca_certificate_pem()).unwrap();
        Self { authority, tenant, api, client, folder }
    }

    pub(crate) fn ca_file(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn builder(&self) -> GuardBuilder {
        let tenancy = Tenancy::single(self.authority.instance(), self.tenant.id());
        Guard::builder(tenancy, self.api.client_id()).ca_file(self.ca_file())
    }

    /// A guard that has its keys.
    pub(crate) async fn guard(&self) -> Guard {
        let guard = self.builder().start().unwrap();
        guard.ready().await;
        guard
    }

    pub(crate) async fn token(&self) -> String {
        self.client.token(&self.api).await.unwrap().expose().to_owned()
    }
}

/// Sends a request; an empty token sends none.
pub(crate) async fn send(router: &Router, method: Method, path: &str, token: &str) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// The status of a GET request.
pub(crate) async fn status(router: &Router, path: &str, token: &str) -> StatusCode {
    send(router, Method::GET, path, token).await.status()
}

/// The body of a response.
pub(crate) async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}
