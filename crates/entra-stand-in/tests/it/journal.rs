//! The journal, and what tests assert on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use entra_stand_in::{Endpoint, Fault};

use crate::tenants::fresh;
use crate::world::{CLIENT, RESOURCE, TENANT, World, form, v2};

#[tokio::test]
async fn the_journal_tells_who_asked_for_what_and_why_the_answer_is_what_it_is() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    client.token(&api).await.unwrap();
    client.revoke(&api, "Orders.Read").unwrap();
    client.token(&api).await.unwrap();
    let path = format!("{}/oauth2/v2.0/token", tenant.id());
    let (id, scope) = (client.client_id().to_string(), format!("{}/.default", api.app_id_uri()));
    world.post(&path, &form(&id, "canary-secret", &scope)).await;
    world.post(&path, &form("canary-id", "canary-secret", "canary-scope")).await;
    tenant.faults().on(Endpoint::Token, [Fault::status(500)]);
    world.post(&path, &[]).await;
    let entries = tenant.journal().entries();
    let told: Vec<_> = entries.iter().map(|entry| (entry.status.unwrap(), entry.aadsts)).collect();
    let expected = [(200, None), (200, None), (401, Some(7000215)), (400, Some(700038)), (500, None)];
    assert_eq!(told, expected);
    assert!(entries[0].reason.contains("Orders.Read"), "{}", entries[0]);
    assert!(entries[1].reason.contains("without roles"), "{}", entries[1]);
    assert!(entries[4].reason.contains("status 500"), "{}", entries[4]);
    assert_eq!((entries[2].client_id, entries[3].client_id), (Some(client.client_id()), None));
    let shown = format!(
        "{entries} {entries:?} {}",
        serde_json::to_string(
            &entries.to_vec().iter().map(AsRef::as_ref).collect::<Vec<&entra_stand_in::Entry>>()
        )
        .unwrap()
    );
    assert!(!shown.contains("canary") && !shown.contains(client.secret().expose()), "{shown}");
}

#[tokio::test]
async fn expectations_hold_or_fail_with_the_list_of_what_came() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    client.token(&api).await.unwrap();
    let keys = format!("{}/discovery/v2.0/keys", tenant.id());
    world.get(&keys).await;
    world.get(&keys).await;
    let journal = tenant.journal();
    journal.expect_token_requests(1);
    journal.expect_key_set_fetches(1..=2);
    journal.within(Duration::from_mins(1)).expect_key_set_fetches(2..);
    journal.within(Duration::ZERO).expect_key_set_fetches(0);
    assert_eq!(journal.entries().most_within(Duration::from_mins(5), Endpoint::Keys), 2);
    let failed = catch_unwind(AssertUnwindSafe(|| journal.expect_key_set_fetches(..=1))).unwrap_err();
    let message = failed.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("expected 0 to 1 requests to keys, but 2 came"), "{message}");
    assert_eq!(message.matches(" keys: 200 (served)").count(), 2, "{message}");
    journal.clear();
    journal.expect_token_requests(0);
}

#[tokio::test]
async fn requests_that_stand_for_no_tenant_of_a_tests_own_are_not_in_its_journal() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    world.get("common/discovery/keys").await;
    world.get("unknown.example/discovery/keys").await;
    world.get("unheard-of/path").await;
    tenant.journal().expect_key_set_fetches(0);
    world.authority.first_tenant().journal().expect_key_set_fetches(1);
    world.authority.journal().expect_key_set_fetches(2);
}

#[tokio::test]
async fn the_journal_says_what_the_log_says_of_mistakes_that_are_hard_to_see() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let api = api.role("Orders.Write").unwrap();
    let client = client.request(&api, "Orders.Write").unwrap();
    client.token(&api).await.unwrap();
    client.revoke(&api, "Orders.Read").unwrap();
    client.token(&api).await.unwrap();
    let reasons: Vec<_> = tenant.journal().entries().iter().map(|entry| entry.reason.clone()).collect();
    let missing = "asked for and not consented to: Orders.Write";
    assert_eq!(reasons[0], format!("issued a token with Orders.Read; {missing}"));
    assert!(reasons[1].contains("without roles") && reasons[1].ends_with(missing), "{}", reasons[1]);
    let scope = format!("api://{RESOURCE}/.default");
    let secret_id = "d1b6f2a0-58c3-4e97-9a04-7b3e1c5d2f68";
    let sent = world.post(&v2(TENANT), &form(CLIENT, secret_id, &scope)).await;
    assert_eq!(sent.status, 401);
    let entries = world.authority.first_tenant().journal().entries();
    assert!(
        entries[0].reason.ends_with("; the secret's id was sent in place of its value"),
        "{}",
        entries[0]
    );
}

#[tokio::test]
async fn the_journal_names_the_client_that_a_fault_refused() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let script = [Fault::status(503), Fault::status(500).after(Duration::from_millis(1))];
    tenant.faults().on(Endpoint::Token, script);
    assert!(client.token(&api).await.is_err() && client.token(&api).await.is_err());
    for entry in &*tenant.journal().entries() {
        assert_eq!(entry.client_id, Some(client.client_id()), "{entry}");
    }
    tenant.journal().expect_token_requests(2);
}
