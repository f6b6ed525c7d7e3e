//! Does not compile: the handler names no policy.

use entra_guard::{Guard, GuardedRoutes};

async fn list() -> &'static str {
    "orders"
}

fn routes(guard: &Guard) -> GuardedRoutes {
    guard.routes().get("/orders", list)
}

fn main() {
    let _ = routes;
}
