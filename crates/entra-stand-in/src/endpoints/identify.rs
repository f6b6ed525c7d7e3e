//! Assigns each request its ids, and adds Entra's common headers to each response.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::routing::Route;
use http::{HeaderMap, HeaderValue, header};
use tower::Service;

use super::addressed::Addressed;
use super::{AppState, BaseUrl, set, token_request};
use crate::context::{CLIENT_REQUEST_ID, Context};
use crate::endpoint::Endpoint;
use crate::faults::{self, Envelope, Fault, in_entras_envelope};

/// The most headers of a response without a fault.
const HEADERS: usize = 16;

/// A route with request ids and Entra's common headers.
///
/// A tower service, since axum's `from_fn` would double the clones and allocations of each request.
#[derive(Debug, Clone)]
pub(super) struct Identify {
    route: Route,
    state: AppState,
}

impl Identify {
    pub(super) fn new(route: Route, state: AppState) -> Self {
        Self { route, state }
    }

    /// Omits Entra's `Strict-Transport-Security`, which browsers would apply to all ports of localhost.
    async fn answer(mut self, mut request: Request) -> Result<Response, Infallible> {
        let endpoint = Endpoint::of_path(request.uri().path());
        let addressed = Addressed::by(endpoint, &mut request, &self.state).await;
        let context = Context::new(request.headers(), addressed.now());
        let instance = self.state.origin.for_headers(request.headers());
        request.extensions_mut().insert(context);
        request.extensions_mut().insert(BaseUrl(instance));
        let fault = addressed.fault(context.now);
        let record = addressed.recording(context, fault.as_ref());
        let unread = fault.as_ref().is_some_and(Fault::leaves_unread);
        let caller = if unread { token_request::caller(&mut request).await } else { None };
        let envelope = (in_entras_envelope as Envelope, &context);
        let regular = async {
            let Ok(response) = self.route.call(request).await;
            response
        };
        let mut response = faults::answer(fault.as_ref(), envelope, regular).await;
        if let Some(caller) = caller {
            response.extensions_mut().insert(caller);
        }
        record.answered(&response);
        tell(response.headers_mut(), &context);
        Ok(response)
    }
}

impl Service<Request> for Identify {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, task)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

/// Sets Entra's common headers.
fn tell(headers: &mut HeaderMap, context: &Context) {
    headers.reserve(HEADERS.saturating_sub(headers.len()));
    if let Ok(id) = HeaderValue::try_from(context.trace_id.to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    if let Some(Ok(id)) = context.client_request_id.map(|id| HeaderValue::try_from(id.to_string())) {
        headers.insert(CLIENT_REQUEST_ID, id);
    }
    set(headers, &[("x-ms-ests-server", "2.1.0 - LOCAL ProdSlices"), ("x-xss-protection", "0")]);
    set(headers, &[("x-content-type-options", "nosniff"), ("p3p", r#"CP="DSP CUR OTPi IND OTRi ONL FIN""#)]);
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        set(headers, &[("content-type", "application/json; charset=utf-8")]);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, &[("cache-control", "no-store, no-cache"), ("pragma", "no-cache"), ("expires", "-1")]);
    }
}
