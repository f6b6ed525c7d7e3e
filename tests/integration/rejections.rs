//! Tokens and headers that the resource-app must refuse, each with its status and challenge.

use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use tests::World;
use tests::world::{CLIENT, OTHER_RESOURCE, RESOURCE, TENANT, now};

const ANOTHER_TENANT: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
const ANOTHER_OBJECT: &str = "99f268b3-61d1-4536-bfd5-85f426e2146f";

/// Checks a refusal: it must not be cached, and has exactly one challenge. Returns status, challenge and problem code.
async fn refused(response: Response, case: &str) -> (StatusCode, String, String) {
    let status = response.status();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{case}");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store", "{case}");
    let challenges: Vec<_> = response.headers().get_all(header::WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges.len(), 1, "{case}");
    let challenge = challenges[0].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Bearer realm="), "{case}: {challenge}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16(), "{case}");
    (status, challenge, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_signed_token_with_one_wrong_claim_is_refused() {
    let world = World::start().await;
    let instance = world.system.authority().instance().to_string();
    let cases: Vec<(&str, Value)> = vec![
        ("issuer missing", json!({ "iss": null })),
        ("issuer of another tenant", json!({ "iss": format!("{instance}/{ANOTHER_TENANT}/v2.0") })),
        ("issuer with a slash more", json!({ "iss": format!("{instance}/{TENANT}/v2.0/") })),
        ("issuer of the other version", json!({ "iss": format!("{instance}/{TENANT}/") })),
        ("issuer is a list", json!({ "iss": [format!("{instance}/{TENANT}/v2.0")] })),
        ("audience missing", json!({ "aud": null })),
        ("audience of another API", json!({ "aud": OTHER_RESOURCE })),
        ("audience is a list", json!({ "aud": [RESOURCE] })),
        ("audience of the other version", json!({ "aud": format!("api://{RESOURCE}") })),
        ("audience in upper case", json!({ "aud": RESOURCE.to_uppercase() })),
        ("expiry missing", json!({ "exp": null })),
        ("expired", json!({ "iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 3600 })),
        ("expiry is a text", json!({ "exp": (now() + 3600).to_string() })),
        ("not before missing", json!({ "nbf": null })),
        ("not valid yet", json!({ "nbf": now() + 3600, "exp": now() + 7200 })),
        ("not before is a text", json!({ "nbf": now().to_string() })),
        ("tenant missing", json!({ "tid": null })),
        ("another tenant", json!({ "tid": ANOTHER_TENANT })),
        ("tenant is no GUID", json!({ "tid": "contoso.com" })),
        ("version missing", json!({ "ver": null })),
        ("version unheard of", json!({ "ver": "3.0" })),
        ("version is a number", json!({ "ver": 2 })),
        ("object missing", json!({ "oid": null })),
        ("subject missing", json!({ "sub": null })),
        ("client missing", json!({ "azp": null })),
        ("roles are a text", json!({ "roles": "Resource.Read" })),
        ("roles hold a number", json!({ "roles": [1, "Resource.Read"] })),
    ];
    for (case, claims) in cases {
        let token = world.token(claims).await;
        let (status, challenge, _) = refused(world.get("/api/resources", &token).await, case).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{case}");
        assert!(challenge.contains(r#"error="invalid_token""#), "{case}: {challenge}");
    }
}

#[tokio::test]
async fn a_good_token_without_the_role_is_forbidden() {
    let world = World::start().await;
    let cases: Vec<(&str, Value)> = vec![
        ("no roles", json!({ "roles": null })),
        ("empty roles", json!({ "roles": [] })),
        ("the other role", json!({ "roles": ["Resource.Write"] })),
        ("another case", json!({ "roles": ["resource.read"] })),
        ("a space", json!({ "roles": ["Resource.Read "] })),
        ("two in one", json!({ "roles": ["Resource.Read Resource.Write"] })),
        ("a longer one", json!({ "roles": ["Resource.ReadWrite", "Resource.*"] })),
        (
            "in another claim",
            json!({ "roles": null, "groups": ["Resource.Read"], "wids": ["Resource.Read"] }),
        ),
        ("a delegated permission", json!({ "roles": null, "scp": "Resource.Read" })),
        ("a user with the role", json!({ "scp": "x", "sub": ANOTHER_OBJECT, "roles": ["Resource.Read"] })),
    ];
    for (case, claims) in cases {
        let token = world.token(claims).await;
        let (status, challenge, _) = refused(world.get("/api/resources", &token).await, case).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{case}");
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{case}: {challenge}");
    }
    let reader = world.token(json!({ "roles": ["Resource.Read"] })).await;
    assert_eq!(world.get("/api/resources", &reader).await.status(), StatusCode::OK);
    let (status, challenge, _) =
        refused(world.post(&reader, &json!({ "name": "x", "content": 1 })).await, "write").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(challenge.contains(r#"scope="Resource.Write""#), "{challenge}");
}

#[tokio::test]
async fn a_header_that_is_no_bearer_token_is_refused() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let token = token.expose();
    let (head, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let cases = [
        ("no credential", String::new(), 401, ""),
        ("another scheme", "Basic dTpw".into(), 401, ""),
        ("no space", format!("Bearer{token}"), 401, ""),
        ("no token", "Bearer".into(), 400, "invalid_request"),
        ("two tokens", format!("Bearer {token} {token}"), 400, "invalid_request"),
        ("a quote", format!("Bearer \"{token}\""), 400, "invalid_request"),
        ("a word", "Bearer undefined".into(), 401, "invalid_token"),
        ("two parts", format!("Bearer {head}.{payload}"), 401, "invalid_token"),
        ("four parts", format!("Bearer {token}.x"), 401, "invalid_token"),
        ("padding", format!("Bearer {token}="), 401, "invalid_token"),
        ("empty signature", format!("Bearer {head}.{payload}."), 401, "invalid_token"),
        ("alg none", format!("Bearer {none}.{payload}."), 401, "invalid_token"),
        ("alg none with a signature", format!("Bearer {none}.{payload}.{signature}"), 401, "invalid_token"),
        ("payload of nothing", format!("Bearer {head}.e30.{signature}"), 401, "invalid_token"),
        (
            "changed signature",
            format!("Bearer {head}.{payload}.{}", signature.chars().rev().collect::<String>()),
            401,
            "invalid_token",
        ),
    ];
    for (case, value, status, error) in cases {
        let request = world.request(Method::GET, "/api/resources");
        let request = if value.is_empty() { request } else { request.header(header::AUTHORIZATION, value) };
        let (answered, challenge, _) = refused(request.send().await.unwrap(), case).await;
        assert_eq!(answered.as_u16(), status, "{case}");
        if error.is_empty() {
            assert!(!challenge.contains("error"), "{case}: {challenge}");
        } else {
            assert!(challenge.contains(&format!("error=\"{error}\"")), "{case}: {challenge}");
        }
    }
    for value in [format!("bearer {token}"), format!("BEARER {token}")] {
        let request = world.request(Method::GET, "/api/resources").header(header::AUTHORIZATION, value);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_token_outside_the_header_is_ignored() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let query = format!("/api/resources?access_token={}", token.expose());
    let (status, ..) = refused(world.request(Method::GET, &query).send().await.unwrap(), "query").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let form = world.request(Method::POST, "/api/resources").form(&[("access_token", token.expose())]);
    let (status, ..) = refused(form.send().await.unwrap(), "form").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let twice = world
        .request(Method::GET, "/api/resources")
        .header(header::AUTHORIZATION, token.authorization())
        .header(header::AUTHORIZATION, token.authorization());
    let (status, ..) = refused(twice.send().await.unwrap(), "two headers").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refusal_reveals_nothing_about_the_token() {
    let world = World::start().await;
    let canary = "canary-4711";
    let token = world.token(json!({ "aud": canary, "azp_name": canary, "roles": [canary] })).await;
    let response = world.get("/api/resources", &token).await;
    let headers = format!("{:?}", response.headers());
    let seen = format!("{headers} {}", response.text().await.unwrap());
    assert!(!seen.contains(canary) && !seen.contains(token.expose()) && !seen.contains(CLIENT), "{seen}");
}
