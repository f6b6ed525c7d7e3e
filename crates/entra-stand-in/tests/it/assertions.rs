//! Clients that prove themselves with a certificate: what libraries send, and what is refused.
//!
//! The texts are those of captures: 700027 of 2021, 2025-12 and 2026-02, 700024 of 2025-08, 700023 of 2021, the others
//! of 2023-12. That of 1000502 is assumed.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use entra_stand_in::Authority;
use serde_json::{Value, json};

use crate::directories::directory;
use crate::envelope::{Refused, opened};
use crate::grants::{FIRST, SECOND_TENANT, principal, second_tenant};
use crate::signer::{Signer, hex, signer};
use crate::world::{Answer, CLIENT, OTHER, READ_ONLY, RESOURCE, TENANT, World, part, v1, v2};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A stand-in in which `DemoClientApp` has these certificates.
async fn world(credentials: &[Value], strict: bool) -> World {
    let keys = format!("\"keyCredentials\": {}", Value::from(credentials));
    let edits = [("applications/DemoClientApp.json", "\"keyCredentials\": []", keys.as_str())];
    World::start_with(Authority::builder().strict(strict).directory(directory(&edits).unwrap())).await
}

/// A stand-in in which `DemoClientApp` has the certificates of both signers.
async fn usual() -> World {
    world(&[signer(0).credential(), signer(1).credential()], false).await
}

fn header(signer: &Signer) -> Value {
    json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(signer.sha256()) })
}

fn claims(world: &World) -> Value {
    json!({
        "aud": format!("{}/{TENANT}/oauth2/v2.0/token", world.base),
        "iss": CLIENT,
        "sub": CLIENT,
        "jti": uuid::Uuid::new_v4(),
        "nbf": now(),
        "iat": now(),
        "exp": now() + 600,
    })
}

/// An object with some members replaced; `null` leaves one out.
fn with(object: &Value, changes: &Value) -> Value {
    let mut members = object.as_object().unwrap().clone();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    members.into()
}

async fn ask(world: &World, assertion: &str) -> Answer {
    ask_in(world, TENANT, assertion).await
}

async fn ask_in(world: &World, tenant: &str, assertion: &str) -> Answer {
    let scope = format!("api://{RESOURCE}/.default");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
        ("scope", &scope),
    ];
    world.post(&v2(tenant), &fields).await
}

/// The status, the `error` and the description before the ids.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let Refused { status, error, code, text, .. } = opened(answer);
    (status, error, format!("AADSTS{code}: {text}"))
}

