use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::{App, guarded_routes};

#[tokio::test]
async fn the_description_names_every_guarded_route_with_its_roles_and_no_other() {
    let app = App::start(&[]).await;
    let api: Value = app.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(api["components"]["securitySchemes"]["entra"]["scheme"], "bearer");
    let mut described = BTreeSet::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if path.starts_with("/api") {
                described.insert(format!("{method} {path} {}", operation["security"][0]["entra"]));
            } else {
                assert_eq!(operation["security"][0], serde_json::json!({}), "{path}");
            }
        }
    }
    let guarded = guarded_routes().into_iter().map(|route| {
        let roles: Vec<_> = route.policies[0].roles.iter().map(entra_guard::AppRole::value).collect();
        format!("{} {} {}", route.method.as_str().to_lowercase(), route.path, serde_json::json!(roles))
    });
    assert_eq!(described, guarded.collect());
    // The page opens with the operations: the codes are below them, in the description of a schema.
    let introduction = api["info"]["description"].as_str().unwrap();
    assert!(introduction.len() < 200 && !introduction.contains('|'), "{introduction}");
    let problem = api["components"]["schemas"]["Problem"]["description"].as_str().unwrap();
    assert!(problem.contains("| `token_expired` |") && !problem.contains("`granted`"), "{problem}");
    for schema in ["Resource", "NewResource", "ResourcePage", "Caller", "Problem", "Health"] {
        assert!(api["components"]["schemas"][schema].is_object(), "{schema}");
    }
}

#[tokio::test]
async fn the_documentation_page_needs_nothing_from_elsewhere() {
    let app = App::start(&[]).await;
    let response = app.get("/docs").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let response = app.get(&format!("/docs/{file}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{file}");
        assert_eq!(response.headers()["content-security-policy"], policy.as_str(), "{file}");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer", "{file}");
    }
    let html = response.text().await.unwrap();
    for file in ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/swagger-initializer.js"] {
        assert!(html.contains(&format!("\"{file}\"")), "{html}");
    }
    assert!(!html.contains("://") && !html.contains("onload"), "{html}");
    let initializer = app.get("/docs/swagger-initializer.js").send().await.unwrap().text().await.unwrap();
    assert!(initializer.contains("/openapi.json") && initializer.contains("\"none\""), "{initializer}");
}
