//! Minting tokens, and the admin listener.

use entra_shared::ids::{ClientId, TenantId};
use entra_stand_in::{Authority, MintError, MintRequest};
use reqwest::Client;
use serde_json::{Value, json};

use crate::world::{Answer, CLIENT, RESOURCE, TENANT, World, part, send};

fn request() -> MintRequest {
    MintRequest::new(ClientId::parse(CLIENT).unwrap(), format!("api://{RESOURCE}"))
}

#[tokio::test]
async fn a_minted_token_is_the_regular_one_but_for_what_was_asked() {
    let world = World::new().await;
    let token = world.authority.mint(&request()).unwrap();
    let regular = part(token.expose(), 1);
    assert_eq!((regular.text("aud"), regular.text("azp")), (RESOURCE, CLIENT));
    assert_eq!(regular.text("iss"), format!("{}/{TENANT}/v2.0", world.base));
    let odd = request()
        .tenant(TenantId::parse(TENANT).unwrap())
        .claim("exp", 1)
        .claim("roles", "Resource.Read")
        .claim("tid", Value::Null)
        .claim("scp", "access");
    let odd = part(world.authority.mint(&odd).unwrap().expose(), 1);
    assert_eq!((odd.number("exp"), odd.text("roles"), odd.text("scp")), (1, "Resource.Read", "access"));
    assert!(!odd.names().contains(&"tid"));
}

#[tokio::test]
async fn nothing_is_minted_under_a_host_of_microsofts_or_for_whom_the_directory_does_not_know() {
    let world = World::new().await;
    for issuer in [
        json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0")),
        json!("https://sts.windows.net/x/"),
        json!(["https://example.com", "https://sts.windows.net/x/"]),
    ] {
        let error = world.authority.mint(&request().claim("iss", issuer)).unwrap_err();
        assert!(matches!(error, MintError::MicrosoftIssuer));
    }
    assert!(world.authority.mint(&request().claim("iss", "https://example.com/")).is_ok());
    let unknown_id = uuid::Uuid::from_u128(1);
    let unknown = world.authority.mint(&request().tenant(unknown_id.into()));
    assert!(matches!(unknown.unwrap_err(), MintError::UnknownTenant));
    let unknown = world.authority.mint(&MintRequest::new(unknown_id.into(), RESOURCE));
    assert!(matches!(unknown.unwrap_err(), MintError::UnknownClient));
    let unknown = world.authority.mint(&MintRequest { resource: "api://x".into(), ..request() });
    assert!(matches!(unknown.unwrap_err(), MintError::UnknownResource));
}

async fn post(world: &World, path: &str, body: &Value) -> Answer {
    let url = world.authority.admin_url().unwrap().join(path).unwrap();
    send(Client::builder().no_proxy().build().unwrap().post(url).json(body)).await
}

#[tokio::test]
async fn the_admin_listener_mints_and_rolls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::builder().data_folder(folder.path()).spawn().await.unwrap();
    let world = World { http: Client::new(), base: authority.instance().to_string(), authority };
    let health = world.authority.admin_url().unwrap().join("health").unwrap();
    assert_eq!(send(Client::builder().no_proxy().build().unwrap().get(health)).await.status, 200);

    let asked =
        json!({ "tenant": TENANT, "client_id": CLIENT, "resource": RESOURCE, "claims": { "exp": 7 } });
    let minted = post(&world, "tokens", &asked).await;
    assert_eq!((minted.status.as_u16(), minted.header("cache-control")), (200, "no-store"));
    let body = minted.json();
    assert_eq!(body.names(), ["access_token"]);
    let token = body.text("access_token");
    assert_eq!(part(token, 1).number("exp"), 7);

    let rolled = post(&world, "keys/roll", &json!({})).await;
    assert_eq!((rolled.status.as_u16(), rolled.body.as_str()), (204, ""));
    let after = post(&world, "tokens", &asked).await.json();
    assert_ne!(part(after.text("access_token"), 0).text("kid"), part(token, 0).text("kid"));
}

#[tokio::test]
async fn the_admin_listener_refuses_what_a_web_page_could_send() {
    let world = World::new().await;
    let url = world.authority.admin_url().unwrap();
    let http = Client::builder().no_proxy().build().unwrap();
    for path in ["keys/roll", "tokens"] {
        let url = url.join(path).unwrap();
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
            "application/json; charset=utf-16",
        ] {
            let answer = send(http.post(url.clone()).header("content-type", kind).body("{}")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.json().text("code")),
                (415, "json_required"),
                "{kind}"
            );
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80"] {
            let answer = send(http.post(url.clone()).header("host", host).json(&json!({}))).await;
            assert_eq!((answer.status.as_u16(), answer.json().text("code")), (403, "host_refused"), "{host}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
        assert_eq!(send(http.get(url)).await.status, 405);
    }
}

#[tokio::test]
async fn the_admin_listener_refuses_what_a_browser_says_a_web_page_sends() {
    let world = World::new().await;
    let url = world.authority.admin_url().unwrap();
    let http = Client::builder().no_proxy().build().unwrap();
    let catalogue = format!("bad-tokens?client_id={CLIENT}&resource={RESOURCE}");
    for (header, value, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "http://127.0.0.1", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
    ] {
        for path in [catalogue.as_str(), "journal", "health"] {
            let answer = send(http.get(url.join(path).unwrap()).header(header, value)).await;
            assert_eq!(answer.status.as_u16(), status, "{header}: {value}");
            assert!(status == 200 || answer.json().text("code") == "origin_refused");
        }
    }
}

#[tokio::test]
async fn the_admin_listener_says_what_is_wrong_with_a_request() {
    let world = World::new().await;
    for (body, text) in [
        (json!({ "client_id": CLIENT }), "missing field `resource`"),
        (json!({ "client_id": CLIENT, "resource": RESOURCE, "roles": [] }), "unknown field `roles`"),
        (json!({ "client_id": CLIENT, "resource": "api://x" }), "no such resource"),
        (json!({ "client_id": CLIENT, "resource": "x".repeat(70_000) }), "longer than"),
        (json!([[[]]]), "invalid"),
    ] {
        let answer = post(&world, "tokens", &body).await;
        let problem = answer.json();
        assert_eq!((answer.status.as_u16(), problem.text("code")), (400, "request_invalid"));
        assert!(problem.text("detail").contains(text), "{}", problem.text("detail"));
    }
}

#[tokio::test]
async fn no_listener_is_reachable_from_outside_unless_told() {
    let any = "0.0.0.0:0".parse().unwrap();
    let error = Authority::builder().listen(any).spawn().await.unwrap_err();
    assert!(error.to_string().contains("server.allow_non_loopback"), "{error}");
    let admin = Authority::builder().allow_non_loopback(true).admin_listen(Some(any));
    let error = admin.spawn().await.unwrap_err();
    assert!(
        error.to_string().starts_with("`admin.listen` (the settings or ADMIN__LISTEN): not a loopback"),
        "{error}"
    );
    let world =
        World::start_with(Authority::builder().listen(any).allow_non_loopback(true).admin_listen(None)).await;
    assert_eq!(world.authority.admin_url(), None);
    assert_eq!(world.get("common/discovery/keys").await.status, 200);
}
