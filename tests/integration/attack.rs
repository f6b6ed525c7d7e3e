//! The attack suite as a program: against the services of this workspace, and its reports.

mod browser;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use entra_attack::{Admin, AssertApi, Attack, Outcome, Profile, Report, Source};
use entra_stand_in::Authority;
use tempfile::TempDir;
use tests::program;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::catalogue::Api;
use crate::command::{run_script, run_within};
use crate::node::Packages;
use crate::python::Python;

const ROUTE: [&str; 4] = ["--route", "GET /api/orders", "--role", "Orders.Read"];

/// A folder with the stand-in's keys, and its port.
struct Place {
    folder: TempDir,
    listen: String,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), listen: format!("127.0.0.1:{}", free_port()) }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs `authority-app attack` to its end.
    async fn attack(&self, arguments: &[&str]) -> Output {
        let data = self.path("data");
        let mut command = program::command("authority-app", &[("DATA__FOLDER", &data)]);
        command.args(["attack", "--listen", &self.listen]).args(arguments);
        let output = tokio::process::Command::from(command).kill_on_drop(true).output();
        tokio::time::timeout(Duration::from_mins(3), output).await.unwrap().unwrap()
    }

    /// Starts the example of the guard with the settings that the suite prints.
    async fn start_orders(&self, port: u16) -> Orders {
        let printed = self.attack(&["--print-settings", "entra-guard"]).await;
        assert!(printed.status.success(), "{}", said(&printed));
        let printed = String::from_utf8(printed.stdout).unwrap();
        let settings = printed.lines().filter_map(|line| line.split_once('='));
        let mut command = std::process::Command::new(program::example("orders"));
        command.envs(settings).env("LISTEN", format!("127.0.0.1:{port}"));
        Orders(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

/// The running example.
struct Orders(Child);

impl Drop for Orders {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn read(path: &str) -> Report {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn outcomes(report: &Report) -> BTreeMap<&str, Outcome> {
    report.rows.iter().map(|row| (row.id.as_str(), row.outcome)).collect()
}

#[tokio::test]
async fn the_example_passes_every_row_twice_with_the_settings_that_are_printed() {
    let (place, port) = (Place::new(), free_port());
    let url = format!("http://127.0.0.1:{port}");
    let mut reports = Vec::new();
    for name in ["first.json", "second.json"] {
        let _orders = place.start_orders(port).await;
        let file = place.path(name);
        let mut arguments = vec![url.as_str(), "--profile", "strict", "--json", &file];
        arguments.extend(ROUTE);
        let start = Instant::now();
        let output = place.attack(&arguments).await;
        assert!(start.elapsed() < Duration::from_mins(2), "{:?}", start.elapsed());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).contains("catalogue of tokens"), "no progress: {}", said(&output));
        reports.push(read(&file));
    }
    assert_eq!(reports[0].counts.undecided, 0, "{}", reports[0].to_text());
    assert!(reports[0].rows.len() > 620 && reports[0].complete);
    assert_eq!(outcomes(&reports[0]), outcomes(&reports[1]));
}

#[tokio::test]
async fn the_resource_app_passes_every_row() {
    let api = Api::start_with(&[]).await;
    api.tenant.assert_api(&api.url, "Resource.Read").await;
}

#[tokio::test]
async fn a_run_that_cannot_take_place_says_why_and_ends_with_2() {
    let place = Place::new();
    let quick = ["--wait", "1s"];
    let closed = format!("http://127.0.0.1:{}", free_port());
    let open = serve(Router::new()).await;
    for (arguments, expected) in [
        (vec![closed.as_str()], "0 routes and 0 roles"),
        ([&[closed.as_str()][..], &ROUTE, &quick].concat(), "nothing listens on"),
        ([&[open.as_str()][..], &ROUTE, &quick].concat(), "404; is the path right?"),
        ([&["http://93.184.216.34"][..], &ROUTE].concat(), "--i-may-attack 93.184.216.34"),
        ([&[open.as_str(), "--audience", "Nothing"][..], &ROUTE].concat(), "it has: DemoResourceApp"),
        ([&[open.as_str(), "--allow", "/nowhere"][..], &ROUTE].concat(), "/nowhere"),
    ] {
        let output = place.attack(&arguments).await;
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_a_run_with_what_it_found_so_far() {
    let (place, port) = (Place::new(), free_port());
    let _orders = place.start_orders(port).await;
    let (url, file) = (format!("http://127.0.0.1:{port}"), place.path("partial.json"));
    let data = place.path("data");
    let mut command = program::command("authority-app", &[("DATA__FOLDER", &data)]);
    command.args(["attack", &url, "--listen", &place.listen, "--json", &file]).args(ROUTE);
    let mut attack = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let id = attack.id().unwrap().to_string();
    let mut stderr = tokio::io::BufReader::new(attack.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("key rollovers") {
        line.clear();
        assert_ne!(tokio::io::AsyncBufReadExt::read_line(&mut stderr, &mut line).await.unwrap(), 0);
    }
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status: ExitStatus = attack.wait().await.unwrap();
    assert_eq!(status.code(), Some(2));
    let report = read(&file);
    assert!(!report.complete && !report.rows.is_empty() && report.rows.len() < 100, "{}", report.rows.len());
    assert!(report.to_text().contains("INCOMPLETE"), "{}", report.to_text());
}

#[cfg(unix)]
#[tokio::test]
async fn the_actions_script_attacks_each_route_and_its_files_are_valid() {
    let (place, port) = (Place::new(), free_port());
    let _orders = place.start_orders(port).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let run = async |routes: &str| {
        let variables = [
            ("AUTHORITY_APP", program::path("authority-app").display().to_string()),
            ("URL", format!("http://127.0.0.1:{port}")),
            ("ROUTES", routes.to_owned()),
            ("ARGUMENTS", format!("--listen {}", place.listen)),
            ("DATA__FOLDER", place.path("data")),
        ];
        let mut script = tokio::process::Command::new("bash");
        script.arg(root.join("attack/action/attack.sh")).current_dir(place.folder.path()).envs(variables);
        script.kill_on_drop(true).output().await.unwrap()
    };
    let output = run("GET /api/orders = Orders.Read\n\nPOST /api/orders = Orders.Write\n").await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = read(&place.path("attack-reports/attack.json"));
    assert_eq!(report.routes, ["GET /api/orders, Orders.Read", "POST /api/orders, Orders.Write"]);
    for name in ["attack.xml", "attack.sarif", "attack.html"] {
        assert!(Path::new(&place.path("attack-reports")).join(name).exists(), "{name}");
    }
    assert_eq!(run("GET /api/orders").await.status.code(), Some(2));
    let Some(packages) = tools().await else { return };
    for file in [".github/workflows/release.yml", "attack/action/action.yml"] {
        let validator = packages.folder().join("node_modules/@action-validator/cli/cli.mjs");
        run_script(tokio::process::Command::new("node").arg(validator).arg(root.join(file))).await;
    }
}

/// Serves a router until the test ends.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The report on an API that lets everybody in.
async fn report_on_an_open_api() -> Report {
    let authority = Authority::builder().spawn().await.unwrap();
    let tenant = authority.tenant().await.unwrap();
    tenant.application("orders").unwrap().role("Orders.Read").unwrap();
    let url = serve(Router::new().fallback(async || "[]")).await;
    Attack::new(Admin::local(tenant.admin()), url.parse().unwrap())
        .tenant(tenant.id().to_string())
        .route("GET /orders".parse().unwrap(), "Orders.Read")
        .profile(Profile::Strict)
        .run(&CancellationToken::new())
        .await
        .unwrap()
}

#[tokio::test]
async fn reports_are_what_their_readers_expect() {
    let report = report_on_an_open_api().await;
    assert!(report.has_failed() && report.counts.fatal > 300, "{:?}", report.counts);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let sarif = write("report.sarif", report.to_sarif(&Source { file: "openapi.json".to_owned() }));
    let junit = write("report.xml", report.to_junit());
    let html = write("report.html", report.to_html());
    sarif_is_valid(&sarif).await;
    junit_is_read(&junit, &report).await;
    browser::page_is_whole_and_requests_nothing(&html).await;
}

/// The tools of npm that these tests use.
async fn tools() -> Option<Packages> {
    static READY: OnceCell<Option<Packages>> = OnceCell::const_new();
    let package = include_str!("attack/package.json");
    let lock = include_str!("attack/package-lock.json");
    READY.get_or_init(|| Packages::ready("attack-tools", package, lock)).await.clone()
}

async fn sarif_is_valid(path: &Path) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Some(packages) = tools().await else { return };
    let tool = packages.folder().join("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    run_script(tokio::process::Command::new("chmod").arg("+x").arg(&tool)).await;
    let mut command = tokio::process::Command::new(&tool);
    command.arg("validate").arg(path).args(["--rule-kind", "Sarif;GHAS"]);
    // The program is of .NET, which asks for libraries of languages that it does not need here.
    command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
    let said =
        run_within(Duration::from_mins(1), &mut command).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("Analysis completed successfully"), "{said}");
    assert!(!said.contains(": error "), "{said}");
    assert!(!said.contains(": warning "), "{said}");
}

/// `junitparser` is what pipelines publish results with.
async fn junit_is_read(path: &Path, report: &Report) {
    const SCRIPT: &str = "
import sys
from junitparser import JUnitXml
xml = JUnitXml.fromfile(sys.argv[1])
print(sum(suite.tests for suite in xml), sum(suite.failures for suite in xml), sum(suite.skipped for suite in xml))
print(sum(len(list(suite)) for suite in xml))
";
    let Some(python) = Python::ready("junitparser", "junitparser==4.0.2\n").await else { return };
    let mut command = tokio::process::Command::new(python.program("python"));
    let said = run_script(command.args(["-c", SCRIPT]).arg(path)).await;
    let (rows, counts) = (report.rows.len(), report.counts);
    assert_eq!(said.trim(), format!("{rows} {} {}\n{rows}", counts.counting, counts.undecided), "{said}");
}
