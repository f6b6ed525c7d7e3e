use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use reqwest::{Url, redirect};
use serde_json::{Value, json};
use tokio::net::TcpListener;

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
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        assert!(html.contains(&format!("\"{file}\"")), "{html}");
    }
    assert!(!html.contains("://") && !html.contains("onload"), "{html}");
    let initializer = app.get("/docs/swagger-initializer.js").send().await.unwrap().text().await.unwrap();
    assert!(initializer.contains("\"../openapi.json\"") && initializer.contains("\"none\""), "{initializer}");
}

#[tokio::test]
async fn after_is_described_as_text_of_at_least_one_character() {
    let app = App::start_for_development().await;
    let api: Value = app.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    let parameters = api["paths"]["/api/resources"]["get"]["parameters"].as_array().unwrap();
    let after = parameters.iter().find(|parameter| parameter["name"] == "after").unwrap();
    assert_eq!(after["schema"]["minLength"], 1, "{after}");
    assert!(after["description"].as_str().unwrap().contains("opaque"), "{after}");
    for text in ["", "x"] {
        assert_eq!(app.get(&format!("/api/resources?after={text}")).send().await.unwrap().status(), 400);
    }
}

/// Returns the URL of a proxy that forwards everything below a path of its own to this app.
async fn proxy(app: &App) -> Url {
    let client = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
    let origin = app.url.clone();
    let forward = move |request: Request| async move {
        let path = request.uri().path_and_query().unwrap().as_str().strip_prefix("/team/orders").unwrap();
        let mut forwarded = client.request(request.method().clone(), format!("{origin}{path}"));
        forwarded = forwarded.headers(request.headers().clone());
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        Response::from(forwarded.body(body).send().await.unwrap()).map(Body::new)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/team/orders/{*path}", any(forward));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/team/orders/").parse().unwrap()
}

#[tokio::test]
async fn behind_a_proxy_that_adds_a_path_every_reference_leads_to_the_api() {
    let app = App::start_for_development().await;
    let base = proxy(&app).await;
    let get = async |url: Url| {
        let response = app.client().get(url.clone()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        response
    };

    let new = json!({ "name": "n", "content": 1 });
    let create = app.client().post(base.join("api/resources").unwrap()).json(&new);
    let created = create.send().await.unwrap();
    let location = created.headers()["location"].to_str().unwrap();
    let resource: Value = get(created.url().join(location).unwrap()).await.json().await.unwrap();
    assert_eq!(resource["name"], "n");

    let page = get(base.join("docs").unwrap()).await;
    let (page_url, html) = (page.url().clone(), page.text().await.unwrap());
    assert_eq!(page_url, base.join("docs/").unwrap());
    let references: Vec<&str> =
        html.split('"').filter(|text| text.starts_with("swagger-") && text.contains('.')).collect();
    assert_eq!(references.len(), 3, "{html}");
    for reference in references {
        get(page_url.join(reference).unwrap()).await;
    }
    let initializer = get(page_url.join("swagger-initializer.js").unwrap()).await.text().await.unwrap();
    let reference = initializer.split('"').nth(1).unwrap();
    let description = get(page_url.join(reference).unwrap()).await;
    let description_url = description.url().clone();
    let description: Value = description.json().await.unwrap();
    let server = description_url.join(description["servers"][0]["url"].as_str().unwrap()).unwrap();
    get(server.join("api/resources").unwrap()).await;
}
