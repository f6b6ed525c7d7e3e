//! What counts, and the table of all rows.

use entra_attack::{Admin, Attack, Deviations, Outcome, Profile, Report, table};
use entra_stand_in::Authority;
use tokio_util::sync::CancellationToken;

use crate::weak_api::{Flaw, WeakApi};

/// Attacks a fresh API of a tenant of its own.
async fn attack(authority: &Authority, flaws: &[Flaw], profile: Profile, deviations: Deviations) -> Report {
    let api = WeakApi::start(authority, flaws).await;
    run(&api, |attack| attack.profile(profile).deviations(deviations)).await
}

async fn run(api: &WeakApi, configure: impl FnOnce(Attack) -> Attack) -> Report {
    let attack = Attack::new(Admin::local(api.tenant.admin()), api.url.parse().unwrap())
        .tenant(api.tenant.id().to_string())
        .route("GET /api/orders".parse().unwrap(), "Orders.Read");
    configure(attack).run(&CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn the_profile_the_list_and_the_baseline_say_what_counts() {
    let authority = Authority::builder().spawn().await.unwrap();
    let weak = async |profile, deviations| attack(&authority, &[Flaw::AnyTenant], profile, deviations).await;
    let entra = weak(Profile::Entra, Deviations::default()).await;
    assert_eq!((entra.counts.counting, entra.findings.len()), (1, 1), "{}", entra.to_text());

    let allow = "[[allow]]\nrow = \"tenant\"\nreason = \"multi-tenant\"\nuntil = \"2999-01-01\"\n\
                 [[allow]]\nrow = \"token/aud/*\"\nreason = \"old\"\nuntil = \"2999-01-01\"\n";
    let baseline = || {
        let earlier: Report = serde_json::from_str(&entra.to_json()).unwrap();
        Deviations::new(None, Some(earlier)).unwrap()
    };
    let (rfc, allowed, known, good) = tokio::join!(
        weak(Profile::Rfc, Deviations::default()),
        weak(Profile::Entra, Deviations::new(Some(allow), None).unwrap()),
        weak(Profile::Entra, baseline()),
        attack(&authority, &[], Profile::Entra, baseline()),
    );
    // Which tenants an API serves is Entra's rule and no RFC's.
    assert_eq!((rfc.counts.fatal, rfc.counts.counting), (1, 0));
    assert!(!allowed.has_failed());
    assert_eq!(allowed.stale, ["token/aud/*: nothing of that failed"]);
    let row = allowed.rows.iter().find(|row| row.outcome == Outcome::Fail).unwrap();
    assert_eq!(row.excused.as_deref(), Some("allowed until 2999-01-01: multi-tenant"));
    assert!(!known.has_failed() && known.to_sarif(&source()).contains("failed in the baseline too"));
    assert_eq!(good.fixed, ["token/who/tenant-other"]);
}

#[tokio::test]
async fn users_tokens_are_not_sent_to_an_api_that_takes_them() {
    let authority = Authority::builder().spawn().await.unwrap();
    let api = WeakApi::start(&authority, &[]).await;
    let report = run(&api, |attack| attack.accepts_users(true)).await;
    assert!(!report.has_failed(), "{}", report.to_text());
    let sent = |id: &str| report.rows.iter().any(|row| row.id == id);
    assert!(!sent("token/user/scope-and-roles") && !sent("token/user/idtyp-user"));
    assert!(sent("token/user/scope-alone") && sent("token/who/app-with-scope"));
}

#[tokio::test]
async fn a_stand_in_that_goes_away_ends_the_run_with_what_was_found() {
    let authority =
        Authority::builder().admin_listen(Some(([127, 0, 0, 1], 0).into())).spawn().await.unwrap();
    let api = WeakApi::start(&authority, &[Flaw::RouteUnguarded]).await;
    let admin = Admin::remote(authority.admin_url().unwrap()).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        told.recv().await;
        authority.shutdown().await;
    });
    let report = Attack::new(admin, api.url.parse().unwrap())
        .tenant(api.tenant.id().to_string())
        .route("GET /api/orders".parse().unwrap(), "Orders.Read")
        .route("GET /api/archive".parse().unwrap(), "Orders.Read")
        .observe(move |progress| {
            if progress.phase == "key rollovers" {
                let _ = tell.send(());
            }
        })
        .run(&CancellationToken::new())
        .await
        .unwrap();
    assert!(!report.complete && report.has_failed(), "{}", report.to_text());
    let problem = report.problem.as_deref().unwrap();
    assert!(problem.contains("admin listener was not reached"), "{problem}");
    assert!(report.to_text().contains("the run ended early, so rows are missing"));
}

fn source() -> entra_attack::Source {
    entra_attack::Source { file: "openapi.json".to_owned() }
}

/// `UPDATE_GOLDEN=1` writes the table anew.
#[tokio::test]
async fn the_documented_table_is_the_one_of_the_code() {
    let authority = Authority::builder().spawn().await.unwrap();
    let tenant = authority.tenant().await.unwrap();
    let api = tenant.application("orders").unwrap().role("Orders.Read").unwrap();
    let client = tenant.client("caller").unwrap();
    let whose =
        format!("client_id={}&resource={}&tenant={}", client.client_id(), api.client_id(), tenant.id());
    let text = table(&Admin::local(tenant.admin()), &whose).await.unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/attack-rows.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, text, "write it anew with UPDATE_GOLDEN=1 cargo test -p entra-attack table");
}
