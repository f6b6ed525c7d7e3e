//! A team's service: its guarded routes are nested in a router that has its own state and fallback.

use std::env::var;
use std::error::Error;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use entra_guard::{
    AppRole, Authorized, ClientId, Context, Guard, Instance, Outcome, Policy, Requirement,
    RequirementHandler, Requirements, Tenancy, TenantId,
};
use entra_token::{BearerClient, TokenRetriever};
use serde::Serialize;

const READ: AppRole = AppRole::new("Orders.Read", "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51", "Read orders.");

/// Requires a role of the family `Partner.…`.
struct IsPartner;
impl RequirementHandler for IsPartner {
    fn handle(&self, context: &Context<'_>) -> Outcome {
        context.caller.roles.iter().any(|role| role.starts_with("Partner.")).into()
    }
}

struct ReadPolicy;
impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

struct PartnerPolicy;
impl Policy for PartnerPolicy {
    const NAME: &'static str = "PartnerPolicy";
    fn requirements() -> Requirements {
        Requirements::app().and(Requirement::new("IsPartner", "not_a_partner", IsPartner))
    }
}

#[derive(Clone)]
struct Shop {
    name: &'static str,
    stock: BearerClient,
}

#[derive(Clone)]
struct ShopName(&'static str);

impl FromRef<Shop> for ShopName {
    fn from_ref(shop: &Shop) -> Self {
        Self(shop.name)
    }
}

#[derive(Serialize)]
struct Order {
    item: String,
    caller: String,
}

async fn list(caller: Authorized<ReadPolicy>, State(ShopName(name)): State<ShopName>) -> Json<Vec<Order>> {
    Json(vec![Order { item: format!("tea of {name}"), caller: caller.client_id().to_string() }])
}

/// Calls another API, with this service's own credential.
async fn stock(_: Authorized<ReadPolicy>, State(shop): State<Shop>) -> Result<String, StatusCode> {
    let answer = shop.stock.get("/api/stock").send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    answer.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn stock_of_partners(_: Authorized<PartnerPolicy>) -> &'static str {
    "12 tins"
}

fn app(guard: &Guard, shop: Shop) -> Result<Router, Box<dyn Error>> {
    let nested = guard.routes().get("/orders", list).get("/stock", stock).into_router()?;
    let app = Router::new()
        .nest("/v1", nested)
        .route("/about", get(async |State(ShopName(name))| name))
        .route("/api/plain", get(async || "never reached"))
        .fallback(async || (StatusCode::NOT_FOUND, "no such page of the shop"))
        .with_state(shop);
    let protected = guard.routes().get("/stock", stock_of_partners);
    Ok(guard.protect("/api", protected, app)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenancy = Tenancy::single(Instance::parse(&var("INSTANCE")?)?, TenantId::parse(&var("TENANT_ID")?)?);
    let guard =
        Guard::builder(tenancy, ClientId::parse(&var("CLIENT_ID")?)?).ca_file(var("CA_FILE")?).start()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let stock = BearerClient::new(&url, TokenRetriever::from_env(&var("APP_ID_URI")?)?)?;
    let app = app(&guard, Shop { name: "Contoso", stock })?;
    guard.ready().await;
    println!("{url}");
    Ok(axum::serve(listener, app).await?)
}
