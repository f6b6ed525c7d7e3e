//! What a test registers in a tenant of its own beyond a client with a secret and a role.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::azure_ad::Version;
use entra_stand_in::{Application, Client, RegistrationError, Tenant};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::federation::{AUDIENCE, Issuer, SUBJECT};
use crate::members::Members;
use crate::signer::{Signer, signer};
use crate::tenants::fresh;
use crate::world::{World, form, part, v1, v2};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the token endpoint answers to these fields: the claims of a token, or the AADSTS code.
async fn ask(world: &World, path: &str, fields: &[(&str, &str)]) -> Result<Members, i64> {
    let answer = world.post(path, fields).await;
    let body = answer.json();
    if answer.status.is_success() {
        return Ok(part(body.text("access_token"), 1));
    }
    Err(body.get("error_codes")[0].as_i64().unwrap())
}

async fn with_secret(
    world: &World,
    of: &(Tenant, Application, Client),
    secret: &str,
) -> Result<Members, i64> {
    let (tenant, api, client) = of;
    let (id, scope) = (client.client_id().to_string(), format!("{}/.default", api.app_id_uri()));
    ask(world, &v2(&tenant.id().to_string()), &form(&id, secret, &scope)).await
}

async fn with_assertion(
    world: &World,
    of: &(Tenant, Application, Client),
    jwt: &str,
) -> Result<Members, i64> {
    let (tenant, api, client) = of;
    let (id, scope) = (client.client_id().to_string(), format!("{}/.default", api.app_id_uri()));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", id.as_str()),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", jwt),
        ("scope", &scope),
    ];
    ask(world, &v2(&tenant.id().to_string()), &fields).await
}

fn roles(claims: &Members) -> &Value {
    claims.get("roles")
}

#[tokio::test]
async fn a_further_secret_counts_within_its_time_alone() {
    let world = World::new().await;
    let of = fresh(&world).await;
    let (tenant, _, client) = &of;
    let now = tenant.clock().now();
    let hour = Duration::from_hours(1);
    let next = client.add_secret(now - hour, now + hour).unwrap();
    let expired = client.add_secret(now - 2 * hour, now - hour).unwrap();
    let future = client.add_secret(now + hour, now + 24 * hour).unwrap();
    assert!(with_secret(&world, &of, client.secret().expose()).await.is_ok());
    assert!(with_secret(&world, &of, next.expose()).await.is_ok());
    assert_eq!(with_secret(&world, &of, expired.expose()).await.err(), Some(7_000_222));
    assert_eq!(with_secret(&world, &of, future.expose()).await.err(), Some(7_000_222));
    tenant.clock().advance(2 * hour);
    assert_eq!(with_secret(&world, &of, next.expose()).await.err(), Some(7_000_222));
    assert!(with_secret(&world, &of, future.expose()).await.is_ok());
}

#[tokio::test]
async fn a_secret_that_was_removed_and_one_that_has_not_spread_are_wrong() {
    let world = World::new().await;
    let of = fresh(&world).await;
    let (tenant, _, client) = &of;
    let slow = client.add_secret_known_after(Duration::from_secs(30)).unwrap();
    assert_eq!(with_secret(&world, &of, slow.expose()).await.err(), Some(7_000_215));
    tenant.clock().advance(Duration::from_secs(31));
    assert!(with_secret(&world, &of, slow.expose()).await.is_ok());
    client.remove_secret(client.secret()).unwrap();
    assert_eq!(with_secret(&world, &of, client.secret().expose()).await.err(), Some(7_000_215));
    assert!(with_secret(&world, &of, slow.expose()).await.is_ok());
    assert_eq!(client.remove_secret(client.secret()), Err(RegistrationError::UnknownCredential));
}

#[tokio::test]
async fn tokens_last_as_long_as_their_api_says_and_long_ones_are_renewed_in_time() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let (id, scope) = (client.client_id().to_string(), format!("{}/.default", api.app_id_uri()));
    let form = form(&id, client.secret().expose(), &scope);
    let mut api = api;
    for (minutes, refresh_in) in [(10, None), (120, None), (121, Some(3629)), (24 * 60, Some(43_199))] {
        api = api.token_lifetime(Duration::from_mins(minutes)).unwrap();
        let answer = world.post(&v2(&tenant.id().to_string()), &form).await.json();
        assert_eq!(answer.number("expires_in"), i64::try_from(minutes).unwrap() * 60 - 1);
        let found = answer.names().contains(&"refresh_in").then(|| answer.number("refresh_in"));
        assert_eq!(found, refresh_in);
        let claims = part(answer.text("access_token"), 1);
        assert_eq!(claims.number("exp") - claims.number("iat"), i64::try_from(minutes).unwrap() * 60 + 300);
    }
    for time in [Duration::from_mins(9), Duration::from_hours(25), Duration::MAX] {
        let refused = api.clone().token_lifetime(time).unwrap_err();
        assert_eq!(refused, RegistrationError::InvalidLifetime);
    }
}

