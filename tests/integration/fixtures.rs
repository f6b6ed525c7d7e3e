//! The test fixtures for Python and for Node.js, against the real program.

use std::path::{Path, PathBuf};

use tests::program;
use tokio::process::Command;

use crate::command::{run, run_script, skipped, undirected};
use crate::python::Python;

const REQUIREMENTS: &str = "hatchling==1.28.0\nmypy==1.19.0\npytest==9.0.2\n";

fn fixtures(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(language).canonicalize().unwrap()
}

#[tokio::test]
async fn the_fixtures_for_python_work_with_pytest_and_are_typed() {
    let Some(python) = Python::ready("fixtures", REQUIREMENTS).await else { return };
    let folder = fixtures("python");
    let out = tempfile::tempdir().unwrap();
    // A copy, since builds and tests write next to the sources.
    let copy = out.path().join("python");
    run_script(Command::new("cp").arg("-r").arg(&folder).arg(&copy)).await;
    let here = |program: &str| {
        let mut command = undirected(python.program(program));
        command
            .current_dir(&copy)
            .env("PYTHONPATH", "src")
            .env("AUTHORITY_APP", program::path("authority-app"));
        command
    };
    let said = run_script(here("pytest").args(["-q", "-p", "entra_stand_in.pytest"])).await;
    assert!(said.contains("7 passed"), "{said}");
    run_script(here("mypy").args(["--strict", "src/entra_stand_in/_stand_in.py"])).await;
    let build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"];
    run_script(here("pip").args(build).arg(out.path()).arg(".")).await;
    assert!(out.path().join("entra_stand_in-0.1.0-py3-none-any.whl").exists());
}

#[tokio::test]
async fn the_fixtures_for_node_work_with_its_own_runner() {
    if let Err(reason) = run(Command::new("npm").arg("--version")).await {
        skipped::<()>(&format!("no npm here: {reason}"));
        return;
    }
    let mut test = undirected("node");
    test.args(["--test", "test/"]).current_dir(fixtures("node"));
    let said = run_script(test.env("AUTHORITY_APP", program::path("authority-app"))).await;
    assert!(said.contains("pass 7"), "{said}");
    let packed =
        run_script(Command::new("npm").args(["pack", "--dry-run", "--json"]).current_dir(fixtures("node")))
            .await;
    let packed: serde_json::Value = serde_json::from_str(&packed).unwrap();
    let files: Vec<_> =
        packed[0]["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(files, ["README.md", "index.d.ts", "index.js", "package.json"], "{files:?}");
}
