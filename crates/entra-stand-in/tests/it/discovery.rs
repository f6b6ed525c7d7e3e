//! Discovery documents, key sets and instance discovery, against what Entra's look like.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use entra_stand_in::Authority;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::members::Members;
use crate::world::{Answer, TENANT, World, send};

const V1: &str = include_str!("golden/discovery-v1.2024-02-02.json");
const V2: &str = include_str!("golden/discovery-v2.2024-02-02.json");

fn golden(text: &str, base: &str, tenant: &str) -> Members {
    let (issuing, region) = match tenant {
        "common" | "organizations" => ("{tenantid}", "null"),
        "consumers" => ("9188040d-6c67-4c5b-b112-36a304b66dad", "null"),
        tenant => (tenant, "\"EU\""),
    };
    let text = text.replace("{base}", base).replace("{tenant}", tenant);
    Members::parse(&text.replace("{issuing tenant}", issuing).replace("\"{region}\"", region))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySet {
    keys: Vec<Members>,
}

fn is_public(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "max-age=86400, private");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, OPTIONS");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("strict-transport-security"), "");
}

#[tokio::test]
async fn discovery_documents_are_entras_member_by_member() {
    let world = World::new().await;
    for tenant in [TENANT, "common", "organizations", "consumers"] {
        for (path, text) in [("v2.0/.well-known", V2), (".well-known", V1)] {
            let answer = world.get(&format!("{tenant}/{path}/openid-configuration")).await;
            is_public(&answer);
            assert_eq!(answer.json(), golden(text, &world.base, tenant), "{tenant} {path}");
        }
    }
}

#[tokio::test]
async fn a_tenant_asked_for_by_domain_is_named_by_its_id() {
    let world = World::new().await;
    let expected = golden(V2, &world.base, TENANT);
    let upper = TENANT.to_uppercase();
    for name in ["contoso.com", "CONTOSO.com", &upper] {
        // MSAL Go ends the URL with a bare question mark.
        let answer = world.get(&format!("{name}/v2.0/.well-known/openid-configuration?")).await;
        assert_eq!(answer.json(), expected, "{name}");
    }
}

#[tokio::test]
async fn urls_and_issuers_have_the_name_that_the_client_used() {
    let world = World::start_with(Authority::builder().names(["localhost", "authority"])).await;
    for (host, base) in [
        ("authority:7443", "https://authority:7443"),
        ("authority", "https://authority"),
        ("evil.example", &world.base),
        ("login.microsoftonline.com", &world.base),
    ] {
        let url = format!("{}/{TENANT}/v2.0/.well-known/openid-configuration", world.base);
        let answer = send(world.http.get(url).header("host", host)).await;
        assert_eq!(answer.json(), golden(V2, base, TENANT), "{host}");
    }
}

#[tokio::test]
async fn a_pinned_url_stands_in_documents_and_tokens() {
    let url = entra_shared::azure_ad::Instance::parse("https://entra.test:8443").unwrap();
    let world = World::start_with(Authority::builder().public_url(Some(url))).await;
    let local = format!("https://localhost:{}", world.authority.address().port());
    let answer =
        send(world.http.get(format!("{local}/{TENANT}/v2.0/.well-known/openid-configuration"))).await;
    assert_eq!(answer.json(), golden(V2, "https://entra.test:8443", TENANT));
}

#[tokio::test]
async fn key_sets_have_entras_members_and_no_others() {
    let captured = Members::parse(include_str!("golden/key-set.2024-07-22.json"));
    let world = World::new().await;
    let common = "{tenantid}";
    for (path, issuer) in [
        (format!("{TENANT}/discovery/v2.0/keys"), Some(TENANT)),
        ("common/discovery/v2.0/keys".to_owned(), Some(common)),
        (format!("{TENANT}/discovery/keys"), None),
        ("common/discovery/keys".to_owned(), None),
    ] {
        let answer = world.get(&path).await;
        is_public(&answer);
        let KeySet { keys } = serde_json::from_str(&answer.body).unwrap();
        assert!(keys.len() >= 2, "{path}: {} keys", keys.len());
        let issuer = issuer.map(|tenant| format!("{}/{tenant}/v2.0", world.base));
        assert!(keys.iter().all(|key| key.get("issuer").as_str() == issuer.as_deref()), "{path}");
        let names = captured.get(if issuer.is_some() { "v2" } else { "v1" });
        assert!(keys.iter().all(|key| &json!(key.names()) == names), "{path}: {:?}", keys[0].names());
        let kids: HashSet<&str> = keys.iter().map(|key| key.text("kid")).collect();
        assert_eq!(kids.len(), keys.len());
    }
}