#[tokio::test]
async fn tokens_last_for_random_times_of_a_range_where_their_api_says_one() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let (id, scope) = (client.client_id().to_string(), format!("{}/.default", api.app_id_uri()));
    let form = form(&id, client.secret().expose(), &scope);
    let minutes = |from, to| Duration::from_mins(from)..=Duration::from_mins(to);
    let api = api.token_lifetime_between(minutes(60, 90)).unwrap();
    let mut lives = Vec::new();
    for _ in 0..60 {
        let answer = world.post(&v2(&tenant.id().to_string()), &form).await.json();
        let claims = part(answer.text("access_token"), 1);
        let life = claims.number("exp") - claims.number("iat") - 300;
        assert_eq!(answer.number("expires_in"), life - 1);
        assert!((3600..=5400).contains(&life) && !answer.names().contains(&"refresh_in"), "{life}");
        lives.push(life);
    }
    // Of 60 evenly distributed times, the mean is within 460 s of the middle, one is below 4200, one is above 4800, and 40
    // differ, but once in ten thousand million times.
    let mean = lives.iter().sum::<i64>() / 60;
    assert!((4040..=4960).contains(&mean), "{mean}: {lives:?}");
    lives.sort_unstable();
    assert!(lives[0] < 4200 && lives[59] > 4800, "{lives:?}");
    lives.dedup();
    assert!(lives.len() > 40, "{lives:?}");
    let api = api.token_lifetime_between(minutes(121, 180)).unwrap();
    let long = world.post(&v2(&tenant.id().to_string()), &form).await.json();
    assert_eq!(long.number("refresh_in"), long.number("expires_in") / 2);
    for wrong in [minutes(90, 60), minutes(9, 60), minutes(60, 24 * 60 + 1)] {
        let refused = api.clone().token_lifetime_between(wrong).unwrap_err();
        assert_eq!(refused, RegistrationError::InvalidLifetime);
    }
}

#[tokio::test]
async fn a_client_proves_itself_with_a_certificate_that_a_test_registered() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let (signer, other) = (signer(0), signer(1));
    let of = (tenant, api, client.with_certificate(signer.der()).unwrap());
    let now = Timestamp::now();
    let proven = with_assertion(&world, &of, &assertion(&of, signer, now)).await;
    assert_eq!(proven.unwrap().text("azpacr"), "2");
    let unknown = with_assertion(&world, &of, &assertion(&of, other, now)).await;
    assert_eq!(unknown.err(), Some(700_027));
    of.2.remove_certificate(signer.der()).unwrap();
    let revoked = with_assertion(&world, &of, &assertion(&of, signer, now)).await;
    assert_eq!(revoked.err(), Some(700_027));
    assert_eq!(of.2.remove_certificate(signer.der()), Err(RegistrationError::UnknownCredential));
    let error = of.2.with_certificate(b"canary").unwrap_err();
    assert_eq!(error, RegistrationError::InvalidCertificate);
}

/// An assertion of this client, signed at this time with the signer's certificate.
fn assertion(of: &(Tenant, Application, Client), signer: &Signer, now: Timestamp) -> String {
    let (tenant, _, client) = of;
    let (id, now) = (client.client_id().to_string(), now.as_second());
    let claims = json!({
        "aud": tenant.authority().token_endpoint(Version::V2), "iss": id, "sub": id, "jti": "one",
        "nbf": now, "iat": now, "exp": now + 600,
    });
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(signer.sha256());
    signer.sign(&json!({ "alg": "PS256", "x5t#S256": thumbprint }), &claims)
}

#[tokio::test]
async fn a_certificate_authenticates_only_the_app_that_has_it() {
    let world = World::new().await;
    let (tenant, api, one) = fresh(&world).await;
    let one = one.with_certificate(signer(0).der()).unwrap();
    let other = tenant.client("other").unwrap().with_certificate(signer(1).der()).unwrap();
    let now = Timestamp::now();
    let [one, other] = [one, other].map(|client| (tenant.clone(), api.clone(), client));
    assert!(with_assertion(&world, &other, &assertion(&other, signer(1), now)).await.is_ok());
    let with_the_others = with_assertion(&world, &one, &assertion(&one, signer(1), now)).await;
    assert_eq!(with_the_others.err(), Some(700_027));
    // One app's assertion with another one's `client_id`.
    let of_the_other = with_assertion(&world, &one, &assertion(&other, signer(1), now)).await;
    assert_eq!(of_the_other.err(), Some(700_021));
}

#[tokio::test]
async fn an_assertion_is_judged_by_the_clock_of_its_tenant() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let of = (tenant, api, client.with_certificate(signer(0).der()).unwrap());
    let before = assertion(&of, signer(0), Timestamp::now());
    assert!(with_assertion(&world, &of, &before).await.is_ok());
    of.0.clock().advance(Duration::from_hours(1));
    assert_eq!(with_assertion(&world, &of, &before).await.err(), Some(700_024));
    let after = assertion(&of, signer(0), of.0.clock().now());
    let claims = with_assertion(&world, &of, &after).await.unwrap();
    assert!(claims.number("exp") > Timestamp::now().as_second() + 7000, "{claims:?}");
    of.0.clock().reset();
    assert_eq!(with_assertion(&world, &of, &after).await.err(), Some(700_024));
}

