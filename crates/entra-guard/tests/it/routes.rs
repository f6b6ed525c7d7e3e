//! Guarded routes in a team's router.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use entra_guard::{
    AppIdentity, AppRole, Authorized, AuthorizedOn, AuthorizedTrying, Context, Demands, Denial, Enforcement,
    Guard, GuardedRoutes, ListedClient, Outcome, Policy, PolicyError, Requirement, RequirementHandler,
    Requirements, ResourcePolicy, RouteError,
};
use http::{Method, StatusCode, header};
use tower::{Layer, Service, ServiceExt};

use crate::stage::{Stage, send, status, text};

const READ: AppRole = AppRole::new("Orders.Read", "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51", "Read orders.");
const WRITE: AppRole = AppRole::new("Orders.Write", "2f9d6a34-8b1c-4e07-a5d2-90c4e7f3b168", "Create orders.");

pub(crate) struct ReadPolicy;
pub(crate) struct WritePolicy;
pub(crate) struct OrderPolicy;
pub(crate) struct NewPolicy;

impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

impl Policy for WritePolicy {
    const NAME: &'static str = "WritePolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(WRITE)
    }
}

/// An order, which the client with this name may see.
pub(crate) struct Order {
    pub(crate) created_by: Option<AppIdentity>,
    pub(crate) secret: bool,
}

struct NotSecret;

impl RequirementHandler<Order> for NotSecret {
    fn handle(&self, context: &Context<'_, Order>) -> Outcome {
        (!context.resource.secret).into()
    }
}

impl ResourcePolicy for OrderPolicy {
    const NAME: &'static str = "OrderPolicy";
    type Resource = Order;
    type Caller = ReadPolicy;
    fn requirements() -> Requirements<Order> {
        Requirements::resource().and(Requirement::new("NotSecret", "order_secret", NotSecret))
    }
    fn creator(order: &Order) -> Option<AppIdentity> {
        order.created_by
    }
}

struct NotYet;

impl RequirementHandler for NotYet {
    fn handle(&self, _: &Context<'_>) -> Outcome {
        Outcome::NotMet
    }
}

impl Policy for NewPolicy {
    const NAME: &'static str = "NewPolicy";
    fn requirements() -> Requirements {
        Requirements::app().and(Requirement::new("NotYet", "not_yet", NotYet))
    }
}

pub(crate) async fn list(_: Authorized<ReadPolicy>) -> &'static str {
    "canary"
}

pub(crate) async fn create(_: Authorized<WritePolicy>) -> &'static str {
    "canary"
}

pub(crate) async fn try_new(_: AuthorizedTrying<ReadPolicy, NewPolicy>) -> &'static str {
    "canary"
}

async fn see(authorized: AuthorizedOn<OrderPolicy>) -> Result<&'static str, Denial> {
    authorized.on(Order { created_by: None, secret: false })?;
    Ok("canary")
}

async fn see_secret(authorized: AuthorizedOn<OrderPolicy>) -> Result<&'static str, Denial> {
    authorized.on(Order { created_by: None, secret: true })?;
    Ok("canary")
}

async fn ignore_denial(authorized: AuthorizedOn<OrderPolicy>) -> &'static str {
    let _ = authorized.on(Order { created_by: None, secret: true });
    "canary"
}

async fn fails(authorized: AuthorizedOn<OrderPolicy>) -> Response {
    let _ = authorized.on(Order { created_by: None, secret: true });
    StatusCode::BAD_GATEWAY.into_response()
}

fn orders(guard: &Guard) -> GuardedRoutes {
    guard.routes().get("/orders", list).post("/orders", create)
}

