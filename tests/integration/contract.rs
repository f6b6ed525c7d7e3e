//! Compares the API with its description, by schemathesis: with requests that the description allows, forbids and leaves
//! open, and with sequences of them.

use entra_shared::secret::AccessToken;
use serde_json::json;
use tests::World;
use tests::guarded_api::{GuardedApi, Place};

use crate::command::{run, undirected};
use crate::python::Python;

const REQUIREMENTS: &str = include_str!("contract/requirements.txt");
const CONFIG: &str = include_str!("contract/schemathesis.toml");

/// The most requests that are generated for each operation, in each phase that generates some.
const EXAMPLES: &str = "15";

#[tokio::test]
async fn the_api_answers_as_its_description_says_with_either_role_and_without_a_token() {
    let Some(python) = Python::ready("schemathesis", REQUIREMENTS).await else { return };
    let world = World::start().await;
    tokio::join!(
        is_as_described(
            &python,
            &world,
            None,
            &["GET /api/caller 401", "GET /api/resources 401", "PUT /api/resources/{id} 401"],
        ),
        is_as_described(
            &python,
            &world,
            Some("Resource.Read"),
            &["GET /api/caller 200", "GET /api/resources 200", "POST /api/resources 403"],
        ),
        is_as_described(
            &python,
            &world,
            Some("Resource.Write"),
            &[
                "GET /api/resources 403",
                "POST /api/resources 201",
                "POST /api/resources 422",
                "PUT /api/resources/{id} 200",
                "PUT /api/resources/{id} 428",
                "DELETE /api/resources/{id} 204",
            ],
        ),
    );
}

/// Compares them with a token of this role, or none. The responses must contain `expected`, or little was compared.
async fn is_as_described(python: &Python, world: &World, role: Option<&str>, expected: &[&str]) {
    let api = Place::new(world, "").start().await;
    // So that there is something to list.
    assert_eq!(api.write(&world.token(json!({})).await).await.status(), 201);
    let token = match role {
        Some(role) => Some(world.token(json!({ "roles": [role] })).await),
        None => None,
    };
    let said = compare(python, &api, token.as_ref()).await;
    assert!(said.contains("Selected: 8/8") && said.contains("Tested: 8"), "{role:?}: {said}");
    let answers = answers(&api.metrics().await);
    for answer in expected {
        assert!(answers.iter().any(|given| given == answer), "{role:?}: no {answer} in {answers:#?}");
    }
    // Readiness was requested before the keys were there.
    let failures = |answer: &&String| answer.contains(" 5") && *answer != "GET /health/ready 503";
    assert_eq!(answers.iter().find(failures), None, "{role:?}");
}

/// Compares the two in all phases with all checks; none may fail.
async fn compare(python: &Python, api: &GuardedApi, token: Option<&AccessToken>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let mut command = undirected(python.program("schemathesis"));
    command.arg("--config-file").arg(&config).args(["run", &format!("{}/openapi.json", api.url())]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--no-color"]);
    command.args(["--max-examples", EXAMPLES]);
    if let Some(token) = token {
        command.args(["--header", &format!("Authorization: {}", token.authorization().to_str().unwrap())]);
    }
    // schemathesis writes files into its working folder.
    let said = run(command.current_dir(folder.path()).env("HOME", folder.path())).await;
    said.unwrap_or_else(|said| panic!("{said}"))
}

/// The method, route and status of all responses, from the app's metrics.
fn answers(metrics: &str) -> Vec<String> {
    let label = |line: &str, name: &str| {
        let (_, value) = line.split_once(&format!("{name}=\""))?;
        Some(value.split_once('"')?.0.to_owned())
    };
    let requests = metrics.lines().filter(|line| line.starts_with("http_requests_total{"));
    let answer =
        |line| Some([label(line, "method")?, label(line, "route")?, label(line, "status")?].join(" "));
    requests.filter_map(answer).collect()
}
