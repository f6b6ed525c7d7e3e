//! Faults, clocks, journals and catalogues.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use entra_shared::ids::{ClientId, TenantId};
use entra_shared::problem::MEDIA_TYPE;
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::one_at_a_time::OneAtATime;
use super::{failed, invalid, never_stored, tenant};
use crate::MintError;
use crate::catalogue::{self, BadToken, GoodToken};
use crate::endpoint::Endpoint;
use crate::endpoints::AppState;
use crate::faults::Fault;
use crate::journal::{Bounds, Count, Entry, Journal};
use crate::tenants::LiveTenant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    tenant: Option<TenantId>,
    endpoint: Endpoint,
    #[serde(rename = "script")]
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hand {
    tenant: Option<TenantId>,
    advance_seconds: Option<u64>,
    rewind_seconds: Option<u64>,
    set: Option<Timestamp>,
    #[serde(default)]
    freeze: bool,
    #[serde(default)]
    resume: bool,
    #[serde(default)]
    reset: bool,
}

/// An operation on a clock.
enum Turn {
    Advance(Duration),
    Rewind(Duration),
    Set(Timestamp),
    Freeze,
    Resume,
    Reset,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    pub(super) tenant: Option<TenantId>,
}

/// Selects journal entries. `within_seconds` uses the machine's clock, which no test moves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    tenant: Option<TenantId>,
    endpoint: Option<Endpoint>,
    client_id: Option<ClientId>,
    within_seconds: Option<u64>,
    least: Option<usize>,
    most: Option<usize>,
    most_within_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForWhom {
    tenant: Option<TenantId>,
    client_id: ClientId,
    resource: ClientId,
}

