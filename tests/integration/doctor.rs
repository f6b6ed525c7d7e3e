//! `client-app doctor` against the stand-in and the resource-app: a good run, and what each fault looks like.

use std::process::Output;

use demo::system::{DEMO_CLIENT_SECRET, DEMO_READ_ONLY_CLIENT_SECRET};
use entra_stand_in::Authority;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use serde_json::Value;
use tests::World;
use tests::program;
use tests::world::{OTHER_RESOURCE, TENANT};

const READ_ONLY_CLIENT: &str = "5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635";

/// The program's exit code and output.
struct Run {
    code: i32,
    text: String,
}

/// Runs `doctor` with `DemoClientApp`'s secret and these variables on top; an empty variable is removed.
async fn doctor(world: &World, arguments: &[&str], more: &[(&'static str, &str)]) -> Run {
    let regular = [
        ("AZURE_AD__INSTANCE", world.system.authority().instance().to_string()),
        ("HTTP_CLIENT__CA_FILE", world.system.ca_file().display().to_string()),
        ("RESOURCE__BASE_URL", world.system.resource_url().to_string()),
        ("AZURE_CLIENT_SECRET", DEMO_CLIENT_SECRET.to_owned()),
    ];
    let is_new = |name: &str| more.iter().all(|(other, _)| *other != name);
    let regular = regular.into_iter().filter(|(name, _)| is_new(name));
    let more = more.iter().map(|&(name, value)| (name, value.to_owned()));
    run(arguments, regular.chain(more).filter(|(_, value)| !value.is_empty()).collect()).await
}

async fn run(arguments: &[&str], mut variables: Vec<(&'static str, String)>) -> Run {
    variables.push(("RUST_LOG", "trace".to_owned()));
    let arguments: Vec<String> = ["doctor"].iter().chain(arguments).map(ToString::to_string).collect();
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        program::run("client-app", &arguments, &variables)
    };
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(run).await.unwrap();
    let (text, log) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    // Every token and assertion begins with "eyJ".
    for canary in ["eyJ", DEMO_CLIENT_SECRET, DEMO_READ_ONLY_CLIENT_SECRET, "canary"] {
        assert!(!text.contains(canary) && !log.contains(canary), "{canary} in {text} {log}");
    }
    Run { code: status.code().unwrap(), text }
}

impl Run {
    /// The line of a check, and the line below it.
    fn check(&self, name: &str) -> (&str, &str) {
        let mut lines =
            self.text.lines().skip_while(|line| !line.get(8..).is_some_and(|l| l.starts_with(name)));
        let line = lines.next().unwrap_or_else(|| panic!("{name}: {}", self.text));
        (line.trim(), lines.next().unwrap_or_default().trim())
    }

    /// The names of the checks with this mark.
    fn marked(&self, mark: &str) -> Vec<&str> {
        let marked = self.text.lines().filter(|line| line.starts_with(&format!("  {mark:<4}  ")));
        marked.map(|line| line[8..26].trim_end()).collect()
    }
}

/// The report with ports and times masked, since they differ from run to run.
fn golden(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let bare = word.trim_end_matches([' ', '\n', ',', ';', '/']);
        let end = &word[bare.len()..];
        if bare.parse::<jiff::Timestamp>().is_ok() {
            return format!("TIME{end}");
        }
        match bare.rsplit_once("localhost:") {
            Some((before, after)) => {
                let path = after.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before}localhost:PORT{path}{end}")
            }
            None => word.to_owned(),
        }
    });
    let text: String = words.collect();
    // A date has a resolution of a second, and a busy machine is slow.
    let (before, rest) = text.split_once("this machine is ").unwrap();
    let (_, after) = rest.split_once(" localhost").unwrap();
    format!("{before}this machine is 0 s behind localhost{after}")
}

#[tokio::test]
async fn a_good_run_passes_every_check() {
    let world = World::start().await;
    let run = doctor(&world, &[], &[("AZURE_AD__CLIENT_SECRET_EXPIRES_ON", "2999-01-31")]).await;
    assert_eq!(run.code, 0, "{}", run.text);
    let days = run.text.split("expires in ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let text = golden(&run.text).replace(&days, "DAYS");
    assert_eq!(text, include_str!("doctor/good.txt"));

    let run = doctor(&world, &["--json"], &[]).await;
    let report: Value = serde_json::from_str(&run.text).unwrap();
    assert_eq!((run.code, &report["healthy"]), (0, &Value::Bool(true)));
    let checks = report["checks"].as_array().unwrap();
    let outcomes: Vec<&str> = checks.iter().map(|check| check["outcome"].as_str().unwrap()).collect();
    assert_eq!(
        outcomes,
        ["pass", "skipped", "pass", "pass", "pass", "pass", "pass", "pass", "pass", "pass", "pass", "pass"]
    );
}

#[tokio::test]
async fn a_credential_that_is_refused_or_unreadable_is_reported_with_its_remedy() {
    let world = World::start().await;
    let run = doctor(&world, &[], &[("AZURE_CLIENT_SECRET", "canary")]).await;
    let (line, remedy) = run.check("token ");
    assert!(run.code == 1 && line.contains("AADSTS7000215"), "{}", run.text);
    assert!(remedy.starts_with("Use the secret's value, not its id"), "{remedy}");
    assert_eq!(run.marked("FAIL"), ["token"]);
    assert_eq!(
        run.marked("-"),
        ["credential expiry", "token version", "issuer", "lifetime", "audience", "acceptance", "roles"]
    );

    let nowhere = [("AZURE_CLIENT_SECRET", ""), ("AZURE_AD__CLIENT_SECRET_FILE", "/nowhere/secret")];
    let run = doctor(&world, &[], &nowhere).await;
    let (line, remedy) = run.check("credential ");
    assert!(run.code == 1 && line.contains("/nowhere/secret"), "{}", run.text);
    assert!(remedy.contains("Correct the key"), "{remedy}");
    assert_eq!((run.marked("FAIL"), run.marked("pass")), (vec!["credential"], vec!["clock", "resource"]));
}

#[tokio::test]
async fn a_role_that_is_missing_is_named_with_the_routes_that_demand_it() {
    let world = World::start().await;
    let client =
        [("AZURE_CLIENT_ID", READ_ONLY_CLIENT), ("AZURE_CLIENT_SECRET", DEMO_READ_ONLY_CLIENT_SECRET)];
    let run = doctor(&world, &[], &client).await;
    let (line, remedy) = run.check("roles");
    assert!(line.contains("Resource.Read; missing: Resource.Write, for POST /api/resources"), "{line}");
    assert!(remedy.starts_with("Grant Resource.Write to this client"), "{remedy}");
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["roles"]));
    // The client may be meant to read only.
    assert_eq!(doctor(&world, &["--needs", "Resource.Read"], &client).await.code, 0);
    assert_eq!(
        doctor(&world, &["--needs", "Resource.Read", "--needs", "Resource.Write"], &client).await.code,
        1
    );
}

