//! A tower layer that requires a policy.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::{Method, Request};
use tower::{Layer, Service};

use super::pipeline::run;
use super::{RouteError, RouteRules};
use crate::guard::Guard;
use crate::policy::{Demands, Policy};

/// Requires a policy for every request of a service; made by [`Guard::require`].
#[derive(Debug, Clone)]
pub struct RequireLayer {
    guard: Guard,
    rules: Arc<RouteRules>,
}

/// A service behind a [`RequireLayer`].
#[derive(Debug, Clone)]
pub struct RequireService<T> {
    layer: RequireLayer,
    inner: T,
}

impl Guard {
    /// Returns a tower layer that requires a policy for every request of a service.
    ///
    /// # Errors
    /// The policy has no requirement that is enforced.
    pub fn require<P: Policy>(&self) -> Result<RequireLayer, RouteError> {
        let rules = RouteRules::for_policy::<P>(&Method::GET, &Demands::default())?;
        Ok(RequireLayer { guard: self.clone(), rules: Arc::new(rules) })
    }
}

impl<T> Layer<T> for RequireLayer {
    type Service = RequireService<T>;

    fn layer(&self, inner: T) -> RequireService<T> {
        RequireService { layer: self.clone(), inner }
    }
}

impl<B, T> Service<Request<B>> for RequireService<T>
where
    B: Send + 'static,
    T: Service<Request<B>, Response: IntoResponse, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was ready answers; the clone is polled for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let RequireLayer { guard, rules } = self.layer.clone();
        Box::pin(async move {
            let forward = |request| async move {
                match inner.call(request).await {
                    Ok(response) => response.into_response(),
                    Err(never) => match never {},
                }
            };
            Ok(run(guard.inner(), request, true, Ok((rules, forward))).await)
        })
    }
}
