//! A guarded service. Run it with the settings of the stand-in or of a real tenant in the environment:
//! `INSTANCE`, `TENANT_ID`, `CLIENT_ID`, `CA_FILE` and `LISTEN`.

use std::env::var;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
// region: guard
use entra_guard::{AppRole, Authorized, ClientId, Guard, Instance, Policy, Requirements, Tenancy, TenantId};

const READ: AppRole = AppRole::new("Orders.Read", "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51", "Read orders.");
const WRITE: AppRole = AppRole::new("Orders.Write", "2f9d6a34-8b1c-4e07-a5d2-90c4e7f3b168", "Create orders.");

struct ReadPolicy;
impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

struct WritePolicy;
impl Policy for WritePolicy {
    const NAME: &'static str = "WritePolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(WRITE)
    }
}

async fn list(_: Authorized<ReadPolicy>, State(orders): State<Orders>) -> Json<Vec<String>> {
    Json(orders.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn create(caller: Authorized<WritePolicy>, State(orders): State<Orders>, Json(order): Json<String>) {
    let order = format!("{order}, by {}", caller.client_id());
    orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
}

pub(crate) fn app(guard: &Guard) -> Result<Router, Box<dyn Error>> {
    let api = guard.routes().get("/orders", list).post("/orders", create).with_state(Orders::default());
    Ok(guard.protect("/api", api, Router::new().route("/health", get(async || "ok")))?)
}
// endregion

type Orders = Arc<Mutex<Vec<String>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenancy = Tenancy::single(Instance::parse(&var("INSTANCE")?)?, TenantId::parse(&var("TENANT_ID")?)?);
    let guard =
        Guard::builder(tenancy, ClientId::parse(&var("CLIENT_ID")?)?).ca_file(var("CA_FILE")?).start()?;
    let listener = tokio::net::TcpListener::bind(var("LISTEN")?).await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(&guard)?).await?)
}