#[tokio::test]
async fn a_token_for_another_api_names_the_setting() {
    let world = World::start().await;
    let other = format!("api://{OTHER_RESOURCE}");
    let run = doctor(&world, &["--needs", "Other.Read"], &[("RESOURCE__APP_ID_URI", &other)]).await;
    let (_, remedy) = run.check("audience");
    assert!(remedy.contains("RESOURCE__APP_ID_URI"), "{}", run.text);
    assert!(run.code == 1 && run.marked("FAIL").contains(&"audience"), "{}", run.text);
    assert!(run.check("acceptance").0.contains("401 audience_mismatch: see audience"), "{}", run.text);

    let run = doctor(&world, &[], &[("RESOURCE__APP_ID_URI", "api://nothing")]).await;
    assert!(run.check("token ").0.contains("AADSTS500011"), "{}", run.text);
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["token"]));
}

#[tokio::test]
async fn each_peer_that_does_not_answer_is_named() {
    let world = World::start().await;
    // Nothing listens on this loopback address.
    let unused = "http://127.66.6.6:9";
    let run = doctor(&world, &[], &[("RESOURCE__BASE_URL", unused)]).await;
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["resource"]));
    assert!(run.check("resource").1.starts_with("Start the resource"), "{}", run.text);
    assert_eq!(run.marked("-"), ["credential expiry", "audience", "acceptance", "roles"]);

    let run = doctor(&world, &[], &[("AZURE_AD__INSTANCE", "https://127.66.6.6:9")]).await;
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["authority"]));
    assert!(run.check("token ").0.contains("the authority was not reached"), "{}", run.text);

    let run = doctor(&world, &[], &[("HTTP_CLIENT__CA_FILE", "")]).await;
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["authority", "resource"]));
    assert!(run.check("authority").1.contains("HTTP_CLIENT__CA_FILE"), "{}", run.text);

    let run = doctor(&world, &[], &[("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001")]).await;
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["authority"]));
    assert!(run.check("authority").0.contains("AADSTS90002"), "{}", run.text);
}

#[tokio::test]
async fn an_expired_certificate_is_a_finding_and_no_unusable_setting() {
    let world = World::start().await;
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.pem");
    std::fs::write(&file, format!("{}{}", key.serialize_pem(), params.self_signed(&key).unwrap().pem()))
        .unwrap();
    let file = file.display().to_string();
    let certificate = [("AZURE_CLIENT_SECRET", ""), ("AZURE_CLIENT_CERTIFICATE_PATH", file.as_str())];
    let run = doctor(&world, &[], &certificate).await;
    let (line, remedy) = run.check("credential expiry");
    assert!(line.contains("expired at 2021-01-01T00:00:00Z"), "{}", run.text);
    assert!(remedy.starts_with("Register a new one"), "{remedy}");
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["credential expiry", "token"]));
}

#[tokio::test]
async fn a_managed_identity_has_nothing_that_expires_and_no_authority_to_reach() {
    let any = ([127, 0, 0, 1], 0).into();
    let machine = Authority::builder().managed_identity_listen(Some(any)).spawn().await.unwrap();
    let variables = [
        ("AZURE_AD__TENANT_ID", TENANT.to_owned()),
        ("AZURE_AD__CREDENTIAL__KIND", "managed_identity".to_owned()),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.managed_identity_url().unwrap().to_string()),
        ("RESOURCE__BASE_URL", "http://127.66.6.6:9".to_owned()),
    ];
    let run = run(&[], variables.into()).await;
    assert!(run.check("credential ").0.contains("managed identity, from http://127.0.0.1:"), "{}", run.text);
    assert!(run.check("token version").0.contains("from a managed identity"), "{}", run.text);
    assert_eq!((run.code, run.marked("FAIL")), (1, vec!["resource"]));
    for skipped in ["credential expiry", "authority", "clock"] {
        assert!(run.marked("-").contains(&skipped), "{}", run.text);
    }
}

#[tokio::test]
async fn unusable_settings_are_no_finding() {
    let world = World::start().await;
    for (name, value) in
        [("AZURE_CLIENT_SECRET", ""), ("AZURE_TENANT_ID", "common"), ("HTTP_CLIENT__CA_FILE", "/nowhere")]
    {
        let run = doctor(&world, &[], &[(name, value)]).await;
        assert_eq!((run.code, run.text.as_str()), (2, ""), "{name}");
    }
}
