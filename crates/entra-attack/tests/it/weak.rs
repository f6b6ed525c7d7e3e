//! Each flaw of the weak API leads to its own finding, and to no other.

use std::sync::atomic::Ordering::Relaxed;

use entra_attack::{Admin, Attack, Profile, Report, Route};
use entra_stand_in::Authority;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::weak_api::{Flaw, WeakApi};

/// How many runs are under way at a time; most of a run is waiting.
const CONCURRENCY: usize = 13;

fn attack(api: &WeakApi) -> Attack {
    let archive: Route = "GET /api/archive".parse().unwrap();
    Attack::new(Admin::local(api.tenant.admin()), api.url.parse().unwrap())
        .tenant(api.tenant.id().to_string())
        .route("GET /api/orders".parse().unwrap(), "Orders.Read")
        .route(archive, "Orders.Read")
        .described(["DELETE /api/orders/{id}".parse().unwrap()])
        .profile(Profile::Strict)
}

async fn report(authority: &Authority, flaws: &[Flaw]) -> Report {
    let api = WeakApi::start(authority, flaws).await;
    let report = attack(&api).run(&CancellationToken::new()).await.unwrap();
    assert!(report.complete);
    assert_eq!(api.deleted.load(Relaxed), 0, "a DELETE was sent");
    report
}

/// Attacks with each combination of flaws, and compares the findings that count with the expected ones.
async fn expect_findings(combinations: Vec<(Vec<Flaw>, Vec<&'static str>)>) {
    let authority = Authority::builder().spawn().await.unwrap();
    let wrong: Vec<String> = stream::iter(combinations)
        .map(async |(flaws, expected)| {
            let report = report(&authority, &flaws).await;
            let mut found: Vec<&str> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
            found.sort_unstable();
            let mut wanted = expected;
            wanted.sort_unstable();
            (found != wanted || report.has_failed() == found.is_empty())
                .then(|| format!("{flaws:?}: {found:?}\n{}", report.to_text()))
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flaw_alone_is_found_and_nothing_else_and_nothing_without_any() {
    let mut combinations = vec![(Vec::new(), Vec::new())];
    combinations.extend(Flaw::ALL.map(|(flaw, finding)| (vec![flaw], vec![finding])));
    expect_findings(combinations).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; CI runs it"]
async fn any_two_flaws_are_both_found() {
    let mut combinations = Vec::new();
    for (at, (one, first)) in Flaw::ALL.iter().enumerate() {
        for (other, second) in &Flaw::ALL[at + 1..] {
            let hides = [*one, *other] == [Flaw::ExpiryUnchecked, Flaw::CacheWithoutEnd];
            let findings = if hides { vec![*first] } else { vec![*first, *second] };
            combinations.push((vec![*one, *other], findings));
        }
    }
    expect_findings(combinations).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unguarded_delete_is_found_only_when_it_may_be_sent() {
    let authority = Authority::builder().spawn().await.unwrap();
    let api = WeakApi::start(&authority, &[Flaw::RouteUnguarded]).await;
    let report = attack(&api).unsafe_methods(true).run(&CancellationToken::new()).await.unwrap();
    assert!(api.deleted.load(Relaxed) > 0);
    let finding = report.findings.iter().find(|finding| finding.id == "unguarded-route").unwrap();
    let row = "route/described DELETE /api/orders/{id}";
    assert!(finding.rows.iter().any(|id| id == row), "{finding:?}");
}