#[tokio::test]
async fn a_key_is_named_by_the_thumbprint_of_the_certificate_it_comes_with() {
    let world = World::new().await;
    let keys = world.get(&format!("{TENANT}/discovery/v2.0/keys")).await.json().get("keys").clone();
    for key in keys.as_array().unwrap() {
        assert_eq!(
            (key["kty"].as_str(), key["use"].as_str(), key["e"].as_str()),
            (Some("RSA"), Some("sig"), Some("AQAB"))
        );
        let certificates = key["x5c"].as_array().unwrap();
        assert_eq!(certificates.len(), 1);
        let der = BASE64_STANDARD.decode(certificates[0].as_str().unwrap()).unwrap();
        let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
        assert_eq!(key["kid"], BASE64_URL_SAFE_NO_PAD.encode(thumbprint));
        assert_eq!(key["kid"], key["x5t"]);
        let modulus = BASE64_URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap();
        assert_eq!(modulus.len(), 256);
        assert!(modulus[0] >= 0x80);
        assert!(der.windows(256).any(|window| window == modulus), "the certificate is of another key");
    }
}

#[tokio::test]
async fn unknown_and_malformed_tenants_are_refused() {
    let world = World::new().await;
    let unknown = "00000000-0000-0000-0000-000000000001";
    for path in [
        "v2.0/.well-known/openid-configuration",
        ".well-known/openid-configuration",
        "discovery/v2.0/keys",
        "discovery/keys",
    ] {
        for (tenant, error, code) in [
            (unknown, "invalid_tenant", 90002),
            ("fabrikam.com", "invalid_tenant", 90002),
            ("undefined", "invalid_request", 900023),
            ("%ff", "invalid_request", 900023),
        ] {
            let answer = world.get(&format!("{tenant}/{path}")).await;
            let body = answer.json();
            assert_eq!((answer.status.as_u16(), body.text("error")), (400, error), "{tenant}/{path}");
            assert_eq!(body.get("error_codes"), &json!([code]));
            assert_eq!(answer.header("cache-control"), "no-store, no-cache");
        }
    }
}

#[tokio::test]
async fn browsers_may_read_documents_and_nothing_else_is_served() {
    let world = World::new().await;
    let url = format!("{}/{TENANT}/discovery/v2.0/keys", world.base);
    let answer = send(world.http.request(Method::OPTIONS, &url)).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(send(world.http.head(&url)).await.status, 200);
    assert_eq!(send(world.http.post(&url)).await.status, 405);
    for path in ["", "health", "keys/roll", "tokens", &format!("{TENANT}/oauth2/v2.0/authorize")] {
        let answer = world.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, ""), "{path}");
    }
}

/// The shape is Entra's, by its entry for the public cloud (when that was captured is not known, see `golden/README.md`);
/// the hosts are the stand-in's own alone, since a library takes every alias for the same issuer.
#[tokio::test]
async fn instance_discovery_has_the_captured_shape_and_no_host_of_microsofts() {
    let shape = |text: &str| {
        #[derive(Deserialize)]
        struct Listing {
            metadata: Vec<Members>,
        }
        let names = |members: &Members| members.names().join(" ");
        let Listing { metadata } = serde_json::from_str(text).unwrap();
        assert!(!metadata.is_empty());
        for entry in &metadata {
            let aliases = entry.get("aliases").as_array().unwrap();
            assert!(aliases.contains(entry.get("preferred_network")) && aliases.iter().all(Value::is_string));
        }
        (names(&Members::parse(text)), metadata.first().map(names))
    };
    let world = World::new().await;
    let url = format!("{}/common/oauth2/v2.0/authorize", world.base);
    let request = world.http.get(format!("{}/common/discovery/instance", world.base));
    let answer = send(request.query(&[("api-version", "1.1"), ("authorization_endpoint", &url)])).await;
    let captured = include_str!("golden/instance-discovery.captured.json");
    assert_eq!(shape(&answer.body), shape(captured));
    assert_eq!(answer.json().text("api-version"), Members::parse(captured).text("api-version"));
    assert!(!answer.body.contains("microsoft") && !answer.body.contains("windows.net"), "{}", answer.body);
}