fn challenge(response: &Response) -> String {
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_request_needs_a_token_and_its_routes_role() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let router = guard.protect("/api", orders(&guard), Router::new()).unwrap();
    let token = stage.token().await;
    assert_eq!(status(&router, "/api/orders", &token).await, StatusCode::OK);
    let missing = send(&router, Method::GET, "/api/orders", "").await;
    assert_eq!(missing.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenge(&missing), format!("Bearer realm=\"{}\"", stage.api.client_id()));
    let denied = send(&router, Method::POST, "/api/orders", &token).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    assert!(challenge(&denied).ends_with("error=\"insufficient_scope\", scope=\"Orders.Write\""));
    assert!(text(denied).await.contains(r#""code":"role_missing""#));
}

#[tokio::test]
async fn below_the_prefix_nothing_but_guarded_routes_runs() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let plain =
        Router::new().route("/api/plain", get(async || "canary")).route("/apis", get(async || "open"));
    let app = plain.route("/api/orders", get(async || "canary")).fallback(async || "open");
    let router = guard.protect("/api", orders(&guard), app).unwrap();
    let token = stage.token().await;
    for path in ["/api", "/api/", "/api/plain", "/api/nowhere", "/api/orders/1"] {
        let without = send(&router, Method::GET, path, "").await;
        assert_eq!(without.status(), StatusCode::UNAUTHORIZED, "{path}");
        let with = send(&router, Method::GET, path, &token).await;
        assert_eq!(with.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!text(with).await.contains("canary"));
    }
    for path in ["/", "/apis", "/API/plain", "/elsewhere"] {
        assert_eq!(text(send(&router, Method::GET, path, "").await).await, "open", "{path}");
    }
}

#[tokio::test]
async fn an_unknown_method_and_a_preflight_need_a_token() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let router = guard.protect("/api", orders(&guard), Router::new()).unwrap();
    let token = stage.token().await;
    for method in [Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let without = send(&router, method.clone(), "/api/orders", "").await;
        assert_eq!(without.status(), StatusCode::UNAUTHORIZED, "{method}");
        assert_eq!(without.headers().get(header::ALLOW), None);
        let with = send(&router, method.clone(), "/api/orders", &token).await;
        assert_eq!(with.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(with.headers()[header::ALLOW], "GET,HEAD,POST");
    }
    let head = send(&router, Method::HEAD, "/api/orders", &token).await;
    assert_eq!((head.status(), text(head).await), (StatusCode::OK, String::new()));
}

#[tokio::test]
async fn a_preflight_is_answered_by_a_cors_layer_around_the_router() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let cors = tower_http::cors::CorsLayer::new().allow_origin(["https://app.example".parse().unwrap()]);
    let router = guard.protect("/api", orders(&guard), Router::new()).unwrap().layer(cors);
    let preflight = Request::builder().method("OPTIONS").uri("/api/orders");
    let preflight = preflight.header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    let answer = router.clone().oneshot(preflight.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(status(&router, "/api/orders", "").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guarded_routes_merge_and_nest_in_a_router_with_a_state_and_a_fallback() {
    async fn stateful(_: Authorized<ReadPolicy>, State(text): State<&'static str>) -> &'static str {
        text
    }
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let api = guard.routes().get("/orders", stateful).into_router().unwrap();
    let router: Router = Router::new()
        .route("/orders", get(async || "open"))
        .nest("/guarded", api)
        .fallback(async || "fallback")
        .with_state("state");
    let token = stage.token().await;
    assert_eq!(text(send(&router, Method::GET, "/guarded/orders", &token).await).await, "state");
    assert_eq!(status(&router, "/guarded/orders", "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(text(send(&router, Method::GET, "/orders", "").await).await, "open");
    assert_eq!(text(send(&router, Method::GET, "/guarded/x", "").await).await, "fallback");
}

#[tokio::test]
async fn a_proof_of_one_guard_does_not_open_a_route_of_another() {
    let (ours, theirs) = (Stage::new().await, Stage::new().await);
    let (outer, inner) = (ours.guard().await, theirs.guard().await);
    let api = inner.routes().get("/orders", list).into_router().unwrap();
    let router: Router = api.layer(outer.require::<ReadPolicy>().unwrap());
    // Granted by the outer guard, and then by the inner one's own rules refused.
    assert_eq!(status(&router, "/orders", &ours.token().await).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&router, "/orders", &theirs.token().await).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_handler_has_no_proof_without_its_own_policys_guard() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let plain: Router = Router::new().route("/orders", get(list)).route("/new", get(create));
    let token = stage.token().await;
    assert_eq!(status(&plain, "/orders", &token).await, StatusCode::INTERNAL_SERVER_ERROR);
    let layered = plain.layer(guard.require::<ReadPolicy>().unwrap());
    assert_eq!(status(&layered, "/orders", &token).await, StatusCode::OK);
    assert_eq!(status(&layered, "/orders", "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&layered, "/new", &token).await, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn no_response_goes_out_in_spite_of_a_denial() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let api = guard.routes().get("/see", see).get("/secret", see_secret);
    let api = api.get("/ignored", ignore_denial).get("/fails", fails);
    let router = guard.protect("/api", api, Router::new()).unwrap();
    let token = stage.token().await;
    assert_eq!(status(&router, "/api/see", &token).await, StatusCode::OK);
    let denied = send(&router, Method::GET, "/api/secret", &token).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    assert!(challenge(&denied).contains("insufficient_scope"));
    assert!(text(denied).await.contains(r#""code":"order_secret""#));
    let ignored = send(&router, Method::GET, "/api/ignored", &token).await;
    assert_eq!(ignored.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text(ignored).await.contains("canary"));
    assert_eq!(status(&router, "/api/fails", &token).await, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn demands_bind_by_what_a_route_does() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let demands = Demands::default()
        .write_requires_certificate(Enforcement::Enforced)
        .only_creator_changes(Enforcement::Enforced);
    let api = guard.routes().get("/see", see).post("/see", see).post("/read", list).demand(demands);
    let table = api.table().unwrap().to_string();
    assert_eq!(table.matches("CertificateCredential").count(), 2, "{table}");
    assert_eq!(table.matches("Creator").count(), 1, "{table}");
    let router = guard.protect("/api", api, Router::new()).unwrap();
    let token = stage.token().await;
    assert_eq!(status(&router, "/api/see", &token).await, StatusCode::OK);
    for path in ["/api/see", "/api/read"] {
        let denied = send(&router, Method::POST, path, &token).await;
        assert_eq!(denied.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(text(denied).await.contains("credential_too_weak"), "{path}");
    }
}

#[tokio::test]
async fn a_policy_that_is_tried_denies_nothing() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let api = guard.routes().get("/tried", try_new);
    assert!(api.table().unwrap().to_string().contains("NewPolicy (report only)"));
    let router = guard.protect("/api", api, Router::new()).unwrap();
    assert_eq!(status(&router, "/api/tried", &stage.token().await).await, StatusCode::OK);
    assert_eq!(status(&router, "/api/tried", "").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn routes_that_contradict_each_other_are_refused() {
    struct SameName;
    impl Policy for SameName {
        const NAME: &'static str = "ReadPolicy";
        fn requirements() -> Requirements {
            Requirements::app()
        }
    }
    struct SameValue;
    impl Policy for SameValue {
        const NAME: &'static str = "SameValue";
        fn requirements() -> Requirements {
            let id = "11111111-1111-4111-8111-111111111111";
            Requirements::app().role(AppRole::new("Orders.Read", id, "Another."))
        }
    }
    async fn same_name(_: Authorized<SameName>) {}
    async fn same_value(_: Authorized<SameValue>) {}
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let error = |routes: GuardedRoutes| routes.into_router().unwrap_err();
    let duplicate = error(orders(&guard).get("/orders", list));
    assert_eq!(duplicate, RouteError::Duplicate(Method::GET, "/orders".into()));
    let same = error(orders(&guard).get("/x", same_name));
    assert_eq!(same, RouteError::Policy(PolicyError::SameName("ReadPolicy")));
    assert!(matches!(error(orders(&guard).get("/x", same_value)), RouteError::SameRole(..)));
    for path in ["orders", "/:id", "/{a}/{", "/orders/{*rest}/x"] {
        assert!(matches!(error(guard.routes().get(path, list)), RouteError::InvalidPath(..)), "{path}");
    }
    let conflict = guard.routes().get("/{a}", list).post("/{b}", create);
    assert!(matches!(error(conflict), RouteError::InvalidPath(..)));
    let client = ListedClient {
        client_id: stage.client.client_id(),
        tenant_id: None,
        name: "x".into(),
        policies: vec!["OrderPolicy".into()],
    };
    let demands = Demands::default().clients(vec![client], Enforcement::Enforced);
    let unused = error(orders(&guard).demand(demands));
    assert_eq!(unused, RouteError::UnusedPolicy("OrderPolicy".into(), "ReadPolicy, WritePolicy".into()));
    assert_eq!(error(GuardedRoutes::new().get("/orders", list)), RouteError::NoGuard);
    let other = stage.guard().await;
    assert_eq!(other.protect("/api", orders(&guard), Router::new()).unwrap_err(), RouteError::OtherGuard);
}

#[tokio::test]
async fn the_roles_of_a_table_are_those_of_its_policies() {
    let stage = Stage::new().await;
    let table = orders(&stage.guard().await).table().unwrap().below("/api");
    assert_eq!(table.app_roles(), [READ, WRITE]);
    let paths: Vec<_> = table.rows().iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["/api/orders", "/api/orders"]);
}

#[tokio::test]
async fn the_background_tasks_end_with_the_last_clone() {
    let stage = Stage::new().await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let guard = stage.guard().await;
    let clone = guard.clone();
    drop(guard);
    assert!(clone.is_ready() && metrics.num_alive_tasks() > before);
    // A pool's idle connection to the stand-in is a task too, so the count is compared after it is gone.
    drop(clone);
    let ended = async {
        while metrics.num_alive_tasks() > before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("the tasks end");
}

#[tokio::test]
async fn a_request_can_be_authenticated_without_axums_routes() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let token = stage.token().await;
    let parts = |uri: &str, token: &str| {
        let request = Request::builder().uri(uri).header(header::AUTHORIZATION, format!("Bearer {token}"));
        request.body(()).unwrap().into_parts().0
    };
    let principal = guard.authenticate(&parts("/", &token)).await.unwrap();
    assert_eq!(principal.client_id(), stage.client.client_id());
    assert!(guard.authorize::<ReadPolicy>(&principal).is_ok());
    assert_eq!(guard.authorize::<WritePolicy>(&principal).unwrap_err().reasons, ["role_missing"]);
    let leaked = guard.authenticate(&parts("/?access_token=x", &token)).await.unwrap_err();
    assert_eq!(leaked.code(), "token_in_query");
}

#[tokio::test]
async fn a_layer_requires_a_policy_of_a_plain_service() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let plain = tower::service_fn(async |_: Request| Ok::<_, std::convert::Infallible>("canary"));
    let mut service = guard.require::<ReadPolicy>().unwrap().layer(plain);
    let request = Request::builder().uri("/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn keys_are_fetched_with_a_client_of_a_teams_own_builder() {
    let stage = Stage::new().await;
    let pem = stage.authority.ca_certificate_pem().to_owned();
    let builder = reqwest::Client::builder().no_proxy();
    let builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]);
    let guard = stage.builder().http_client_builder(builder).start().unwrap();
    guard.ready().await;
    let router = guard.protect("/api", orders(&guard), Router::new()).unwrap();
    assert_eq!(status(&router, "/api/orders", &stage.token().await).await, StatusCode::OK);
}
