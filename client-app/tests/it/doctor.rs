//! `doctor` against peers that the stand-in cannot imitate: wrong clocks, opaque tokens, APIs without a description.

use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::peer::{Peers, Scripted};
use crate::program::{ended, run};

const DOCUMENT: &str = r#"{"issuer":"https://login.microsoftonline.com/x/v2.0"}"#;

/// Returns the exit code and the report for an authority with this discovery document.
async fn doctor(peers: &Peers, document: Scripted) -> (i32, String) {
    peers.authority.answers(document);
    let (code, report, _) = ended(&run(peers, &["doctor"]).await);
    crate::peer::shows_no_canary(&report);
    (code, report)
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_the_authoritys_date() {
    let peers = Peers::start().await;
    for (minutes, expected, code, mark) in [
        (0, "0 s behind", 0, "pass"),
        (3, "s behind", 0, "warn"),
        (-4, "s ahead of", 0, "warn"),
        (20, "s behind", 1, "FAIL"),
    ] {
        let date = Timestamp::now() + SignedDuration::from_mins(minutes) + SignedDuration::from_millis(900);
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
        let document = Scripted::json(200, DOCUMENT).header("date", date);
        let (ended, report) = doctor(&peers, document).await;
        let line = report.lines().find(|line| line[8..].starts_with("clock")).unwrap();
        assert!(line.starts_with(&format!("  {mark}")), "{line}");
        assert!(minutes == 0 || line.contains(expected), "{line}");
        assert_eq!(ended, code, "{report}");
        assert_eq!(report.contains("NTP"), minutes != 0, "{report}");
    }
}

#[tokio::test]
async fn unknown_facts_are_skipped_and_are_no_failure() {
    let peers = Peers::start().await;
    let (code, report) = doctor(&peers, Scripted::json(200, DOCUMENT)).await;
    assert_eq!(code, 0, "{report}");
    for expected in [
        "a secret does not tell",
        "the token is not a JWT",
        "does not tell whether it accepts the token (GET /api/caller: 404",
    ] {
        assert!(report.contains(expected), "{report}");
    }
    let asked = peers.resource.asked();
    assert_eq!(
        asked.iter().map(|asked| asked.target.as_str()).collect::<Vec<_>>(),
        ["/openapi.json", "/api/caller"]
    );
    // The description is public and needs no token.
    assert!(
        !asked[0].headers.contains_key("authorization") && asked[1].headers.contains_key("authorization")
    );
    assert_eq!(peers.authority.asked().len(), 2);
}

#[tokio::test]
async fn an_authority_without_a_discovery_document_is_judged_by_its_tokens() {
    let peers = Peers::start().await;
    let (code, report) = doctor(&peers, Scripted::new(404, "canary")).await;
    assert!(code == 0 && report.contains("warn  authority") && report.contains("pass  token "), "{report}");
}

#[tokio::test]
async fn a_refusal_of_the_resource_comes_with_its_code_and_the_step() {
    let peers = Peers::start().await;
    let problem = r#"{"status":403,"title":"x","code":"client_not_allowed"}"#;
    peers.resource.answers(Scripted::new(404, "")).answers(Scripted::new(403, problem));
    let (code, report) = doctor(&peers, Scripted::json(200, DOCUMENT)).await;
    assert_eq!(code, 1, "{report}");
    assert!(report.contains("403 client_not_allowed\n          Have this client added"), "{report}");
}

#[tokio::test]
async fn a_resource_that_redirects_fails_with_the_address_to_set() {
    let peers = Peers::start().await;
    peers.resource.answers(Scripted::new(308, "").header("location", "https://moved.example/"));
    let (code, report) = doctor(&peers, Scripted::json(200, DOCUMENT)).await;
    assert_eq!(code, 1, "{report}");
    assert!(report.contains("redirects to https://moved.example/") && report.contains("RESOURCE__BASE_URL"));
}

#[tokio::test]
async fn a_step_that_takes_longer_than_a_second_is_reported_on_standard_error() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::json(200, DOCUMENT).after(Duration::from_millis(1500)));
    let output = run(&peers, &["doctor"]).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    let progress: Vec<&str> = errors.lines().filter(|line| line.ends_with(" ...")).collect();
    assert_eq!(progress, ["waiting for the authority ..."], "{errors}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("waiting"));
}
