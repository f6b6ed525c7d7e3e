//! The database file, seen from outside.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::app::{App, DEVELOPMENT, assert_problem, location, settings};
use crate::program::{run, stderr};

fn database(folder: &Path) -> PathBuf {
    folder.join("new/resources.db")
}

async fn open(folder: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database(folder)).connect().await.unwrap()
}

async fn create(app: &App, content: Value) -> String {
    let request = app.request(Method::POST, "/api/resources");
    let response = request.json(&json!({ "name": "n", "content": content })).send().await.unwrap();
    assert_eq!(response.status(), 201);
    location(&response)
}

async fn list(app: &App, query: &str) -> Value {
    let response = app.get(&format!("/api/resources{query}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn an_unreadable_resource_is_not_served_and_affects_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    let mut disk = open(folder.path()).await;
    for damage in [
        "content = '[1'",
        "content = CAST(x'5bff5d' AS TEXT)",
        "created_at = '2026'",
        "updated_at = 'x'",
        "name = CAST(x'ff' AS TEXT)",
    ] {
        let (before, path, after) =
            (create(&app, json!(0)).await, create(&app, json!([1])).await, create(&app, json!(2)).await);
        let id = path.rsplit('/').next().unwrap();
        let update = sqlx::AssertSqlSafe(format!("UPDATE resources SET {damage} WHERE id = ?"));
        assert_eq!(sqlx::query(update).bind(id).execute(&mut disk).await.unwrap().rows_affected(), 1);

        let change = |method| app.request(method, &path).header("if-match", "*");
        assert_problem(app.get(&path).send().await.unwrap(), 500, "resource_unreadable").await;
        let put = change(Method::PUT).json(&json!({ "name": "n", "content": 1 }));
        assert_problem(put.send().await.unwrap(), 500, "resource_unreadable").await;
        let page = list(&app, "").await;
        assert_eq!(page["items"].as_array().unwrap().len(), 2, "{damage}");
        // Pages end where they would, and lead on.
        let first = list(&app, "?limit=1").await;
        let second = list(&app, &format!("?limit=1&after={}", first["next"].as_str().unwrap())).await;
        assert_eq!(second["items"], json!([]), "{damage}");
        let third = list(&app, &format!("?limit=1&after={}", second["next"].as_str().unwrap())).await;
        assert_eq!(third["items"], json!([page["items"][1]]), "{damage}");

        for path in [&before, &path, &after] {
            let delete = app.request(Method::DELETE, path).header("if-match", "*");
            assert_eq!(delete.send().await.unwrap().status(), 204, "{damage}");
        }
    }
    let metrics = format!("http://{}/metrics", app.metrics);
    let metrics = app.client().get(metrics).send().await.unwrap().text().await.unwrap();
    let (_, count) = metrics.split_once("\nunreadable_resources_total ").unwrap();
    // Each was read by a GET, a PUT and two lists.
    assert!(count.starts_with("20\n"), "{metrics}");
}

#[tokio::test]
async fn an_unreadable_answer_to_a_key_is_not_replayed_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    let post = || {
        let request = app.request(Method::POST, "/api/resources").header("idempotency-key", "k");
        request.json(&json!({ "name": "n", "content": 1 })).send()
    };
    assert_eq!(post().await.unwrap().status(), 201);
    let mut disk = open(folder.path()).await;
    let damage = "UPDATE idempotency_keys SET answer = replace(answer, '{', '[')";
    sqlx::query(damage).execute(&mut disk).await.unwrap();
    assert_problem(post().await.unwrap(), 500, "resource_unreadable").await;
    assert_eq!(list(&app, "").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_ends_after_a_mebibyte_of_content_and_leads_on() {
    let app = App::start_for_development().await;
    let large = "x".repeat(60 * 1024);
    for _ in 0..40 {
        create(&app, json!(large)).await;
    }
    let (mut seen, mut query) = (0, "?limit=100".to_owned());
    loop {
        let response = app.get(&format!("/api/resources{query}")).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(text.len() < 1200 * 1024, "{}", text.len());
        let page: Value = serde_json::from_str(&text).unwrap();
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        assert!(text.len() > 1024 * 1024, "{}", text.len());
        query = format!("?limit=100&after={next}");
    }
    assert_eq!(seen, 40);
}

#[tokio::test]
async fn a_second_process_does_not_open_the_database_of_a_running_one() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    let url = format!("sqlite://{}", database(folder.path()).display());
    let second = |arguments: &[&str]| {
        run(
            arguments,
            &[("STORE__URL", &url), ("SERVER__LISTEN", "127.0.0.1:0"), ("METRICS__LISTEN", "127.0.0.1:0")],
        )
    };
    let refused = second(&["serve"]);
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("`store.url`") && text.contains("another process has it open"), "{text}");
    for arguments in [&["routes"][..], &["manifest"]] {
        assert_eq!(second(arguments).status.code(), Some(0));
    }
    // The first process goes on, and releases the lock at its end.
    create(&app, json!(1)).await;
    app.stop().await;
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    assert_eq!(list(&app, "").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    create(&app, json!(1)).await;
    app.stop().await;
    let mut disk = open(folder.path()).await;
    sqlx::query("PRAGMA user_version = 9999").execute(&mut disk).await.unwrap();
    let before = std::fs::read(database(folder.path())).unwrap();
    let url = format!("sqlite://{}", database(folder.path()).display());
    let refused = run(&["serve"], &[("STORE__URL", &url), ("SERVER__LISTEN", "127.0.0.1:0")]);
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.lines().count() == 1 && text.contains("a newer version of this program"), "{text}");
    assert_eq!(std::fs::read(database(folder.path())).unwrap(), before);
    assert!(resource_app::ResourceApp::bind(settings(folder.path(), &DEVELOPMENT).unwrap()).await.is_err());
}

/// Runs commands in a mount namespace of their own, as root or as a user who may make one; `None` if neither is possible.
#[cfg(target_os = "linux")]
fn in_own_mounts(script: &str) -> Option<std::process::Output> {
    let run = |option: &str, script: &str| {
        std::process::Command::new("unshare").args([option, "sh", "-c", script]).output().unwrap()
    };
    let can = |option: &&str| run(option, "mount --bind /tmp /tmp").status.success();
    let option = ["-m", "-rm"].into_iter().find(can)?;
    Some(run(option, script))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_second_process_is_refused_behind_a_bind_mount() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    create(&app, json!(1)).await;
    let original = database(folder.path());
    let (other, elsewhere) = (folder.path().join("other.db"), tempfile::tempdir().unwrap());
    std::fs::write(&other, "").unwrap();
    let file = (original.as_path(), other.as_path(), other.as_path());
    let in_folder = elsewhere.path().join(original.file_name().unwrap());
    let whole = (original.parent().unwrap(), elsewhere.path(), in_folder.as_path());
    for (source, target, second) in [file, whole] {
        let script = format!(
            "mount --bind {} {} && STORE__URL=sqlite://{} SERVER__LISTEN=127.0.0.1:0 METRICS__LISTEN=127.0.0.1:0 exec {}",
            source.display(),
            target.display(),
            second.display(),
            env!("CARGO_BIN_EXE_resource-app"),
        );
        let Some(output) = in_own_mounts(&script) else {
            assert!(std::env::var_os("CI").is_none(), "a bind mount is needed, with `unshare -m`");
            eprintln!("SKIPPED: this machine lets no test make a bind mount with `unshare -m`");
            break;
        };
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("another process has it open"), "{}", stderr(&output));
    }
    create(&app, json!(2)).await;
    assert_eq!(list(&app, "").await["items"].as_array().unwrap().len(), 2);
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_process_is_refused_whatever_path_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    create(&app, json!(1)).await;
    let [symbolic, hard] = ["symbolic.db", "hard.db"].map(|name| folder.path().join(name));
    std::os::unix::fs::symlink(database(folder.path()), &symbolic).unwrap();
    std::fs::hard_link(database(folder.path()), &hard).unwrap();
    let start = |path: &Path| {
        let url = format!("sqlite://{}", path.display());
        let free = [("SERVER__LISTEN", "127.0.0.1:0"), ("METRICS__LISTEN", "127.0.0.1:0")];
        run(&[], &[&free[..], &[("STORE__URL", url.as_str())]].concat())
    };
    for path in [&database(folder.path()), &symbolic, &hard] {
        let output = start(path);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("another process has it open"), "{}", stderr(&output));
    }
    // The refused ones took nothing from the first.
    create(&app, json!(2)).await;
    assert_eq!(list(&app, "").await["items"].as_array().unwrap().len(), 2);
    app.stop().await;
    for path in [&database(folder.path()), &symbolic, &hard] {
        let output = start(path);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("several hard links"), "{}", stderr(&output));
    }
    std::fs::remove_file(hard).unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    assert_eq!(list(&app, "").await["items"].as_array().unwrap().len(), 2);
    app.stop().await;
}
