//! Tokens and token responses, against captured ones.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::members::Members;
use crate::world::{
    Answer, CLIENT, OTHER, READ_ONLY, READ_ONLY_SECRET, RESOURCE, SECRET, TENANT, UNGRANTED,
    UNGRANTED_SECRET, World, form, part, send, v1, v2,
};

/// The object id of `DemoClientApp`'s service principal.
const OBJECT_ID: &str = "e5081c9f-a7b3-4d26-93fe-60d2b4c8a715";

fn is_never_stored(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("expires"), "-1");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("strict-transport-security"), "");
    assert_eq!(answer.header("x-xss-protection"), "0");
    assert_eq!(answer.header("p3p"), r#"CP="DSP CUR OTPi IND OTRi ONL FIN""#);
    assert!(answer.header("x-ms-ests-server").ends_with(" ProdSlices"), "{answer:?}");
    assert_eq!(answer.header("x-ms-request-id").len(), 36);
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// What claims of either version have in common.
fn check_claims(claims: &Members, version: &str, issuer: &str) {
    assert_eq!((claims.text("iss"), claims.text("ver"), claims.text("tid")), (issuer, version, TENANT));
    assert_eq!(claims.number("iat"), claims.number("nbf"));
    assert_eq!(claims.number("exp") - claims.number("iat"), 3900);
    assert!((now() - 300 - claims.number("iat")).abs() <= 5, "not back-dated by 300 s");
    assert_eq!((claims.text("oid"), claims.text("sub")), (OBJECT_ID, OBJECT_ID));
    assert_eq!((claims.text("uti").len(), &claims.text("uti")[20..]), (22, "AA"));
    assert!(claims.text("rh").starts_with("1.AR") && claims.text("rh").ends_with('.'));
    assert_eq!(claims.text("rh").len(), 57);
    assert!(claims.text("aio").starts_with("k2") && claims.text("aio").len() == 52);
    assert!(claims.text("xms_ftd").len() > 50);
}

#[tokio::test]
async fn the_v2_endpoint_answers_as_captured() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    let answer = world.post(&v2(TENANT), &form(CLIENT, SECRET, &scope)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    is_never_stored(&answer);
    assert_eq!(answer.header("x-ms-clitelem"), "1,0,0,,");
    let body = answer.json();
    assert_eq!(body.names(), ["token_type", "expires_in", "ext_expires_in", "access_token"]);
    assert_eq!(body.text("token_type"), "Bearer");
    assert_eq!((body.number("expires_in"), body.number("ext_expires_in")), (3599, 3599));
}

#[tokio::test]
async fn the_v1_endpoint_answers_with_numbers_as_strings() {
    let world = World::new().await;
    let resource = format!("api://{RESOURCE}");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("resource", &resource),
    ];
    // Old clients name a version in the query; tenants go by domain as well.
    let answer = world.post("contoso.com/oauth2/token?api-version=1.0", &fields).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    is_never_stored(&answer);
    let body = answer.json();
    assert_eq!(
        body.names(),
        [
            "token_type",
            "expires_in",
            "ext_expires_in",
            "expires_on",
            "not_before",
            "resource",
            "access_token"
        ]
    );
    assert_eq!((body.text("expires_in"), body.text("ext_expires_in")), ("3599", "3599"));
    let number = |name: &str| body.text(name).parse::<i64>().unwrap();
    let claims = part(body.text("access_token"), 1);
    assert_eq!((number("expires_on"), number("not_before")), (claims.number("exp"), claims.number("nbf")));
    assert_eq!(body.text("resource"), resource);
    // The resource wants v2.0 tokens, whatever endpoint is asked.
    assert_eq!((claims.text("ver"), claims.text("aud")), ("2.0", RESOURCE));
}

#[tokio::test]
async fn a_v2_token_has_the_captured_claims() {
    let world = World::new().await;
    let token = world.token(CLIENT, SECRET, &format!("api://{RESOURCE}")).await;
    assert_eq!(part(&token, 0).names(), ["typ", "alg", "kid"]);
    assert_eq!((part(&token, 0).text("typ"), part(&token, 0).text("alg")), ("JWT", "RS256"));
    let claims = part(&token, 1);
    assert_eq!(
        claims.names(),
        [
            "aud", "iss", "iat", "nbf", "exp", "aio", "azp", "azpacr", "oid", "rh", "roles", "sub", "tid",
            "uti", "ver", "xms_ftd"
        ]
    );
    check_claims(&claims, "2.0", &format!("{}/{TENANT}/v2.0", world.base));
    assert_eq!((claims.text("aud"), claims.text("azp"), claims.text("azpacr")), (RESOURCE, CLIENT, "1"));
    assert_eq!(claims.get("roles"), &json!(["Resource.Read", "Resource.Write"]));
    let other = part(&world.token(CLIENT, SECRET, &format!("api://{RESOURCE}")).await, 1);
    assert_ne!(other.text("uti"), claims.text("uti"));
}

