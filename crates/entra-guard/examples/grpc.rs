//! A guarded gRPC service with tonic. Settings come from the environment, as for the example `orders`.
//!
//! A gRPC client reads the guard's 401 as `UNAUTHENTICATED` and its 403 as `PERMISSION_DENIED`.
//! <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>

use std::convert::Infallible;
use std::env::var;
use std::error::Error;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::Router;
use bytes::{Buf, BufMut};
use entra_guard::{
    AppRole, Authorized, ClientId, Guard, Instance, Policy, RequireService, Requirements, Tenancy, TenantId,
};
use futures_util::future::BoxFuture;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tower::{Layer, Service};

const READ: AppRole = AppRole::new("Orders.Read", "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51", "Read orders.");

struct ReadPolicy;
impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

/// A remote procedure call; the guard's layer puts the proof into its request.
fn find(request: &Request<String>) -> Result<Response<String>, Status> {
    let caller = Authorized::<ReadPolicy>::from_extensions(request.extensions());
    let caller = caller.map_err(|error| Status::internal(error.to_string()))?;
    Ok(Response::new(format!("{} of {}", request.get_ref(), caller.client_id())))
}

/// Guards all services of the router. tonic's own server takes the same layer:
/// `Server::builder().layer(guard.require::<ReadPolicy>()?)`.
pub(crate) fn app(guard: &Guard) -> Result<RequireService<Routes>, Box<dyn Error>> {
    Ok(guard.require::<ReadPolicy>()?.layer(Routes::new(Orders)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenancy = Tenancy::single(Instance::parse(&var("INSTANCE")?)?, TenantId::parse(&var("TENANT_ID")?)?);
    let guard =
        Guard::builder(tenancy, ClientId::parse(&var("CLIENT_ID")?)?).ca_file(var("CA_FILE")?).start()?;
    let listener = tokio::net::TcpListener::bind(var("LISTEN")?).await?;
    println!("http://{}", listener.local_addr()?);
    // gRPC needs HTTP/2: a service of your own turns on axum's feature `http2`.
    Ok(axum::serve(listener, Router::new().fallback_service(app(&guard)?)).await?)
}

// The rest is what tonic generates from a `.proto` file, here with messages of plain text.

#[derive(Clone)]
struct Orders;

impl NamedService for Orders {
    const NAME: &'static str = "orders.Orders";
}

impl Service<http::Request<tonic::body::Body>> for Orders {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async { Ok(Grpc::new(Text).unary(Find, request).await) })
    }
}

struct Find;

impl UnaryService<String> for Find {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        ready(find(&request))
    }
}

struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        String::from_utf8(bytes.into()).map(Some).map_err(|_| Status::invalid_argument("not UTF-8"))
    }
}