#[tokio::test]
async fn instance_discovery_knows_only_the_stand_in() {
    let world = World::new().await;
    let ask = async |url: &str| {
        let request = world.http.get(format!("{}/common/discovery/instance", world.base));
        send(request.query(&[("api-version", "1.1"), ("authorization_endpoint", url)])).await
    };
    let network = world.base.strip_prefix("https://").unwrap();
    // With the port, and without it as MSAL Python asks.
    for host in [network, "localhost"] {
        let answer = ask(&format!("https://{host}/contoso.com/oauth2/v2.0/authorize")).await;
        is_public(&answer);
        let body = answer.json();
        let golden = include_str!("golden/instance-discovery.stand-in.json").replace("{base}", &world.base);
        let golden = golden.replace("{tenant}", TENANT).replace("{network}", network);
        assert_eq!(body, Members::parse(&golden));
        let document = body.text("tenant_discovery_endpoint");
        assert_eq!(send(world.http.get(document)).await.status, 200);
    }
    let v1 = ask(&format!("{}/common/oauth2/authorize", world.base)).await.json();
    let document = format!("{}/common/.well-known/openid-configuration", world.base);
    assert_eq!(v1.text("tenant_discovery_endpoint"), document);
    for url in ["https://login.microsoftonline.com/common/oauth2/authorize", "not a url"] {
        let answer = ask(url).await;
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), body.text("error")), (400, "invalid_instance"));
        assert_eq!(body.get("error_codes"), &json!([50049]));
    }
    assert_eq!(
        world.get("common/discovery/instance").await.json().get("error_codes"),
        &Value::from(vec![50049])
    );
}

#[tokio::test]
async fn a_stand_in_never_serves_under_a_name_of_microsofts_and_says_why() {
    for name in ["login.microsoftonline.com", "westus2.login.microsoft.com", "sts.windows.net"] {
        let folder = tempfile::tempdir().unwrap();
        let builder = Authority::builder().data_folder(folder.path()).names(["localhost", name]);
        let error = builder.spawn().await.unwrap_err();
        let text = entra_shared::one_line(&error);
        let expected = "is a Microsoft host name, under which a stand-in never issues tokens";
        assert!(text.contains(name) && text.contains("server.names") && text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_regional_host_serves_documents_and_tokens_of_the_global_issuer() {
    let world = World::start_with(Authority::builder().names(["localhost", "westus2.localhost"])).await;
    let port = world.authority.address().port();
    let regional = format!("https://westus2.localhost:{port}");
    let http = reqwest::Client::builder()
        .no_proxy()
        .resolve("westus2.localhost", world.authority.address())
        .tls_certs_only([
            reqwest::Certificate::from_pem(world.authority.ca_certificate_pem().as_bytes()).unwrap()
        ])
        .build()
        .unwrap();
    let scope = format!("api://{}/.default", crate::world::RESOURCE);
    let fields = crate::world::form(crate::world::CLIENT, crate::world::SECRET, &scope);
    let url = format!("{regional}/{}", crate::world::v2(TENANT));
    let answer = crate::world::send(http.post(url).form(&fields)).await;
    let token = crate::world::part(answer.json().text("access_token"), 1);
    assert_eq!(token.text("iss"), format!("https://localhost:{port}/{TENANT}/v2.0"));
    let url = format!("{regional}/{TENANT}/v2.0/.well-known/openid-configuration");
    let document = crate::world::send(http.get(url)).await.json();
    assert_eq!(document.text("issuer"), format!("https://localhost:{port}/{TENANT}/v2.0"));
}
