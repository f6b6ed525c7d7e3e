//! The state that the phases of a run share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::admin::{Admin, AdminError, Application, Tenant};
use crate::report::{Came, Row};
use crate::route::Route;
use crate::rows;
use crate::target::{Answer, Target};

/// A callback that is told of the progress.
pub(crate) type Observer = Box<dyn Fn(Progress<'_>) + Send + Sync>;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is done now.
    pub phase: &'a str,
    /// How many rows are done.
    pub done: usize,
}

/// A route with the role that guards it.
#[derive(Debug, Clone)]
pub(crate) struct Guarded {
    pub(crate) route: Route,
    pub(crate) role: String,
}

pub(crate) struct Session {
    pub(crate) admin: Admin,
    pub(crate) target: Target,
    pub(crate) tenant: Tenant,
    pub(crate) api: Application,
    /// The client of all tokens.
    pub(crate) client: String,
    pub(crate) routes: Vec<Guarded>,
    /// The route that all tokens are sent to.
    pub(crate) main: Guarded,
    /// The status that a good token gets there.
    pub(crate) good_status: StatusCode,
    pub(crate) accepts_users: bool,
    pub(crate) unsafe_methods: bool,
    pub(crate) patience: Duration,
    pub(crate) state: Mutex<State>,
    pub(crate) observer: Observer,
}

/// The results of a run so far.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) phase: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) leeway_seconds: Option<u64>,
    /// Whether the API does not know the keys that are published now.
    pub(crate) has_old_keys: bool,
}

impl Session {
    pub(crate) fn phase(&self, name: &'static str) {
        self.state().phase = name;
        self.tell();
    }

    pub(crate) fn record(&self, row: Row) {
        self.state().rows.push(row);
        self.tell();
    }

    fn tell(&self) {
        let state = self.state();
        let (phase, done) = (state.phase, state.rows.len());
        drop(state);
        (self.observer)(Progress { phase, done });
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Mints a token of the client for the API. `claims` are changes to a good token's.
    pub(crate) async fn mint(&self, claims: Value, kid: Option<&str>) -> Result<String, AdminError> {
        self.mint_with_role(&self.main.role, claims, kid).await
    }

    pub(crate) async fn mint_with_role(
        &self,
        role: &str,
        claims: Value,
        kid: Option<&str>,
    ) -> Result<String, AdminError> {
        let mut all = json!({ "roles": [role] });
        if let (Value::Object(all), Value::Object(claims)) = (&mut all, claims) {
            all.extend(claims);
        }
        let body = json!({
            "tenant": self.tenant.id, "client_id": self.client, "resource": self.api.client_id, "claims": all, "kid": kid,
        });
        self.admin.post("tokens", body, "access_token").await
    }

    pub(crate) async fn good(&self) -> Result<String, AdminError> {
        self.mint(json!({}), None).await
    }

    /// Returns the parameters that the stand-in's catalogues take.
    pub(crate) fn whose(&self) -> String {
        format!("client_id={}&resource={}&tenant={}", self.client, self.api.client_id, self.tenant.id)
    }

    /// Sends a token to the main route.
    pub(crate) async fn send(&self, token: &str) -> Came {
        self.send_headers(bearer(token)).await
    }

    pub(crate) async fn send_headers(&self, headers: HeaderMap) -> Came {
        let route = &self.main.route;
        self.send_to(route, &route.random_path(), headers).await
    }

    pub(crate) async fn send_to(&self, route: &Route, path: &str, headers: HeaderMap) -> Came {
        match self.target.send(&route.method, path, headers).await {
            Ok(answer) => Came::Answer(answer),
            Err(error) if error.is_timeout() => Came::TimedOut,
            Err(error) if error.is_connect() => Came::Unreachable,
            Err(_) => Came::Closed,
        }
    }

    /// Returns whether an answer of the main route lets the caller in.
    pub(crate) fn lets_in(&self, came: &Came) -> bool {
        matches!(came, Came::Answer(Answer { status, .. }) if status.is_success() || *status == self.good_status)
    }

    /// Records a row of the suite's own whose token must be refused with one of these statuses.
    pub(crate) fn must_refuse(&self, id: &'static str, came: &Came, statuses: &[u16]) {
        self.record(self.refused(own(id), came, statuses));
    }

    /// Records a row of the suite's own whose token must be accepted.
    pub(crate) fn must_accept(&self, id: &'static str, came: &Came, note: Option<String>) {
        self.record(self.accepted(own(id).came(came), came).note(note));
    }

    /// Judges the answer to what must be refused.
    pub(crate) fn refused(&self, row: Row, came: &Came, statuses: &[u16]) -> Row {
        let row = row.came(came);
        if self.lets_in(came) {
            return row.failed();
        }
        let Came::Answer(answer) = came else {
            // A server may close the connection instead of reading what is too large.
            let is_too_large = matches!(came, Came::Closed) && statuses.contains(&431);
            return if is_too_large { row } else { row.wrongly_refused("no answer") };
        };
        if answer.is_put_off() && !statuses.contains(&answer.status.as_u16()) {
            return row.undecided("the API cannot decide now (Retry-After)");
        }
        if !statuses.contains(&answer.status.as_u16()) {
            return row.wrongly_refused(&format!("{} instead", answer.status.as_u16()));
        }
        if answer.status == StatusCode::UNAUTHORIZED && !answer.has_bearer_challenge() {
            return row.wrongly_refused("401 without `WWW-Authenticate: Bearer`");
        }
        row
    }

    /// Judges the answer to what must be accepted.
    pub(crate) fn accepted(&self, row: Row, came: &Came) -> Row {
        match came {
            came if self.lets_in(came) => row,
            Came::Answer(answer) if answer.is_put_off() => {
                row.undecided("the API cannot decide now (Retry-After)")
            }
            _ => row.failed(),
        }
    }

    /// Sends tokens of `mint` until one is let in, for as long as the patience lasts; returns the last answer and the time
    /// that it took.
    pub(crate) async fn until_let_in(&self, token: &str) -> (Came, Duration) {
        let (start, mut pause) = (Instant::now(), Duration::from_millis(100));
        loop {
            let came = self.send(token).await;
            if self.lets_in(&came) || start.elapsed() >= self.patience {
                return (came, start.elapsed());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// Returns a row of the suite's own, to be judged.
pub(crate) fn own(id: &'static str) -> Row {
    let row = rows::own(id);
    Row::new(id, rows::named(row.finding), row.sent, row.expected)
}

/// Returns headers with a bearer token.
pub(crate) fn bearer(token: &str) -> HeaderMap {
    authorization(&format!("Bearer {token}"))
}

pub(crate) fn authorization(value: &str) -> HeaderMap {
    let value =
        HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

/// Returns a token with the header's `kid` replaced, and its signature as it was.
pub(crate) fn with_kid(token: &str, kid: &str) -> String {
    let rest = token.split_once('.').map_or("", |(_, rest)| rest);
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid }).to_string();
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header))
}

/// Returns the time in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
