//! The apps that another process registers over the admin listener, and their credentials.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::admin_tenants::{post, value};
use crate::federation::{AUDIENCE, Issuer, SUBJECT};
use crate::signer::signer;
use crate::world::{Answer, World, form, part, v1, v2};

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The path of a new tenant on the admin listener.
async fn tenant(world: &World) -> String {
    format!("tenants/{}", text(&value(&post(world, "tenants", json!({})).await)["id"]))
}

async fn create(world: &World, path: &str, body: Value) -> Value {
    let answer = post(world, path, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    value(&answer)
}

async fn ask(world: &World, tenant: &str, fields: &[(&str, &str)]) -> Answer {
    world.post(&v2(tenant.strip_prefix("tenants/").unwrap()), fields).await
}

/// What the token endpoint answers to a secret: the AADSTS code, or 0 for a token.
async fn code(world: &World, tenant: &str, client: &Value, secret: &Value) -> i64 {
    let (id, secret) = (text(&client["client_id"]), text(secret));
    aadsts(&ask(world, tenant, &form(&id, &secret, &format!("{id}/.default"))).await)
}

/// What it answers to an assertion, in the same way.
async fn code_of_assertion(world: &World, tenant: &str, id: &str, assertion: &str) -> i64 {
    let scope = format!("{id}/.default");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", &scope),
    ];
    aadsts(&ask(world, tenant, &fields).await)
}

/// The AADSTS code of an answer, or 0 of a token.
fn aadsts(answer: &Answer) -> i64 {
    if answer.status.is_success() { 0 } else { answer.json().get("error_codes")[0].as_i64().unwrap() }
}

/// An assertion that a client signs with the certificate of the first signer.
fn certificates_assertion(world: &World, tenant: &str, id: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    let aud = format!("{}/{}/oauth2/v2.0/token", world.base, tenant.strip_prefix("tenants/").unwrap());
    let claims = json!({ "aud": aud, "iss": id, "sub": id, "jti": "1", "nbf": now, "exp": now + 600 });
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(signer(0).sha256());
    signer(0).sign(&json!({ "alg": "PS256", "x5t#S256": thumbprint }), &claims)
}

/// A token with which an issuer says who a client is.
fn issuers_token(issuer: &Issuer) -> String {
    signer(0).sign(&json!({ "alg": "RS256", "kid": "first" }), &issuer.claims())
}

#[tokio::test]
async fn another_process_registers_an_api_with_all_that_its_tokens_depend_on() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let api = json!({
        "name": "orders", "roles": ["Orders.Read"], "identifier_uris": ["api://orders", "api://orders-2"],
        "token_version": "1.0", "token_lifetime_seconds": 10_000, "idtyp": true, "use_guid": true,
    });
    let api = create(&world, &format!("{tenant}/applications"), api).await;
    let client = create(&world, &format!("{tenant}/clients"), json!({ "name": "caller" })).await;
    let (id, secret) = (text(&client["client_id"]), text(&client["client_secret"]));
    for uri in ["api://orders", "api://orders-2"] {
        let answer = ask(&world, &tenant, &form(&id, &secret, &format!("{uri}/.default"))).await.json();
        assert_eq!((answer.number("expires_in"), answer.number("refresh_in")), (9999, 4999));
        assert_eq!(answer.names()[..4], ["token_type", "expires_in", "ext_expires_in", "refresh_in"]);
        let claims = part(answer.text("access_token"), 1);
        assert_eq!((claims.text("aud"), claims.text("ver")), (api["client_id"].as_str().unwrap(), "1.0"));
        assert_eq!(claims.text("idtyp"), "app");
        assert_eq!(claims.number("exp") - claims.number("iat"), 10_300);
    }
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", id.as_str()),
        ("client_secret", secret.as_str()),
        ("resource", "api://orders"),
    ];
    let v1 = world.post(&v1(tenant.strip_prefix("tenants/").unwrap()), &fields).await.json();
    assert_eq!((v1.text("expires_in"), v1.text("refresh_in")), ("9999", "4999"));
    let between = json!({ "name": "x", "token_lifetime_seconds": [4000, 4000] });
    let between = create(&world, &format!("{tenant}/applications"), between).await;
    let scope = format!("{}/.default", text(&between["app_id_uri"]));
    let lives = ask(&world, &tenant, &form(&id, &secret, &scope)).await.json().number("expires_in");
    assert_eq!(lives, 3999);
    for seconds in [json!(599), json!(86_401), json!([5400, 3600]), json!([599, 3600])] {
        let wrong = json!({ "name": "x", "token_lifetime_seconds": seconds });
        let refused = post(&world, &format!("{tenant}/applications"), wrong).await;
        assert!(refused.json().text("detail").contains("10 minutes"), "{refused:?}");
    }
}