pub(super) async fn faults(State(state): State<AppState>, Body(new): Body<Script>) -> Response {
    match tenant(&state, new.tenant) {
        Ok(tenant) => {
            tenant.faults.on(new.endpoint, new.faults);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(response) => *response,
    }
}

/// Applies the one operation in the request; a request with none or several changes nothing.
pub(super) async fn clock(State(state): State<AppState>, Body(hand): Body<Hand>) -> Response {
    let tenant = match tenant(&state, hand.tenant) {
        Ok(tenant) => tenant,
        Err(response) => return *response,
    };
    let Some(turn) = hand.turn() else {
        let members = "`advance_seconds`, `rewind_seconds`, `set`, `freeze`, `resume` and `reset`";
        return invalid(format!("send exactly one of {members}"));
    };
    let clock = &tenant.clock;
    match turn {
        Turn::Advance(time) => clock.advance(time),
        Turn::Rewind(time) => clock.rewind(time),
        Turn::Set(time) => clock.set(time),
        Turn::Freeze => clock.freeze(),
        Turn::Resume => clock.resume(),
        Turn::Reset => clock.reset(),
    }
    Json(json!({ "now": clock.now() })).into_response()
}

impl Hand {
    /// Returns the operation if the request has exactly one.
    fn turn(&self) -> Option<Turn> {
        let turns = [
            self.advance_seconds.map(|seconds| Turn::Advance(Duration::from_secs(seconds))),
            self.rewind_seconds.map(|seconds| Turn::Rewind(Duration::from_secs(seconds))),
            self.set.map(Turn::Set),
            self.freeze.then_some(Turn::Freeze),
            self.resume.then_some(Turn::Resume),
            self.reset.then_some(Turn::Reset),
        ];
        let mut turns = turns.into_iter().flatten();
        turns.next().filter(|_| turns.next().is_none())
    }
}

pub(super) async fn journal(State(state): State<AppState>, Query(wanted): Query<Wanted>) -> Response {
    let journal = match journal_of(&state, wanted.tenant) {
        Ok(journal) => journal,
        Err(response) => return *response,
    };
    let past = wanted.within_seconds.map(Duration::from_secs);
    let entries = past.map_or_else(|| journal.entries(), |past| journal.within(past));
    let entries = entries.only(|entry| wanted.includes(entry));
    let window = wanted.most_within_seconds.map(Duration::from_secs);
    let count = window.map_or(entries.len(), |window| entries.most_within_any(window));
    let shown: Vec<&Entry> = entries.iter().map(AsRef::as_ref).collect();
    let expected = wanted.expected();
    if expected.contains(count) {
        return Json(json!({ "count": count, "entries": shown })).into_response();
    }
    let problem = json!({
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "count_unexpected",
        "count": count,
        "expected": expected.to_string(),
        "entries": shown,
    });
    (StatusCode::CONFLICT, [(header::CONTENT_TYPE, MEDIA_TYPE)], problem.to_string()).into_response()
}

impl Wanted {
    fn includes(&self, entry: &Entry) -> bool {
        self.endpoint.is_none_or(|endpoint| entry.endpoint == endpoint)
            && self.client_id.is_none_or(|client| entry.client_id == Some(client))
    }

    fn expected(&self) -> Bounds {
        (self.least.unwrap_or(0)..=self.most.unwrap_or(usize::MAX)).into_bounds()
    }
}

/// Forgets the tokens of managed identities, which are handed out again for a day otherwise.
pub(super) async fn forget_identity_tokens(
    State(state): State<AppState>,
    Body(whose): Body<Whose>,
) -> Response {
    match tenant(&state, whose.tenant) {
        Ok(tenant) => {
            tenant.identity_tokens.forget();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(response) => *response,
    }
}

pub(super) async fn clear_journal(State(state): State<AppState>, Query(whose): Query<Whose>) -> Response {
    match journal_of(&state, whose.tenant) {
        Ok(journal) => journal.clear(),
        Err(response) => return *response,
    }
    StatusCode::NO_CONTENT.into_response()
}

/// Returns a tenant's journal, or the one of all tenants.
fn journal_of(state: &AppState, id: Option<TenantId>) -> Result<Arc<Journal>, Box<Response>> {
    let Some(id) = id else { return Ok(Arc::clone(&state.tenants.journal)) };
    Ok(Arc::clone(&tenant(state, Some(id))?.journal))
}

pub(super) async fn bad_tokens(
    State(state): State<AppState>,
    Extension(queue): Extension<OneAtATime>,
    Query(whom): Query<ForWhom>,
) -> Response {
    let instance = state.origin.canonical().clone();
    let list =
        move |tenant: &LiveTenant| catalogue::bad_tokens(tenant, &instance, (whom.client_id, whom.resource));
    tokens(tenant(&state, whom.tenant), &queue, list, |token: BadToken| {
        let expected = token.expected();
        let (status, error) = (expected.status(), expected.error());
        let allowed: Vec<u16> = (400..=431).filter(|status| expected.allows(*status)).collect();
        json!({
            "name": token.name(), "wrong": token.wrong(), "status": status, "error": error,
            "allowed_statuses": allowed, "token": token.token(),
        })
    })
    .await
}

pub(super) async fn good_tokens(
    State(state): State<AppState>,
    Extension(queue): Extension<OneAtATime>,
    Query(whom): Query<ForWhom>,
) -> Response {
    let instance = state.origin.canonical().clone();
    let list =
        move |tenant: &LiveTenant| catalogue::good_tokens(tenant, &instance, (whom.client_id, whom.resource));
    tokens(
        tenant(&state, whom.tenant),
        &queue,
        list,
        |token: GoodToken| json!({ "name": token.name(), "odd": token.odd(), "token": token.token() }),
    )
    .await
}

/// Signs one catalogue at a time on the blocking pool, since each keeps a core busy for seconds.
async fn tokens<T: Send + 'static>(
    tenant: Result<Arc<LiveTenant>, Box<Response>>,
    queue: &OneAtATime,
    list: impl FnOnce(&LiveTenant) -> Result<Vec<T>, MintError> + Send + 'static,
    shown: impl Fn(T) -> Value,
) -> Response {
    let tenant = match tenant {
        Ok(tenant) => tenant,
        Err(response) => return *response,
    };
    match queue.run(move || list(&tenant)).await {
        Ok(Ok(tokens)) => {
            let tokens: Vec<Value> = tokens.into_iter().map(shown).collect();
            never_stored(Json(json!({ "tokens": tokens })))
        }
        Ok(Err(error)) => invalid(error.to_string()),
        Err(error) => failed(&error),
    }
}
