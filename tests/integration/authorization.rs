//! What callers may do, by their roles and by the settings' further demands.

use entra_shared::secret::AccessToken;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use tests::World;
use tests::guarded_api::{GuardedApi, Place, location, outcome};
use tests::world::CLIENT;

const READ_ONLY_CLIENT: &str = "5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635";
const ANOTHER_OBJECT: &str = "99f268b3-61d1-4536-bfd5-85f426e2146f";
const ABSENT: &str = "/api/resources/01890a5d-ac96-774b-bcce-b302099a8057";

/// A token of the app `client` with both roles.
async fn token_of(world: &World, client: &str) -> AccessToken {
    world.token(json!({ "azp": client, "roles": ["Resource.Read", "Resource.Write"] })).await
}

async fn start(world: &World, settings: &str, variables: &[(&'static str, &str)]) -> GuardedApi {
    let place = Place::new(world, settings);
    variables.iter().fold(place, |place, (name, value)| place.with(name, value)).start().await
}

#[tokio::test]
async fn every_route_answers_every_kind_of_caller_as_its_policy_says() {
    let world = World::start().await;
    let api = start(&world, "", &[]).await;
    let (read, write) = ("Resource.Read", "Resource.Write");
    let user = json!({ "scp": "x", "sub": ANOTHER_OBJECT, "roles": [read, write] });
    let callers = [
        (json!({ "roles": null }), vec!["DefaultPolicy"], "role_missing"),
        (json!({ "roles": [read] }), vec!["DefaultPolicy", "ReadPolicy"], "role_missing"),
        (json!({ "roles": [write] }), vec!["DefaultPolicy", "WritePolicy"], "role_missing"),
        (json!({ "roles": [write, read, read] }), vec!["DefaultPolicy", "ReadPolicy", "WritePolicy"], ""),
        (user, vec![], "not_app_only"),
    ];
    for (claims, passes, code) in callers {
        let token = world.token(claims.clone()).await;
        for route in guarded_routes() {
            let policy = &route.policies[0];
            let path = route.path.replace("/api/resources/{id}", ABSENT);
            let request = api.request(route.method.clone(), &path, &token).header(header::IF_MATCH, "*");
            let response = request.json(&json!({ "name": "x", "content": 1 })).send().await.unwrap();
            let case = format!("{claims} {} {}", route.method, route.path);
            if passes.contains(&policy.policy) {
                // There is no such resource, which a caller who may look for it is told.
                let expected = match (&route.method, path.as_str()) {
                    (_, ABSENT) => StatusCode::NOT_FOUND,
                    (&Method::POST, _) => StatusCode::CREATED,
                    _ => StatusCode::OK,
                };
                assert_eq!(response.status(), expected, "{case}");
            } else {
                let expected =
                    policy.roles.first().map(|role| format!("scope=\"{role}\"")).unwrap_or_default();
                let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
                assert!(challenge.contains("error=\"insufficient_scope\""), "{case}: {challenge}");
                assert!(challenge.contains(&expected), "{case}: {challenge}");
                assert_eq!(outcome(response).await, (403, code.to_owned()), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_caller_without_the_role_is_not_asked_for_a_body() {
    let world = World::start().await;
    let api = start(&world, "", &[]).await;
    for (roles, status) in [(json!(["Resource.Read"]), 403), (json!(["Resource.Write"]), 100)] {
        let token = world.token(json!({ "roles": roles })).await;
        let authorization = token.authorization();
        let mut request = b"POST /api/resources HTTP/1.1\r\nhost: localhost\r\nauthorization: ".to_vec();
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(
            b"\r\ncontent-type: application/json\r\ncontent-length: 24\r\nexpect: 100-continue\r\n\r\n",
        );
        assert_eq!(api.connection().await.send(&request).await.status, status, "{roles}");
    }
}

#[tokio::test]
async fn a_role_counts_only_in_the_claim_and_form_that_entra_uses() {
    let world = World::start().await;
    let api = start(&world, "", &[]).await;
    let read = "Resource.Read";
    let many: Vec<String> = (0..200).map(|n| format!("Role.{n}")).chain([read.to_owned()]).collect();
    let cases = [
        ("empty", json!({ "roles": [] }), 403),
        ("two in one, spaced", json!({ "roles": ["Resource.Read Resource.Write"] }), 403),
        ("two in one, with a comma", json!({ "roles": ["Resource.Read,Resource.Write"] }), 403),
        ("lower case", json!({ "roles": ["resource.read"] }), 403),
        ("upper case", json!({ "roles": ["RESOURCE.READ"] }), 403),
        ("space before", json!({ "roles": [" Resource.Read"] }), 403),
        ("tab after", json!({ "roles": ["Resource.Read\t"] }), 403),
        ("no-break space", json!({ "roles": ["Resource.Read\u{a0}"] }), 403),
        ("zero-width space", json!({ "roles": ["Resource.Read\u{200b}"] }), 403),
        ("longer", json!({ "roles": ["Resource.Read.All", "XResource.Read", "Resource.ReadWrite"] }), 403),
        ("wildcards", json!({ "roles": ["Resource.*", "*"] }), 403),
        ("a number among them", json!({ "roles": [1, read] }), 401),
        ("nested", json!({ "roles": [[read]] }), 401),
        ("objects", json!({ "roles": [{ "value": read }] }), 401),
        ("an object", json!({ "roles": { "Resource.Read": true } }), 401),
        ("the last of many", json!({ "roles": many }), 200),
        ("a delegated permission", json!({ "roles": null, "scp": read }), 403),
        (
            "a user with the role",
            json!({ "scp": "x", "sub": ANOTHER_OBJECT, "idtyp": "user", "roles": [read] }),
            403,
        ),
        ("without idtyp", json!({ "idtyp": null, "roles": [read] }), 200),
        (
            "in other claims",
            json!({
                "roles": null, "role": read, "groups": [read], "wids": [read], "scope": read, "permissions": [read],
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": [read],
            }),
            403,
        ),
        ("a public client", json!({ "azpacr": "0", "roles": [read] }), 403),
        ("a client that does not say", json!({ "azpacr": null, "roles": [read] }), 403),
        ("a subject that is no principal", json!({ "sub": CLIENT, "roles": [read] }), 401),
        ("an actor inside", json!({ "roles": null, "act": { "roles": [read] }, "actor": "x.y.z" }), 403),
    ];
    for (case, claims, status) in cases {
        let token = world.token(claims).await;
        assert_eq!(api.read(&token).await.status().as_u16(), status, "{case}");
        // The decision about one request does not carry over to the next.
        assert_ne!(api.write(&token).await.status().as_u16(), 201, "{case}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_listed_is_told_apart_from_one_without_the_role() {
    let world = World::start().await;
    let listed = format!(
        "[[authorization.clients]]\nclient_id = \"{CLIENT}\"\nname = \"Demo\"\npolicies = [\"ReadPolicy\"]"
    );
    let api = start(&world, &listed, &[]).await;
    let listed = token_of(&world, CLIENT).await;
    assert_eq!(outcome(api.read(&listed).await).await, (200, String::new()));
    assert_eq!(outcome(api.write(&listed).await).await, (403, "client_not_allowed".into()));
    let unlisted = token_of(&world, READ_ONLY_CLIENT).await;
    assert_eq!(outcome(api.read(&unlisted).await).await, (403, "client_not_allowed".into()));
    let without = world.token(json!({ "azp": READ_ONLY_CLIENT, "roles": null })).await;
    assert_eq!(outcome(api.read(&without).await).await, (403, "role_missing".into()));
}

#[tokio::test]
async fn writing_can_be_left_to_apps_with_a_certificate() {
    let world = World::start().await;
    let api = start(&world, "", &[("AUTHORIZATION__WRITE_REQUIRES_CERTIFICATE", "true")]).await;
    let roles = ["Resource.Read", "Resource.Write"];
    for (class, may_write) in [("0", false), ("1", false), ("2", true), ("3", false)] {
        let token = world.token(json!({ "azpacr": class, "roles": roles })).await;
        let expected = if may_write { (201, String::new()) } else { (403, "credential_too_weak".into()) };
        assert_eq!(outcome(api.write(&token).await).await, expected, "{class}");
    }
    let secret = world.token(json!({ "azpacr": "1", "roles": roles })).await;
    assert_eq!(api.read(&secret).await.status(), StatusCode::OK);
}

/// Replaces, or else deletes, the resource at `path`.
async fn change(api: &GuardedApi, method: &Method, path: &str, of: (&AccessToken, &str)) -> Response {
    let (token, if_match) = of;
    let request = api.request(method.clone(), path, token).header(header::IF_MATCH, if_match);
    request.json(&json!({ "name": "changed", "content": 2 })).send().await.unwrap()
}

#[tokio::test]
async fn only_its_creator_changes_a_resource_if_the_settings_demand_that() {
    let world = World::start().await;
    let (creator, other) = (token_of(&world, CLIENT).await, token_of(&world, READ_ONLY_CLIENT).await);
    let writer = json!({ "azp": READ_ONLY_CLIENT, "roles": ["Resource.Write"] });
    let writer = world.token(writer).await;
    let api = start(&world, "", &[("AUTHORIZATION__ONLY_CREATOR_CHANGES", "true")]).await;
    let created = api.write(&creator).await;
    let path = location(&created);
    let etag = created.headers()[header::ETAG].to_str().unwrap().to_owned();
    for method in [Method::PUT, Method::DELETE] {
        // The resource is not theirs, whatever the version. An absent resource belongs to no one.
        for if_match in [etag.as_str(), "\"999\"", "*"] {
            for token in [&other, &writer] {
                let refused = outcome(change(&api, &method, &path, (token, if_match)).await).await;
                assert_eq!(refused, (403, "not_creator".into()), "{method} {if_match}");
            }
        }
        let absent = outcome(change(&api, &method, ABSENT, (&other, "*")).await).await;
        assert_eq!(absent, (404, "resource_not_found".into()), "{method}");
        let stale = outcome(change(&api, &method, &path, (&creator, "\"999\"")).await).await;
        assert_eq!(stale, (412, "precondition_failed".into()), "{method}");
    }
    let unchanged = api.request(Method::GET, &path, &other).send().await.unwrap();
    assert_eq!(unchanged.json::<Value>().await.unwrap()["name"], "x");
    assert_eq!(change(&api, &Method::PUT, &path, (&creator, &etag)).await.status(), StatusCode::OK);
    assert_eq!(change(&api, &Method::DELETE, &path, (&creator, "*")).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn any_writer_changes_a_resource_by_default() {
    let world = World::start().await;
    let api = start(&world, "", &[]).await;
    let (creator, other) = (token_of(&world, CLIENT).await, token_of(&world, READ_ONLY_CLIENT).await);
    let created = api.write(&creator).await;
    let path = location(&created);
    assert_eq!(change(&api, &Method::PUT, &path, (&other, "*")).await.status(), StatusCode::OK);
    assert_eq!(change(&api, &Method::DELETE, &path, (&other, "*")).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_only_reported_denies_nothing_and_is_counted() {
    let world = World::start().await;
    let listed = format!(
        "[[authorization.clients]]\nclient_id = \"{CLIENT}\"\nname = \"Demo\"\npolicies = [\"ReadPolicy\"]"
    );
    let variables = [
        ("AUTHORIZATION__ONLY_CREATOR_CHANGES", "true"),
        ("AUTHORIZATION__WRITE_REQUIRES_CERTIFICATE", "true"),
        ("AUTHORIZATION__REPORT_ONLY", "clients,only_creator_changes,write_requires_certificate"),
    ];
    let api = start(&world, &listed, &variables).await;
    let (creator, other) = (token_of(&world, CLIENT).await, token_of(&world, READ_ONLY_CLIENT).await);
    let created = api.write(&creator).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let path = location(&created);
    assert_eq!(change(&api, &Method::PUT, &path, (&other, "*")).await.status(), StatusCode::OK);
    assert_eq!(api.read(&other).await.status(), StatusCode::OK);
    // A role is never only reported.
    let without = world.token(json!({ "roles": null })).await;
    assert_eq!(api.read(&without).await.status(), StatusCode::FORBIDDEN);
    let metrics = api.metrics().await;
    for line in [
        r#"would_deny_total{reason="client_not_allowed",policy="ReadPolicy"} 1"#,
        r#"would_deny_total{reason="client_not_allowed",policy="WritePolicy"} 2"#,
        r#"would_deny_total{reason="credential_too_weak",policy="WritePolicy"} 2"#,
        r#"would_deny_total{reason="not_creator",policy="OwnerPolicy"} 1"#,
        r#"decisions_total{reason="granted",policy="WritePolicy"} 2"#,
        r#"decisions_total{reason="role_missing",policy="ReadPolicy"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

/// The routes of the resource-app that a policy guards.
fn guarded_routes() -> Vec<entra_guard::TableRow> {
    let settings =
        resource_app::Settings::load(None, entra_shared::settings::Environment::default()).unwrap();
    let table = resource_app::routes(&settings).unwrap();
    table.rows().iter().filter(|row| !row.policies.is_empty()).cloned().collect()
}
