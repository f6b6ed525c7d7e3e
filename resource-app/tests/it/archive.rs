//! The example `archive`: a new role, policy and route, which the app's lists show without further changes.

use std::time::{Duration, Instant};

use entra_guard::{AppRole, RouteTable};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, assert_problem, location, settings};
use crate::authority::Authority;
use crate::example::router;

const ROLE: &str = "Resource.Archive";

async fn start(authority: &Authority) -> App {
    authority.publish(&["K1"]);
    let ca_file = authority.ca_file();
    let variables =
        [("AZURE_AD__INSTANCE", &*authority.url), ("HTTP_CLIENT__CA_FILE", ca_file.to_str().unwrap())];
    let app = App::start_with(&variables, router::api).await;
    let start = Instant::now();
    while app.get("/health/ready").send().await.unwrap().status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "the app does not become ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_route_is_guarded_by_its_policy() {
    let authority = Authority::start().await;
    let app = start(&authority).await;
    let token = |roles: &[&str]| authority.token_with_roles("K1", roles);
    let create = app.request(Method::POST, "/api/resources").bearer_auth(token(&["Resource.Write"]));
    let created = create.json(&json!({ "name": "n", "content": 1 })).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let path = format!("{}/archive", location(&created));
    let archive = || app.request(Method::POST, &path);
    for newly in [true, false] {
        let archived = archive().bearer_auth(token(&[ROLE])).send().await.unwrap();
        assert_eq!(archived.status(), 200);
        let archived: Value = archived.json().await.unwrap();
        assert_eq!((&archived["name"], &archived["newly"]), (&json!("n"), &json!(newly)));
    }
    let absent = app.request(Method::POST, "/api/resources/01890a5d-ac96-774b-bcce-b302099a8057/archive");
    let absent = absent.bearer_auth(token(&[ROLE])).send().await.unwrap();
    assert_problem(absent, 404, "resource_not_found").await;
    let denied = archive().bearer_auth(token(&["Resource.Read", "Resource.Write"])).send().await.unwrap();
    let challenge = denied.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains("scope=\"Resource.Archive\""), "{challenge}");
    assert_problem(denied, 403, "role_missing").await;
    assert_problem(archive().send().await.unwrap(), 401, "token_missing").await;
}

#[tokio::test]
async fn the_lists_of_the_app_show_the_new_route() {
    let folder = tempfile::tempdir().unwrap();
    let defaults = settings(folder.path(), &[]).unwrap().authorization;
    let before = resource_app::table(&resource_app::api(&defaults)).unwrap();
    let after = resource_app::table(&router::api(&defaults)).unwrap();
    let lines = |table: &RouteTable| table.to_string().lines().map(words).collect::<Vec<_>>();
    let added: Vec<_> = lines(&after).into_iter().filter(|line| !lines(&before).contains(line)).collect();
    let expected = "POST /api/resources/{id}/archive ArchivePolicy Resource.Archive \
        AppOnly, ConfidentialClient, Resource.Archive";
    assert_eq!(added, [expected]);
    // `manifest` prints these.
    let values = |table: &RouteTable| table.app_roles().iter().map(AppRole::value).collect::<Vec<_>>();
    assert_eq!(values(&after), [values(&before), vec![ROLE]].concat());
    let app = App::start_with(&[], router::api).await;
    let api: Value = app.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    let operation = &api["paths"]["/api/resources/{id}/archive"]["post"];
    assert_eq!(operation["security"][0]["entra"], json!([ROLE]));
}

/// Returns a line with single spaces.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Demands of an operator apply to the new route too.
#[test]
fn a_writing_route_that_is_added_is_under_the_demands_on_writing() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("AUTHORIZATION__WRITE_REQUIRES_CERTIFICATE", "true")];
    let settings = settings(folder.path(), &variables).unwrap();
    let table = resource_app::table(&router::api(&settings.authorization)).unwrap().to_string();
    let row = table.lines().find(|line| line.contains("/archive")).unwrap();
    assert!(row.contains("CertificateCredential"), "{row}");
}