#[tokio::test]
async fn every_way_to_name_a_certificate_and_every_algorithm_gets_a_token() {
    let world = usual().await;
    let signer = signer(0);
    let (sha1, sha256) = (signer.sha1(), signer.sha256());
    let hex = hex(&sha1).to_lowercase();
    for names in [
        json!({ "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(&sha256) }),
        json!({ "x5t#S256": BASE64_URL_SAFE.encode(&sha256) }),
        json!({ "x5t#S256": BASE64_STANDARD.encode(&sha256) }),
        json!({ "x5t": BASE64_URL_SAFE_NO_PAD.encode(&sha1) }),
        json!({ "x5t": BASE64_STANDARD.encode(&sha1), "kid": "something else" }),
        json!({ "x5t": BASE64_STANDARD.encode(&sha1), "x5t#S256": BASE64_STANDARD.encode(&sha256) }),
        json!({ "kid": BASE64_URL_SAFE_NO_PAD.encode(&sha1) }),
        json!({ "kid": hex }),
        json!({ "kid": hex.to_uppercase() }),
    ] {
        for algorithm in ["PS256", "RS256", "RS384", "RS512"] {
            let header = with(&names, &json!({ "alg": algorithm }));
            let answer = ask(&world, &signer.sign(&header, &claims(&world))).await;
            assert_eq!(answer.status, 200, "{header}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn headers_of_encrypted_tokens_are_ignored_unless_strict() {
    let world = usual().await;
    for member in [json!({ "zip": "DEF" }), json!({ "enc": "A256GCM" })] {
        let header = with(&header(signer(0)), &member);
        assert_eq!(ask(&world, &signer(0).sign(&header, &claims(&world))).await.status, 200, "{member}");
    }
}

#[tokio::test]
async fn a_certificate_makes_a_token_of_class_two_in_both_versions() {
    let world = usual().await;
    let assertion = signer(0).sign(&header(signer(0)), &claims(&world));
    let answer = ask(&world, &assertion).await.json();
    assert_eq!(part(answer.text("access_token"), 1).text("azpacr"), "2");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &assertion),
        ("resource", OTHER),
    ];
    let answer = world.post(&v1(TENANT), &fields).await.json();
    assert_eq!(part(answer.text("access_token"), 1).text("appidacr"), "2");
}

#[tokio::test]
async fn the_habits_of_libraries_are_borne() {
    let world = usual().await;
    let (signer, header, claims) = (signer(0), header(signer(0)), claims(&world));
    let base = &world.base;
    for changes in [
        json!({ "nbf": now().to_string(), "exp": (now() + 600).to_string(), "iat": null }),
        json!({ "nbf": null, "iat": f64::from(i32::try_from(now()).unwrap()) + 0.5, "exp": f64::from(i32::try_from(now()).unwrap()) + 600.25 }),
        json!({ "nbf": null, "iat": null, "jti": null }),
        json!({ "exp": now() + 1800 }),
        json!({ "nbf": now() + 8, "iat": now() + 8 }),
        json!({ "iss": CLIENT.to_uppercase(), "sub": CLIENT.to_uppercase() }),
        json!({ "aud": [format!("{base}/{TENANT}/oauth2/v2.0/token")] }),
        json!({ "aud": format!("{base}/{TENANT}/oauth2/token") }),
        json!({ "aud": format!("{base}/{TENANT}/v2.0") }),
        json!({ "aud": format!("{base}/{TENANT}/") }),
        json!({ "aud": format!("{base}/{}/v2.0/", TENANT.to_uppercase()) }),
        json!({ "aud": format!("{base}/contoso.com/oauth2/v2.0/token") }),
    ] {
        let answer = ask(&world, &signer.sign(&header, &with(&claims, &changes))).await;
        assert_eq!(answer.status, 200, "{changes}: {answer:?}");
    }
    let padded = signer.sign_padded(&header, &claims);
    // The same one twice: some libraries use an assertion until it expires.
    for _ in 0..2 {
        assert_eq!(ask(&world, &padded).await.status, 200);
    }
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", "AAAA");
    for x5c in [json!("AAAA"), json!(["AA\nAA"]), json!(BASE64_STANDARD.encode(pem)), json!(7)] {
        let answer = ask(&world, &signer.sign(&with(&header, &json!({ "x5c": x5c })), &claims)).await;
        assert_eq!(answer.status, 200, "{x5c}");
    }
}

#[tokio::test]
async fn the_audience_has_the_name_by_which_the_client_knows_the_stand_in() {
    let world = usual().await;
    let port = world.authority.address().port();
    let fields = |assertion: String| {
        [
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_id".to_owned(), CLIENT.to_owned()),
            ("client_assertion_type".to_owned(), JWT_BEARER.to_owned()),
            ("client_assertion".to_owned(), assertion),
            ("scope".to_owned(), format!("{RESOURCE}/.default")),
        ]
    };
    let url = format!("https://127.0.0.1:{port}/{}", v2(TENANT));
    for (audience, status) in [
        (url.clone(), 200),
        (format!("{}/{}", world.base, v2(TENANT)), 200),
        (format!("https://127.0.0.2:{port}/{}", v2(TENANT)), 401),
    ] {
        let assertion =
            signer(0).sign(&header(signer(0)), &with(&claims(&world), &json!({ "aud": audience })));
        let answer = world.http.post(&url).form(&fields(assertion)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{audience}");
    }
}

#[tokio::test]
async fn a_pinned_url_lets_the_audience_have_any_name_of_the_stand_in_but_in_strict_mode() {
    for (strict, expected) in [(false, 200), (true, 401)] {
        let keys = format!("\"keyCredentials\": {}", json!([signer(0).credential()]));
        let edits = [("applications/DemoClientApp.json", "\"keyCredentials\": []", keys.as_str())];
        let pinned = entra_shared::azure_ad::Instance::parse("https://entra.test/base").unwrap();
        let builder = Authority::builder().strict(strict).public_url(Some(pinned));
        let mut world = World::start_with(builder.directory(directory(&edits).unwrap())).await;
        let port = world.authority.address().port();
        world.base = format!("https://localhost:{port}");
        for (base, status) in [
            ("https://entra.test/base".to_owned(), 200),
            ("https://entra.test".to_owned(), expected),
            (format!("https://localhost:{port}"), expected),
            (format!("https://127.0.0.1:{port}"), expected),
            ("https://localhost".to_owned(), expected),
            (format!("http://localhost:{port}"), 401),
            (format!("https://user@localhost:{port}"), 401),
            (format!("https://other.example:{port}"), 401),
        ] {
            let aud = json!({ "aud": format!("{base}/{TENANT}/oauth2/v2.0/token") });
            let assertion = signer(0).sign(&header(signer(0)), &with(&claims(&world), &aud));
            assert_eq!(ask(&world, &assertion).await.status, status, "{base} strict: {strict}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_told_apart() {
    let world = usual().await;
    let (signer, claims) = (signer(0), claims(&world));
    let header = header(signer);
    let missing = |field| {
        let text = "is missing from the credential. Ensure that you have all the necessary parameters for the login request.";
        (400, "invalid_request", format!("AADSTS90014: The required field '{field}' {text}"))
    };
    let refused = |text: &str| (401, "invalid_client", text.to_owned());
    let old_page = "Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .";
    let other_client = refused(&format!(
        "AADSTS700021: Client assertion application identifier doesn't match 'client_id' parameter. {old_page}"
    ));
    let other_audience = refused(&format!(
        "AADSTS700023: Client assertion audience claim does not match Realm issuer. {old_page}"
    ));
    let algorithms = |name| {
        refused(&format!(
            "AADSTS5002738: Invalid JWT token. '{name}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256,RS384,RS512'"
        ))
    };
    let malformed = (400, "invalid_request", "AADSTS50027: JWT token is invalid or malformed.".to_owned());
    for (header_changes, claim_changes, expected) in [
        (json!({}), json!({ "iss": null }), missing("iss")),
        (json!({}), json!({ "aud": null }), missing("aud")),
        (json!({}), json!({ "exp": null }), missing("exp")),
        (json!({}), json!({ "iss": READ_ONLY, "sub": READ_ONLY }), other_client.clone()),
        (json!({}), json!({ "iss": READ_ONLY }), other_client.clone()),
        (json!({}), json!({ "sub": READ_ONLY }), other_client.clone()),
        (json!({}), json!({ "sub": null }), other_client),
        (json!({}), json!({ "aud": "https://login.microsoftonline.com/x" }), other_audience.clone()),
        (
            json!({}),
            json!({ "aud": format!("{}/{TENANT}/oauth2/v2.0/authorize", world.base) }),
            other_audience.clone(),
        ),
        (json!({}), json!({ "aud": format!("{}/organizations/v2.0", world.base) }), other_audience.clone()),
        (json!({}), json!({ "aud": [] }), other_audience.clone()),
        (json!({}), json!({ "aud": [claims["aud"], "https://elsewhere.example"] }), other_audience.clone()),
        (json!({}), json!({ "aud": [claims["aud"], claims["aud"]] }), other_audience),
        (
            json!({ "x5t#S256": null }),
            json!({}),
            refused(
                "AADSTS5002723: Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified in token header.",
            ),
        ),
        (json!({ "alg": "HS256" }), json!({}), algorithms("HS256")),
        (json!({ "alg": "none" }), json!({}), algorithms("none")),
        (json!({ "alg": "ES256" }), json!({}), algorithms("ES256")),
        (json!({ "alg": "rs256" }), json!({}), algorithms("rs256")),
        (json!({ "crit": ["exp"] }), json!({}), malformed.clone()),
        (json!({ "crit": [] }), json!({}), malformed.clone()),
        (json!({ "b64": false, "crit": ["b64"] }), json!({}), malformed.clone()),
        (json!({ "b64": false }), json!({}), malformed.clone()),
        (json!({ "b64": true }), json!({}), malformed.clone()),
        (json!({}), json!({ "exp": "soon" }), malformed.clone()),
        (json!({}), json!({ "iss": 7 }), malformed),
    ] {
        let assertion = signer.sign(&with(&header, &header_changes), &with(&claims, &claim_changes));
        let answer = ask(&world, &assertion).await;
        let (status, error, text) = refusal(&answer);
        assert_eq!((status, error.as_str(), text), expected, "{header_changes} {claim_changes}");
        assert!(!answer.body.contains(&assertion));
    }
}

#[tokio::test]
async fn the_certificate_has_to_be_the_apps_and_the_signature_the_certificates() {
    let world = world(&[signer(0).credential()], false).await;
    let unknown = ask(&world, &signer(1).sign(&header(signer(1)), &claims(&world))).await;
    let thumbprint = hex(&signer(1).sha256());
    let expected = format!(
        "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{CLIENT}'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{CLIENT}']."
    );
    assert_eq!(refusal(&unknown), (401, "invalid_client".into(), expected));

    // Both are registered now, and one certificate is named while the other's key signs.
    let world = usual().await;
    let crossed = ask(&world, &signer(1).sign(&header(signer(0)), &claims(&world))).await;
    let thumbprint = hex(&signer(0).sha256());
    let expected = format!(
        "AADSTS700027: Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{thumbprint}', Found key 'Start=01/01/2020 00:00:00, End=01/01/2099 00:00:00']"
    );
    assert_eq!(refusal(&crossed), (401, "invalid_client".into(), expected));
    // Two thumbprints that name different certificates name none.
    let names = json!({ "alg": "RS256", "x5t": BASE64_STANDARD.encode(signer(1).sha1()), "x5t#S256": BASE64_STANDARD.encode(signer(0).sha256()) });
    let neither = ask(&world, &signer(0).sign(&names, &claims(&world))).await;
    assert!(refusal(&neither).2.contains("[Reason - The key was not found."));

    // Whatever is changed after signing.
    let assertion = signer(0).sign(&header(signer(0)), &claims(&world));
    let parts: Vec<&str> = assertion.split('.').collect();
    let other = signer(0).sign(&header(signer(0)), &with(&claims(&world), &json!({ "exp": now() + 900 })));
    let swapped = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    for forged in [swapped, format!("{}.{}.", parts[0], parts[1]), format!("{}.{}.AAAA", parts[0], parts[1])]
    {
        assert!(refusal(&ask(&world, &forged).await).2.contains("invalid signature"), "{forged}");
    }
}

#[tokio::test]
async fn a_certificate_counts_within_its_time_alone() {
    let (expired, expired_header) = signer(0).dated(2020, 2021);
    let (future, future_header) = signer(1).dated(2090, 2099);
    let world = world(&[expired, future], false).await;
    let answer = ask(&world, &signer(0).sign(&expired_header, &claims(&world))).await;
    let expected = "AADSTS700027: The certificate with identifier used to sign the client assertion is expired on application.";
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), expected.into()));
    let answer = ask(&world, &signer(1).sign(&future_header, &claims(&world))).await;
    assert!(refusal(&answer).2.starts_with("AADSTS1000502: "), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_registered_twice_counts_within_either_time() {
    let stale = json!({
        "keyId": uuid::Uuid::new_v4(), "startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2021-01-01T00:00:00Z",
    });
    let stale = with(&signer(0).credential(), &stale);
    let world = world(&[stale, signer(0).credential()], false).await;
    assert_eq!(ask(&world, &signer(0).sign(&header(signer(0)), &claims(&world))).await.status, 200);
}

#[tokio::test]
async fn an_assertion_counts_within_its_time_alone() {
    let world = usual().await;
    for changes in [
        json!({ "exp": now() - 60 }),
        json!({ "exp": 0 }),
        json!({ "nbf": now() + 60 }),
        json!({ "iat": now() + 60 }),
        json!({ "exp": now() + 2 * 24 * 3600 }),
    ] {
        let answer = ask(&world, &signer(0).sign(&header(signer(0)), &with(&claims(&world), &changes))).await;
        assert!(refusal(&answer).2.starts_with("AADSTS700024: "), "{changes}: {answer:?}");
    }
    let changes = json!({ "nbf": null, "exp": 1754479503 });
    let answer = ask(&world, &signer(0).sign(&header(signer(0)), &with(&claims(&world), &changes))).await;
    let (status, error, text) = refusal(&answer);
    assert_eq!((status, error.as_str()), (401, "invalid_client"));
    let (start, end) = text.split_once("Current time: ").unwrap();
    assert_eq!(start, "AADSTS700024: Client assertion is not within its valid time range. ");
    let (now, end) = end.split_once(", ").unwrap();
    assert!(now.len() == 28 && now.ends_with('Z') && now.parse::<jiff::Timestamp>().is_ok(), "{now}");
    let expected = "assertion valid from 1970-01-01T00:00:00.0000000Z, expiry time of assertion 2025-08-06T11:25:03.0000000Z. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
    assert_eq!(end, expected);
}

#[tokio::test]
async fn strict_mode_takes_what_the_standard_says_and_nothing_else() {
    let world = world(&[signer(0).credential()], true).await;
    let (signer, header) = (signer(0), header(signer(0)));
    let good = signer.sign(&header, &claims(&world));
    assert_eq!(ask(&world, &good).await.status, 200);
    let (status, error, text) = refusal(&ask(&world, &good).await);
    assert_eq!((status, error.as_str()), (401, "invalid_client"));
    assert!(
        text.ends_with("[Strict mode - an assertion is used once: this `jti` was seen before]"),
        "{text}"
    );
    for (header_changes, claim_changes, rule) in [
        (json!({ "zip": "DEF" }), json!({}), "`zip` belongs to an encrypted token"),
        (json!({ "enc": "A256GCM" }), json!({}), "`enc` belongs to an encrypted token"),
        (json!({ "alg": "RS256" }), json!({}), "`alg` is PS256"),
        (json!({ "typ": null }), json!({}), "`typ` is JWT"),
        (
            json!({ "x5t#S256": null, "x5t": BASE64_URL_SAFE_NO_PAD.encode(signer.sha1()) }),
            json!({}),
            "`x5t#S256` names the certificate",
        ),
        (
            json!({ "x5t#S256": BASE64_URL_SAFE.encode(signer.sha256()) }),
            json!({}),
            "`x5t#S256` is in base64url without padding",
        ),
        (json!({}), json!({ "aud": [claims(&world)["aud"]] }), "`aud` is one text"),
        (json!({}), json!({ "nbf": null }), "`exp`, `nbf` and `iat` are there"),
        (json!({}), json!({ "iat": null }), "`exp`, `nbf` and `iat` are there"),
        (json!({}), json!({ "exp": (now() + 600).to_string() }), "`exp`, `nbf` and `iat` are whole numbers"),
        (json!({}), json!({ "exp": now() + 900 }), "an assertion lives for 10 minutes at most"),
        (json!({}), json!({ "jti": null }), "`jti` is there"),
    ] {
        let assertion = signer.sign(&with(&header, &header_changes), &with(&claims(&world), &claim_changes));
        let (status, _, text) = refusal(&ask(&world, &assertion).await);
        assert_eq!(status, 401);
        assert!(text.ends_with(&format!("[Strict mode - {rule}]")), "{text}");
    }
    let tenant = format!("{}/{TENANT}", world.base);
    for audience in [
        format!("{tenant}/oauth2/token"),
        format!("{tenant}/v2.0"),
        format!("{tenant}/"),
        format!("{tenant}/oauth2/v2.0/token/"),
        format!("{}/contoso.com/oauth2/v2.0/token", world.base),
        format!("{}/{}/oauth2/v2.0/token", world.base, TENANT.to_uppercase()),
        format!("{}/{TENANT}/oauth2/v2.0/token", world.base.to_uppercase()),
    ] {
        let assertion = signer.sign(&header, &with(&claims(&world), &json!({ "aud": audience })));
        let text = refusal(&ask(&world, &assertion).await).2;
        let rule = "[Strict mode - `aud` is the v2.0 token endpoint of the tenant, by its id]";
        assert!(text.ends_with(rule), "{audience}: {text}");
    }
    let padded = signer.sign_padded(&header, &claims(&world));
    assert!(refusal(&ask(&world, &padded).await).2.contains("not padded"));
}

#[tokio::test]
async fn an_assertion_proves_the_app_in_the_tenant_that_it_names_alone() {
    let keys = format!("\"keyCredentials\": {}", json!([signer(0).credential()]));
    let tenants = second_tenant(&[principal(CLIENT, 1), principal(RESOURCE, 2)].concat());
    let edits = [
        ("applications/DemoClientApp.json", "\"keyCredentials\": []", keys.as_str()),
        ("directory.toml", FIRST, &tenants),
    ];
    for (strict, code) in [(false, "AADSTS700023: "), (true, "AADSTS50027: ")] {
        let world =
            World::start_with(Authority::builder().strict(strict).directory(directory(&edits).unwrap()))
                .await;
        let of_first = signer(0).sign(&header(signer(0)), &claims(&world));
        let aud = json!({ "aud": format!("{}/{SECOND_TENANT}/oauth2/v2.0/token", world.base) });
        let of_second = signer(0).sign(&header(signer(0)), &with(&claims(&world), &aud));
        let refused = refusal(&ask_in(&world, SECOND_TENANT, &of_first).await);
        assert!(refused.0 == 401 && refused.2.starts_with(code), "strict: {strict}: {refused:?}");
        assert_eq!(ask_in(&world, TENANT, &of_first).await.status, 200, "strict: {strict}");
        assert_eq!(ask_in(&world, SECOND_TENANT, &of_second).await.status, 200, "strict: {strict}");
        assert_eq!(ask_in(&world, TENANT, &of_second).await.status, 401, "strict: {strict}");
    }
}

#[tokio::test]
async fn in_strict_mode_an_assertion_is_used_once_whatever_is_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let keys = format!("\"keyCredentials\": {}", json!([signer(0).credential()]));
    let edits = [("applications/DemoClientApp.json", "\"keyCredentials\": []", keys.as_str())];
    let start = async || {
        let pinned = entra_shared::azure_ad::Instance::parse("https://entra.test").unwrap();
        let builder = Authority::builder().strict(true).public_url(Some(pinned)).data_folder(folder.path());
        let authority = builder.directory(directory(&edits).unwrap()).spawn().await.unwrap();
        let base = format!("https://localhost:{}", authority.address().port());
        World { http: crate::world::client(&authority), base, authority }
    };
    let assertion = |world: &World| {
        let aud = json!({ "aud": format!("https://entra.test/{TENANT}/oauth2/v2.0/token") });
        signer(0).sign(&header(signer(0)), &with(&claims(world), &aud))
    };
    let first = start().await;
    let used = assertion(&first);
    assert_eq!(ask(&first, &used).await.status, 200);
    first.authority.shutdown().await;
    let second = start().await;
    let refused = refusal(&ask(&second, &used).await).2;
    assert!(refused.ends_with("this `jti` was seen before]"), "{refused}");
    assert_eq!(ask(&second, &assertion(&second)).await.status, 200);
    // Of the assertion, nothing is on disk that opens anything.
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        assert!(used.split('.').all(|part| !text.contains(part)), "{entry:?}");
    }
}

#[test]
fn an_unusable_certificate_is_named() {
    for (key, problem) in [("!!!", "not base64"), ("AAAA", "not the DER of an X.509 certificate")] {
        let mut credential = signer(0).credential();
        credential["key"] = key.into();
        let keys = format!("\"keyCredentials\": [{credential}]");
        let edits = [("applications/DemoClientApp.json", "\"keyCredentials\": []", keys.as_str())];
        let error = directory(&edits).unwrap_err().to_string();
        assert!(error.contains("`keyCredentials.key`") && error.contains(problem), "{error}");
    }
    // The portal shows a certificate without its key; there is nothing to verify with, and nothing wrong.
    let mut credential = signer(0).credential();
    credential["key"] = Value::Null;
    let keys = format!("\"keyCredentials\": [{credential}]");
    assert!(
        directory(&[("applications/DemoClientApp.json", "\"keyCredentials\": []", keys.as_str())]).is_ok()
    );
}
