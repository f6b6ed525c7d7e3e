//! `cargo demo`: what it prints and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use demo::system::{DEMO_CLIENT_SECRET, DEMO_READ_ONLY_CLIENT_SECRET, DEMO_UNGRANTED_CLIENT_SECRET};
use tests::World;
use tests::program;

#[test]
fn the_walkthrough_exits_with_0_if_every_step_went_as_expected() {
    let output = program::run::<&str>("demo", &["--once"], &[]);
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{lines}{}", String::from_utf8_lossy(&output.stderr));
    assert!(lines.ends_with("17 steps as expected, 0 otherwise, 0 skipped\n"), "{lines}");
}

/// The printed commands, in the terminal of a reader who copies them all.
#[cfg(unix)]
#[test]
fn the_commands_that_it_prints_acquire_a_token_and_call_the_services() {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    assert!(has_curl || !in_ci, "the continuous integration has curl");
    if !has_curl {
        return;
    }
    let mut demo = program::command::<&str>("demo", &[]).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut script = String::from("set -e\n");
    let printed = lines.skip_while(|line| !line.starts_with("Try it")).skip(1);
    for line in printed {
        script.push_str(&line);
        script.push('\n');
        if script.matches("\n  curl ").count() == 3 {
            break;
        }
    }
    let shell = Command::new("sh").args(["-c", &script]).stderr(Stdio::inherit()).output().unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    let printed = String::from_utf8(shell.stdout).unwrap();
    assert!(shell.status.success(), "{script}{printed}");
    assert!(!script.contains("cargo"), "{script}");
    // An empty list, the created resource, and a list that has it.
    assert!(printed.starts_with(r#"{"items":[]"#), "{script}{printed}");
    assert_eq!(printed.matches(r#""name":"mine""#).count(), 2, "{script}{printed}");
}

#[test]
fn it_names_the_ports_that_are_taken_and_lists_the_secrets_of_all_clients() {
    let listen = |port: u16| Some((port, TcpListener::bind(("127.0.0.1", port)).ok()?));
    let taken = loop {
        let taken: Vec<_> = [5000, 5001, 5002, 5010, 5011, 5012].into_iter().filter_map(listen).collect();
        // Another demo may have all of them for a moment.
        if !taken.is_empty() {
            break taken;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut demo = program::command::<&str>("demo", &[]).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let printed: String = lines.take_while(|line| !line.starts_with("Try it")).collect();
    demo.kill().unwrap();
    demo.wait().unwrap();
    let mut log = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    for (port, _) in taken {
        assert!(log.contains(&format!("cannot listen on port {port}; another port is used")), "{log}");
    }
    for secret in [DEMO_CLIENT_SECRET, DEMO_READ_ONLY_CLIENT_SECRET, DEMO_UNGRANTED_CLIENT_SECRET] {
        assert!(printed.contains(secret), "{printed}");
    }
}

/// A settings file for running services, with only what every tenant has.
fn settings(folder: &Path, world: &World) -> String {
    let path = folder.join("mine.toml");
    let text = format!(
        "[azure_ad]\ninstance = \"{}\"\ntenant_id = \"{}\"\n\
         [resource]\nbase_url = \"{}\"\napp_id_uri = \"api://{}\"\n\
         [clients.full]\nclient_id = \"{}\"\n\
         [http_client]\nconnect_timeout_seconds = 5\ntimeout_seconds = 10\nca_file = \"{}\"\n",
        world.system.authority().instance(),
        tests::world::TENANT,
        world.system.resource_url(),
        tests::world::RESOURCE,
        tests::world::CLIENT,
        world.system.ca_file().display(),
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_the_services_cannot_do_are_skipped_with_the_reason() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = settings(folder.path(), &world);
    let variables = [("CLIENTS__FULL__CLIENT_SECRET", DEMO_CLIENT_SECRET)];
    let output = program::run("demo", &["--once", "--settings", &path], &variables);
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{lines}");
    assert!(lines.contains("skipped: only the stand-in can"), "{lines}");
    assert!(lines.contains("8 steps as expected, 0 otherwise, 9 skipped"), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unexpected_step_exits_with_1() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = settings(folder.path(), &world);
    let variables = [("CLIENTS__FULL__CLIENT_SECRET", "wrong")];
    let output = program::run("demo", &["--once", "--settings", &path], &variables);
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{lines}");
    assert!(lines.contains("AADSTS7000215"), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_settings_exit_with_2() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = settings(folder.path(), &world);
    let refused = |path: &str, expected: &str| {
        let output = program::run::<&str>("demo", &["--once", "--settings", path], &[]);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.contains(expected) && line.trim_end().lines().count() == 1, "{line}");
    };
    refused(&path, "CLIENTS__FULL__CLIENT_SECRET");
    refused("/nowhere/mine.toml", "/nowhere/mine.toml");
}
