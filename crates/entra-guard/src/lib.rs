//! Validates access tokens of Microsoft Entra ID and enforces policies in axum services.
//!
//! ```
//! use axum::Router;
//! use entra_guard::{AppRole, Authorized, Guard, Policy, Requirements, Tenancy};
//!
//! const READ: AppRole = AppRole::new("Orders.Read", "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51", "Read orders.");
//! struct ReadPolicy;
//! impl Policy for ReadPolicy {
//!     const NAME: &'static str = "ReadPolicy";
//!     fn requirements() -> Requirements {
//!         Requirements::app().role(READ)
//!     }
//! }
//! async fn list(caller: Authorized<ReadPolicy>) -> String {
//!     format!("the orders of {}", caller.client_id())
//! }
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let stand_in = entra_stand_in::Authority::builder().spawn().await?;
//! # let tenant = stand_in.tenant().await?;
//! # let orders = tenant.application("orders")?.role("Orders.Read")?;
//! # let caller = tenant.client("caller")?.grant(&orders, "Orders.Read")?;
//! # let (instance, tenant_id, client_id) = (stand_in.instance(), tenant.id(), orders.client_id());
//! # let http_client = entra_guard::HttpClient::trusting(stand_in.ca_certificate_pem())?;
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}", listener.local_addr()?);
//! let guard = Guard::builder(Tenancy::single(instance, tenant_id), client_id);
//! # let guard = guard.http_client(http_client);
//! let guard = guard.start()?;
//! let app = guard.protect("/api", guard.routes().get("/orders", list), Router::new())?;
//! # guard.ready().await;
//! # let call = async {
//! #     let http = reqwest::Client::builder().no_proxy().build()?;
//! #     let get = |path: &str| http.get(format!("{url}{path}"));
//! #     assert_eq!(get("/api/orders").send().await?.status(), 401);
//! #     let token = caller.token(&orders).await?;
//! #     let answer = get("/api/orders").bearer_auth(token.expose()).send().await?;
//! #     assert_eq!(answer.text().await?, format!("the orders of {}", caller.client_id()));
//! #     Ok::<(), Box<dyn std::error::Error>>(())
//! # };
//! # let serve = async {
//! axum::serve(listener, app).await?;
//! #     Ok::<(), Box<dyn std::error::Error>>(())
//! # };
//! # tokio::select! { answered = call => answered, served = serve => served }
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Entra's own instance is `https://login.microsoftonline.com`. A handler that does not take a proof such as
//! [`Authorized`] cannot be registered:
//!
//! ```compile_fail
//! # fn add(guard: &entra_guard::Guard) -> entra_guard::GuardedRoutes {
//! guard.routes().get("/orders", async || "orders")
//! # }
//! ```
//!
//! # How far the default denial goes
//!
//! - [`Guard::protect`] gives a prefix to guarded routes alone. A path below it never reaches the rest of the app: a
//!   path without a route is answered with 401 without a valid token and with 404 with one; a method without a handler
//!   with 405.
//! - [`GuardedRoutes::into_router`] guards what is in it, and merges or nests anywhere. It sets no fallback, so it does
//!   not protect its neighbours.
//! - A response goes out only if every policy that was evaluated granted the request.
//! - Only tokens of apps pass [`Requirements::app`]; a user's delegated token (`scp`) is denied.
//!
//! # CORS
//!
//! OPTIONS needs a token too, and a browser's preflight has none. So put a CORS layer around the router, such as
//! tower-http's `CorsLayer` with the allowed origins by name.
//!
//! # Without axum's routes
//!
//! [`Guard::require`] is a tower layer, so it guards any HTTP service. With tonic, give it to the server:
//! `Server::builder().layer(guard.require::<ReadPolicy>()?)`. A method takes the proof with
//! [`Authorized::from_extensions`], as the example `grpc` shows. [`Guard::authenticate`] and [`Guard::authorize`] serve
//! where no layer fits.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | what it adds |
//! |---|---|
//! | `metrics` | `DecisionMetrics`: counts decisions with the metrics crate |
//! | `utoipa` | `GuardedRoutes::described`: routes described by utoipa, their roles included |
//! | `testing` | `testing::TestIssuer`: an issuer in process, whose tokens the guard validates like Entra's |
//!
//! # Layout
//!
//! - [`Guard`]: keys, expectations of tokens, and what every guarded route shares.
//! - [`Policy`], [`Requirement`], [`AppRole`]: what a caller must be and have.
//! - [`GuardedRoutes`], [`Authorized`]: routes that cannot be registered without a policy.
//! - [`Answers`], [`codes`]: refusals over HTTP. The decision log has the target `decision`.
//! - [`explain`]: why a token is accepted or refused, for a person.
//! - [`authentication`]: from a request's headers to the app that sent it.

mod answers;
mod app_role;
pub mod authentication;
mod decision;
mod development;
pub mod explain;
mod guard;
mod policy;
mod principal;
mod routes;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use answers::{Answers, ProblemCode, ProblemJson, ReasonCode, Refusal, codes};
pub use app_role::AppRole;
pub use authentication::{Agent, Caller, Tenancy};
#[cfg(feature = "metrics")]
pub use decision::DecisionMetrics;
pub use decision::{Deadline, DecisionObserver};
pub use development::DevelopmentHandler;
pub use guard::{Guard, GuardBuilder, GuardStatus, StartError};
pub use policy::{
    AppIdentity, Context, Demands, Denial, Enforcement, ListedClient, Outcome, Policy, PolicyError,
    Requirement, RequirementHandler, Requirements, ResourcePolicy, Subject,
};
pub use principal::Principal;
#[doc(hidden)]
pub use routes::RouteRules;
#[cfg(feature = "utoipa")]
pub use routes::SECURITY_SCHEME;
pub use routes::{
    Authorized, AuthorizedOn, AuthorizedTrying, GuardedRoutes, HasPolicy, MissingGuard, On, Permit,
    RequireLayer, RequireService, RouteError, RouteGuard, RoutePolicy, RouteTable, TableRow, Trying,
};

pub use entra_shared::azure_ad::{Authority, EndpointUrl, Endpoints, Instance, Version};
pub use entra_shared::http_client::HttpClient;
pub use entra_shared::ids::{AppIdUri, ClientId, TenantId};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