#[tokio::test]
async fn another_process_changes_an_api_whose_next_tokens_show_it() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let api = create(&world, &format!("{tenant}/applications"), json!({ "name": "orders" })).await;
    let client = create(&world, &format!("{tenant}/clients"), json!({ "name": "caller" })).await;
    let (id, secret) = (text(&client["client_id"]), text(&client["client_secret"]));
    let token = async |uri: &str| ask(&world, &tenant, &form(&id, &secret, &format!("{uri}/.default"))).await;
    let change = async |mut changes: Value| {
        changes["client_id"] = api["client_id"].clone();
        post(&world, &format!("{tenant}/applications/change"), changes).await
    };
    let uri = text(&api["app_id_uri"]);
    let before = part(token(&uri).await.json().text("access_token"), 1);
    assert_eq!((before.text("ver"), before.names().contains(&"roles")), ("2.0", false));

    let changes = json!({
        "roles": ["Orders.Read"], "identifier_uris": ["api://orders"], "token_version": "1.0", "idtyp": true,
        "token_lifetime_seconds": 10_000,
    });
    assert_eq!(change(changes).await.status, 204);
    let role =
        json!({ "client_id": client["client_id"], "resource": api["client_id"], "role": "Orders.Read" });
    assert_eq!(post(&world, &format!("{tenant}/grants"), role.clone()).await.status, 204);
    let answer = token("api://orders").await.json();
    let after = part(answer.text("access_token"), 1);
    assert_eq!((after.text("ver"), after.text("aud"), after.text("idtyp")), ("1.0", "api://orders", "app"));
    assert_eq!((after.get("roles"), answer.number("expires_in")), (&json!(["Orders.Read"]), 9999));

    let range = json!({ "token_lifetime_seconds": [4000, 4000] });
    assert_eq!(change(range).await.status, 204);
    assert_eq!(token("api://orders").await.json().number("expires_in"), 3999);

    // What is not named stays, and what cannot be done as a whole is not done in part.
    assert_eq!(change(json!({ "assignment_required": true, "idtyp": false })).await.status, 204);
    let refused = change(json!({ "token_version": "2.0", "identifier_uris": ["no uri"] })).await;
    assert_eq!(refused.status, 400);
    let after = part(token("api://orders").await.json().text("access_token"), 1);
    assert_eq!((after.text("ver"), after.names().contains(&"idtyp")), ("1.0", false));
    assert_eq!(post(&world, &format!("{tenant}/grants/revoke"), role).await.status, 204);
    assert_eq!(aadsts(&token("api://orders").await), 501_051);
    assert_eq!(change(json!({ "name": "other" })).await.status, 400);
}

#[tokio::test]
async fn an_app_is_registered_whole_or_not_at_all() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let applications = format!("{tenant}/applications");
    create(&world, &applications, json!({ "name": "first", "identifier_uris": ["api://taken"] })).await;
    for (index, wrong) in [
        json!({ "name": "x", "roles": ["Orders.Read", "not a role"] }),
        json!({ "name": "x", "identifier_uris": ["no uri"] }),
        json!({ "name": "x", "identifier_uris": ["api://taken"] }),
        json!({ "name": "x", "token_lifetime_seconds": 1 }),
    ]
    .into_iter()
    .enumerate()
    {
        let uri = format!("api://orders-{index}");
        let mut uris = vec![json!(uri)];
        uris.extend(wrong["identifier_uris"].as_array().cloned().unwrap_or_default());
        let mut whole = wrong.clone();
        whole["identifier_uris"] = uris.into();
        let refused = post(&world, &applications, whole).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        // No app has the name of the refused app.
        create(&world, &applications, json!({ "name": "y", "identifier_uris": [uri] })).await;
    }
}

#[tokio::test]
async fn another_process_registers_clients_with_every_kind_of_credential() {
    let (world, issuer) = (World::new().await, Issuer::start().await);
    let tenant = tenant(&world).await;
    let clients = format!("{tenant}/clients");
    let new = json!({
        "name": "caller",
        "certificates": [BASE64_STANDARD.encode(signer(0).der())],
        "federated": [{ "issuer": issuer.url, "subject": SUBJECT, "audience": AUDIENCE }],
        "secrets": [{ "end": "2020-01-01T00:00:00Z" }, { "known_after_seconds": 60 }, {}],
    });
    let client = create(&world, &clients, new).await;
    let secret = |index: usize| &client["secrets"][index]["client_secret"];
    assert_eq!(code(&world, &tenant, &client, &client["client_secret"]).await, 0);
    assert_eq!(code(&world, &tenant, &client, secret(0)).await, 7_000_222);
    assert_eq!(code(&world, &tenant, &client, secret(1)).await, 7_000_215);
    assert_eq!(code(&world, &tenant, &client, secret(2)).await, 0);

    let id = text(&client["client_id"]);
    for assertion in [certificates_assertion(&world, &tenant, &id), issuers_token(&issuer)] {
        assert_eq!(code_of_assertion(&world, &tenant, &id, &assertion).await, 0);
    }
    let ahead = json!({ "tenant": tenant.strip_prefix("tenants/"), "advance_seconds": 61 });
    assert_eq!(post(&world, "clock", ahead).await.status, 200);
    assert_eq!(code(&world, &tenant, &client, secret(1)).await, 0);

    let public = create(&world, &clients, json!({ "name": "device", "public": true })).await;
    assert_eq!(code(&world, &tenant, &public, &public["client_secret"]).await, 700_025);
    for wrong in [
        json!({ "name": "x", "certificates": ["canary"] }),
        json!({ "name": "x", "federated": [{ "issuer": "http://a.example", "subject": "a", "audience": "b" }] }),
        json!({ "name": "x", "secrets": [{ "from": 1 }] }),
    ] {
        assert_eq!(post(&world, &clients, wrong).await.status, 400);
    }
}