#[tokio::test]
async fn a_client_proves_itself_with_a_token_of_an_issuer_that_a_test_registered() {
    let (world, issuer) = (World::new().await, Issuer::start().await);
    let (tenant, api, client) = fresh(&world).await;
    let client = client.with_federated(&issuer.url, SUBJECT, AUDIENCE).unwrap();
    let of = (tenant, api, client);
    let header = json!({ "alg": "RS256", "kid": "first" });
    let mut claims = issuer.claims();
    let proven = with_assertion(&world, &of, &signer(0).sign(&header, &claims)).await;
    assert_eq!(roles(&proven.unwrap()), &json!(["Orders.Read"]));
    claims["sub"] = "system:serviceaccount:demo:Other".into();
    let other = with_assertion(&world, &of, &signer(0).sign(&header, &claims)).await;
    assert_eq!(other.err(), Some(700_213));
    let again = of.2.clone().with_federated(&issuer.url, SUBJECT, "api://other").unwrap_err();
    assert!(again.to_string().contains("same issuer and subject"), "{again}");
    of.2.remove_federated(&issuer.url, SUBJECT).unwrap();
    let removed = with_assertion(&world, &of, &signer(0).sign(&header, &issuer.claims())).await;
    assert_eq!(removed.err(), Some(70_021));
    let twice = of.2.remove_federated(&issuer.url, SUBJECT);
    assert_eq!(twice, Err(RegistrationError::UnknownCredential));
    for (issuer, subject) in [("http://issuer.example", SUBJECT), ("https://issuer.example", "")] {
        let error = of.2.clone().with_federated(issuer, subject, AUDIENCE).unwrap_err();
        assert!(matches!(error, RegistrationError::InvalidFederated(_)), "{error}");
    }
}

#[tokio::test]
async fn a_public_client_has_no_token_whatever_it_presents() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let of = (tenant, api, client.public().unwrap());
    assert_eq!(with_secret(&world, &of, of.2.secret().expose()).await.err(), Some(700_025));
}

#[tokio::test]
async fn a_role_that_is_asked_for_is_not_in_tokens_until_it_is_granted() {
    let world = World::new().await;
    let (tenant, api, _) = fresh(&world).await;
    let client = tenant.client("other").unwrap().request(&api, "Orders.Read").unwrap();
    let names = part(client.token(&api).await.unwrap().expose(), 1);
    assert!(!names.names().contains(&"roles"));
    let client = client.grant(&api, "Orders.Read").unwrap();
    assert_eq!(roles(&part(client.token(&api).await.unwrap().expose(), 1)), &json!(["Orders.Read"]));
    assert!(matches!(client.request(&api, "Orders.Write"), Err(RegistrationError::UnknownRole(_))));
}

#[tokio::test]
async fn an_api_that_is_switched_off_has_no_tokens() {
    let world = World::new().await;
    let (_, api, client) = fresh(&world).await;
    api.set_enabled(false).unwrap();
    let refused = client.token(&api).await.unwrap_err().to_string();
    assert!(refused.contains("AADSTS500014"), "{refused}");
    api.set_enabled(true).unwrap();
    assert!(client.token(&api).await.is_ok());
}

#[tokio::test]
async fn a_role_that_is_disabled_stays_with_whom_it_was_granted_to() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    api.disable_role("Orders.Read").unwrap();
    assert_eq!(roles(&part(client.token(&api).await.unwrap().expose(), 1)), &json!(["Orders.Read"]));
    let client = client.grant(&api, "Orders.Read").unwrap();
    let refused = tenant.client("other").unwrap().grant(&api, "Orders.Read").unwrap_err();
    assert!(matches!(refused, RegistrationError::DisabledRole(_)), "{refused}");
    client.revoke(&api, "Orders.Read").unwrap();
    assert!(client.grant(&api, "Orders.Read").is_err());
    assert!(matches!(api.disable_role("Orders.Write"), Err(RegistrationError::UnknownRole(_))));
}

#[tokio::test]
async fn an_api_has_further_names_and_its_id_as_the_audience_of_v1_tokens() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let api = api.identifier_uri("api://orders").unwrap().token_version(Version::V1).unwrap();
    let id = client.client_id().to_string();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", id.as_str()),
        ("client_secret", client.secret().expose()),
        ("resource", "api://orders"),
    ];
    let path = v1(&tenant.id().to_string());
    assert_eq!(ask(&world, &path, &fields).await.unwrap().text("aud"), "api://orders");
    let api = api.use_guid().unwrap().identifier_uri("api://orders").unwrap();
    let as_guid = ask(&world, &path, &fields).await.unwrap();
    assert_eq!(as_guid.text("aud"), api.client_id().to_string());
    let other = tenant.application("other").unwrap();
    let taken = other.clone().identifier_uri("api://orders").unwrap_err();
    assert!(matches!(taken, RegistrationError::TakenUri(_)), "{taken}");
    assert!(matches!(other.identifier_uri("orders"), Err(RegistrationError::InvalidUri(_))));
}
