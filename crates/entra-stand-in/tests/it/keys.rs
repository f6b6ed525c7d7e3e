//! Keys over the life of a stand-in, and several stand-ins in parallel.

use std::time::{Duration, Instant};

use entra_stand_in::Authority;
use serde_json::json;

use crate::world::{CLIENT, RESOURCE, SECRET, TENANT, World, client, kept_keys, part, send};

async fn kids(world: &World) -> Vec<String> {
    let keys = world.get(&format!("{TENANT}/discovery/v2.0/keys")).await.json().get("keys").clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// A stand-in whose keys are its own.
async fn alone(folder: &tempfile::TempDir) -> World {
    let authority = Authority::builder().data_folder(folder.path()).spawn().await.unwrap();
    World { http: client(&authority), base: authority.instance().to_string(), authority }
}

#[tokio::test]
async fn a_rollover_signs_with_a_new_key_and_keeps_the_old_ones_published() {
    let folder = tempfile::tempdir().unwrap();
    let world = alone(&folder).await;
    let api = format!("api://{RESOURCE}");
    let before = kids(&world).await;
    let old = part(&world.token(CLIENT, SECRET, &api).await, 0).text("kid").to_owned();
    world.authority.roll_keys().unwrap();
    let after = kids(&world).await;
    let new = part(&world.token(CLIENT, SECRET, &api).await, 0).text("kid").to_owned();
    assert!(before.contains(&old) && !before.contains(&new));
    assert!(after.contains(&new) && before.iter().all(|kid| after.contains(kid)));
}

#[tokio::test]
async fn a_restart_keeps_keys_and_certificate_authority() {
    let folder = tempfile::tempdir().unwrap();
    let first = alone(&folder).await;
    first.authority.roll_keys().unwrap();
    let (before, ca) = (kids(&first).await, first.authority.ca_certificate_pem().to_owned());
    let base = first.base.clone();
    first.authority.shutdown().await;
    assert!(first.http.get(base).send().await.unwrap_err().is_connect());
    let second = alone(&folder).await;
    assert_eq!(kids(&second).await, before);
    assert_eq!(second.authority.ca_certificate_pem(), ca);
}

#[tokio::test]
async fn two_stand_ins_serve_side_by_side_and_each_ends_when_dropped() {
    let (one, two) = (World::new().await, World::new().await);
    assert_ne!(one.base, two.base);
    let api = format!("api://{RESOURCE}");
    for world in [&one, &two] {
        let claims = part(&world.token(CLIENT, SECRET, &api).await, 1);
        assert_eq!(claims.text("iss"), format!("{}/{TENANT}/v2.0", world.base));
    }
    drop(one.authority);
    tokio::task::yield_now().await;
    assert!(one.http.get(&one.base).send().await.is_err());
    assert_eq!(two.get("common/discovery/keys").await.status, 200);
}

#[tokio::test]
async fn it_starts_within_a_tenth_of_a_second_once_there_are_keys() {
    World::new().await;
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let _authority = Authority::builder().data_folder(kept_keys()).spawn().await.unwrap();
        fastest = fastest.min(start.elapsed());
    }
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
}

#[tokio::test]
async fn a_thousand_requests_of_a_hundred_callers_each_get_their_own_token() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    let ungranted = (crate::world::UNGRANTED, crate::world::UNGRANTED_SECRET);
    let callers = (0..100).map(|number| {
        let (id, secret) = if number % 2 == 0 { (CLIENT, SECRET) } else { ungranted };
        let request = world.request(&crate::world::v2(TENANT)).form(&crate::world::form(id, secret, &scope));
        tokio::spawn(async move {
            let mut names = Vec::new();
            for _ in 0..10 {
                let answer = send(request.try_clone().unwrap()).await;
                let claims = part(answer.json().text("access_token"), 1);
                assert_eq!(claims.text("azp"), id);
                assert_eq!(claims.get("roles").is_array(), id == CLIENT);
                names.push(claims.text("uti").to_owned());
            }
            names
        })
    });
    let mut names = std::collections::HashSet::new();
    for caller in callers.collect::<Vec<_>>() {
        names.extend(caller.await.unwrap());
    }
    assert_eq!(names.len(), 1000);
}

#[tokio::test]
async fn a_certificate_that_it_issues_is_trusted_by_clients_that_trust_it() {
    let world = World::new().await;
    let issued = world.authority.issue_certificate(&["resource", "localhost"]).unwrap();
    assert!(issued.certificate_pem().contains("BEGIN CERTIFICATE"));
    let shown = format!("{issued:?}");
    assert!(issued.private_key_pem().contains("PRIVATE KEY") && !shown.contains("PRIVATE KEY"));
    assert!(world.authority.issue_certificate(&["not ascii: ü"]).is_err());

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let settings = serde_json::from_value(json!({
        "listen": "127.0.0.1:0",
        "drain_timeout_seconds": 1,
        "tls": {
            "certificate_file": file("certificate.pem", issued.certificate_pem()),
            "private_key_file": file("private-key.pem", issued.private_key_pem()),
        }
    }))
    .unwrap();
    let server = http_shell::server::Server::bind(&settings).await.unwrap();
    let url = server.url();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let service = axum::Router::new().fallback(|| async { "hello" });
    let serving = tokio::spawn(server.serve(service, shutdown.clone()));
    assert_eq!(send(world.http.get(url)).await.body, "hello");
    shutdown.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn no_debug_shows_a_key_or_secret() {
    let world = World::new().await;
    let shown = format!("{:?}", world.authority);
    for canary in ["PRIVATE", "development-only", "serialized_der: ["] {
        assert!(!shown.contains(canary), "{canary}");
    }
}