#[tokio::test]
async fn a_v1_token_has_the_captured_claims_and_the_audience_asked_for() {
    let world = World::new().await;
    for audience in [format!("api://{OTHER}"), format!("api://{OTHER}/"), OTHER.to_owned()] {
        let token = world.token(CLIENT, SECRET, &audience).await;
        let header = part(&token, 0);
        assert_eq!(header.names(), ["typ", "alg", "x5t", "kid"]);
        assert_eq!(header.text("x5t"), header.text("kid"));
        let claims = part(&token, 1);
        assert_eq!(
            claims.names(),
            [
                "aud", "iss", "iat", "nbf", "exp", "aio", "appid", "appidacr", "idp", "oid", "rh", "roles",
                "sub", "tid", "uti", "ver", "xms_ftd"
            ]
        );
        let issuer = format!("{}/{TENANT}/", world.base);
        check_claims(&claims, "1.0", &issuer);
        assert_eq!((claims.text("aud"), claims.text("idp")), (audience.as_str(), issuer.as_str()));
        assert_eq!((claims.text("appid"), claims.text("appidacr")), (CLIENT, "1"));
        assert_eq!(claims.get("roles"), &json!(["Other.Read"]));
    }
}

#[tokio::test]
async fn tokens_have_the_members_of_captured_ones_and_no_others() {
    let world = World::new().await;
    for (client, secret, resource, golden) in [
        (CLIENT, SECRET, RESOURCE, include_str!("golden/token-v2.2025-08.json")),
        (CLIENT, SECRET, OTHER, include_str!("golden/token-v1.2026-03.json")),
        (
            UNGRANTED,
            UNGRANTED_SECRET,
            RESOURCE,
            include_str!("golden/token-v2-without-roles.2026-08-13.json"),
        ),
    ] {
        let token = world.token(client, secret, &format!("api://{resource}")).await;
        let golden = Members::parse(golden);
        assert_eq!(&json!(part(&token, 0).names()), golden.get("header"));
        // Two of the captures were listed in alphabetical order.
        let sorted = |names: &Value| {
            let mut names: Vec<String> = serde_json::from_value(names.clone()).unwrap();
            names.sort_unstable();
            names
        };
        assert_eq!(sorted(&json!(part(&token, 1).names())), sorted(golden.get("claims")));
    }
}

#[tokio::test]
async fn roles_are_those_granted_and_absent_where_there_are_none() {
    let world = World::new().await;
    let resource = format!("api://{RESOURCE}");
    let read_only = part(&world.token(READ_ONLY, READ_ONLY_SECRET, &resource).await, 1);
    assert_eq!(read_only.get("roles"), &json!(["Resource.Read"]));
    let ungranted = part(&world.token(UNGRANTED, UNGRANTED_SECRET, &resource).await, 1);
    // Names as in the fixture of 2026-08-13: no `roles`, no `idtyp`, no `scp`.
    let mut names = ungranted.names();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aio", "aud", "azp", "azpacr", "exp", "iat", "iss", "nbf", "oid", "rh", "sub", "tid", "uti",
            "ver", "xms_ftd"
        ]
    );
}

#[tokio::test]
async fn every_form_of_request_that_entra_takes_gets_a_token() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    let msal_go = format!("{scope} openid offline_access profile");
    let by_id = format!("{RESOURCE}/.default");
    let twice = format!("{scope} {scope}");
    let upper = TENANT.to_uppercase();
    for (tenant, scope) in [(TENANT, &scope), ("Contoso.com", &msal_go), (&upper, &by_id), (TENANT, &twice)] {
        let fields =
            [&form(CLIENT, SECRET, scope)[..], &[("client_info", "1"), ("x-client-SKU", "x")]].concat();
        let answer = world.post(&v2(tenant), &fields).await;
        assert_eq!(answer.status, 200, "{tenant} {scope}: {answer:?}");
    }
    // HTTP Basic, its parts encoded as in a form (RFC 6749 section 2.3.1).
    let fields = [("grant_type", "client_credentials"), ("scope", &scope)];
    let encoded = SECRET.replace('-', "%2D");
    for secret in [SECRET, &encoded] {
        let answer = send(world.request(&v2(TENANT)).basic_auth(CLIENT, Some(secret)).form(&fields)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn a_token_verifies_with_the_published_key_it_names() {
    let world = World::new().await;
    let token = world.token(CLIENT, SECRET, &format!("api://{RESOURCE}")).await;
    let claims = verify(&world, &token).await.unwrap();
    assert_eq!(claims["azp"], CLIENT);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    assert!(verify(&world, &format!("{signed}.{flipped}{}", &signature[1..])).await.is_err());
}

/// Verifies as a resource does: discovery document, key set, key, signature, issuer, audience.
async fn verify(world: &World, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let document = world.get(&format!("{TENANT}/v2.0/.well-known/openid-configuration")).await.json();
    let set = send(world.http.get(document.text("jwks_uri"))).await.json();
    let kid = part(token, 0).text("kid").to_owned();
    let key = set.get("keys").as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap();
    let key = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[document.text("issuer")]);
    validation.set_audience(&[RESOURCE]);
    Ok(jsonwebtoken::decode::<Value>(token, &key, &validation)?.claims)
}

#[tokio::test]
async fn the_request_id_is_echoed_and_becomes_the_tokens() {
    let world = World::new().await;
    let id = "a5b1c2d3-0000-4000-8000-123456789abc";
    let scope = format!("api://{RESOURCE}/.default");
    let request =
        world.request(&v2(TENANT)).header("client-request-id", id).form(&form(CLIENT, SECRET, &scope));
    let answer = send(request).await;
    assert_eq!(answer.header("client-request-id"), id);
    let trace = answer.header("x-ms-request-id");
    assert!(trace.ends_with("00") && trace != id, "{trace}");
    let unasked = world.post(&v1(TENANT), &[]).await;
    assert_eq!(unasked.header("client-request-id"), "");
}