#[tokio::test]
async fn another_process_rotates_credentials_of_every_kind() {
    let (world, issuer) = (World::new().await, Issuer::start().await);
    let tenant = tenant(&world).await;
    let client = create(&world, &format!("{tenant}/clients"), json!({ "name": "caller" })).await;
    let id = &client["client_id"];
    let new = create(&world, &format!("{tenant}/secrets"), json!({ "client_id": id })).await;
    let old = json!({ "client_id": id, "key_id": client["key_id"] });
    let remove = format!("{tenant}/secrets/remove");
    assert_eq!(post(&world, &remove, old.clone()).await.status, 204);
    assert_eq!(post(&world, &remove, old).await.status, 400);
    assert_eq!(code(&world, &tenant, &client, &client["client_secret"]).await, 7_000_215);
    assert_eq!(code(&world, &tenant, &client, &new["client_secret"]).await, 0);

    let der = BASE64_STANDARD.encode(signer(0).der());
    let certificate = json!({ "client_id": id, "certificate": der });
    let lines: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = |end: &str| {
        format!(
            "Bag Attributes{end}-----BEGIN CERTIFICATE-----{end}{}{end}-----END CERTIFICATE-----{end}",
            lines.join(end)
        )
    };
    for text in [pem("\n"), pem("\r\n"), lines.join("\n")] {
        let certificate = json!({ "client_id": id, "certificate": text });
        for path in ["certificates", "certificates/remove"] {
            assert_eq!(post(&world, &format!("{tenant}/{path}"), certificate.clone()).await.status, 204);
        }
        create(&world, &format!("{tenant}/clients"), json!({ "name": "x", "certificates": [text] })).await;
    }
    let broken = json!({ "client_id": id, "certificate": "-----BEGIN CERTIFICATE-----" });
    assert_eq!(post(&world, &format!("{tenant}/certificates"), broken).await.status, 400);
    let certificates = [
        ("certificates", &certificate, 204, 0),
        ("certificates/remove", &certificate, 204, 700_027),
        ("certificates/remove", &certificate, 400, 700_027),
    ];
    let new = json!({ "client_id": id, "issuer": issuer.url, "subject": SUBJECT, "audience": AUDIENCE });
    let old = json!({ "client_id": id, "issuer": issuer.url, "subject": SUBJECT });
    let other = json!({ "client_id": id, "issuer": issuer.url, "subject": "other" });
    let federated = [
        ("federated", &new, 204, 0),
        ("federated", &new, 400, 0),
        ("federated/remove", &other, 400, 0),
        ("federated/remove", &old, 204, 70_021),
        ("federated/remove", &old, 400, 70_021),
    ];
    let id = text(id);
    let of_certificate = certificates_assertion(&world, &tenant, &id);
    let of_issuer = issuers_token(&issuer);
    for (steps, assertion) in [(&certificates[..], &of_certificate), (&federated[..], &of_issuer)] {
        for (route, body, status, code) in steps {
            let answer = post(&world, &format!("{tenant}/{route}"), (*body).clone()).await;
            assert_eq!(answer.status, *status, "{route}: {answer:?}");
            assert_eq!(code_of_assertion(&world, &tenant, &id, assertion).await, *code, "{route}");
        }
    }
}

#[tokio::test]
async fn another_process_asks_for_roles_and_disables_them() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let api = json!({ "name": "orders", "roles": ["Orders.Read"] });
    let api = create(&world, &format!("{tenant}/applications"), api).await;
    let client = create(&world, &format!("{tenant}/clients"), json!({ "name": "caller" })).await;
    let role = json!({
        "client_id": client["client_id"], "resource": api["client_id"], "role": "Orders.Read",
    });
    assert_eq!(post(&world, &format!("{tenant}/requests"), role.clone()).await.status, 204);
    let (id, secret) = (text(&client["client_id"]), text(&client["client_secret"]));
    let scope = format!("{}/.default", text(&api["client_id"]));
    let answer = ask(&world, &tenant, &form(&id, &secret, &scope)).await;
    assert!(!part(answer.json().text("access_token"), 1).names().contains(&"roles"));
    let entries = world.authority.journal().entries();
    assert!(entries.last().unwrap().reason.contains("not consented to: Orders.Read"), "{entries}");

    let disable = json!({ "client_id": api["client_id"], "role": "Orders.Read" });
    assert_eq!(post(&world, &format!("{tenant}/roles/disable"), disable).await.status, 204);
    let refused = post(&world, &format!("{tenant}/grants"), role).await;
    assert!(refused.json().text("detail").contains("disabled"), "{refused:?}");
}
