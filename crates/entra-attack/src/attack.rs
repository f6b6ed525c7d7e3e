//! A run of the suite, with its configuration.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use entra_shared::one_line;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::admin::{Admin, AdminError, Application, Tenant};
use crate::report::{Came, Counts, Deviations, Profile, Report};
use crate::route::Route;
use crate::session::{Guarded, Observer, Progress, Session, State};
use crate::target::{Target, TargetError};

/// An attack on an API, to be configured and run.
///
/// The API must trust the stand-in of [`Admin`]. [`Settings`](crate::Settings) says how to configure the API for that.
pub struct Attack {
    admin: Admin,
    url: Url,
    routes: Vec<(Route, String)>,
    described: Vec<Route>,
    tenant: Option<String>,
    audience: Option<String>,
    accepts_users: bool,
    unsafe_methods: bool,
    allowed_host: Option<String>,
    trusted: Vec<String>,
    patience: Duration,
    wait: Duration,
    profile: Profile,
    deviations: Deviations,
    observer: Observer,
}

/// Why a run could not take place.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// A request to the stand-in failed.
    #[error("{0}")]
    StandIn(#[from] AdminError),
    /// The API cannot be attacked.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// No route is named, or every named one would change something.
    #[error("name a route that changes nothing, like `GET /orders`, for the tokens to be sent to")]
    NoSafeRoute,
    /// The stand-in has no such tenant.
    #[error("the stand-in has no tenant {0}")]
    NoTenant(String),
    /// The tenant has no such API.
    #[error("the tenant has no API {0}; it has: {1}")]
    NoApi(String, String),
    /// The API never let a good token in.
    #[error("{url} does not accept a good token for {route}: {problem}")]
    NeverReady {
        /// The API.
        url: Url,
        /// The route.
        route: String,
        /// The API's answer, and its probable cause.
        problem: String,
    },
}

impl Attack {
    /// Attacks the API at a base URL with the tokens of a stand-in.
    #[must_use]
    pub fn new(admin: Admin, url: Url) -> Self {
        Self {
            admin,
            url,
            routes: Vec::new(),
            described: Vec::new(),
            tenant: None,
            audience: None,
            accepts_users: false,
            unsafe_methods: false,
            allowed_host: None,
            trusted: Vec::new(),
            patience: Duration::from_secs(40),
            wait: Duration::from_mins(1),
            profile: Profile::default(),
            deviations: Deviations::default(),
            observer: Box::new(|_| ()),
        }
    }

    /// Adds a route, and the app role that guards it. The tokens are sent to the first one that changes nothing.
    #[must_use]
    pub fn route(mut self, route: Route, role: impl Into<String>) -> Self {
        self.routes.push((route, role.into()));
        self
    }

    /// Adds operations that must refuse a request without a token, as of an OpenAPI document.
    #[must_use]
    pub fn described(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        self.described.extend(routes);
        self
    }

    /// Sets the tenant by id, instead of the directory's first.
    #[must_use]
    pub fn tenant(mut self, id: impl Into<String>) -> Self {
        self.tenant = Some(id.into());
        self
    }

    /// Sets the API by client id or name, instead of the one that has the roles, or else the first.
    #[must_use]
    pub fn audience(mut self, api: impl Into<String>) -> Self {
        self.audience = Some(api.into());
        self
    }

    /// Does not expect users' tokens to be refused.
    #[must_use]
    pub fn accepts_users(mut self, accepts: bool) -> Self {
        self.accepts_users = accepts;
        self
    }

    /// Sends requests with methods that change something, too.
    #[must_use]
    pub fn unsafe_methods(mut self, send: bool) -> Self {
        self.unsafe_methods = send;
        self
    }

    /// Allows this host to have a public address.
    #[must_use]
    pub fn may_attack(mut self, host: Option<String>) -> Self {
        self.allowed_host = host;
        self
    }

    /// Trusts more certificate authorities for the API, in PEM. The stand-in's own is always trusted.
    #[must_use]
    pub fn trust(mut self, pem: impl Into<String>) -> Self {
        self.trusted.push(pem.into());
        self
    }

    /// Sets how long a row may wait for the API to fetch new keys; 40 seconds by default.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Sets how long to wait for the API's first good answer; 60 seconds by default.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.wait = time;
        self
    }

    /// Sets what counts.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets the deviations that do not count.
    #[must_use]
    pub fn deviations(mut self, deviations: Deviations) -> Self {
        self.deviations = deviations;
        self
    }

    /// Calls back with the progress.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Runs the attack, and reports what came of it. `stop` ends it early, with what is there by then.
    ///
    /// # Errors
    /// The stand-in or the API cannot be used.
    pub async fn run(self, stop: &CancellationToken) -> Result<Report, AttackError> {
        let (started, start) = (Timestamp::now(), Instant::now());
        let (profile, described, wait) = (self.profile, self.described.clone(), self.wait);
        let deviations = self.deviations.clone();
        let mut session = self.session().await?;
        session.phase("waiting for the API");
        let run = async {
            session.until_ready(wait).await?;
            session.attack_described(&described).await;
            session.run().await.map_err(AttackError::from)
        };
        let ended = tokio::select! {
            ended = run => ended.map(|()| true),
            () = stop.cancelled() => Ok(false),
        };
        session.put_back().await;
        let (complete, problem) = match ended {
            Ok(complete) => (complete, None),
            // What was found until then is not lost.
            Err(error @ AttackError::StandIn(_)) if !session.state().rows.is_empty() => {
                (false, Some(one_line(&error)))
            }
            Err(error) => return Err(error),
        };
        let state = std::mem::take(&mut *session.state());
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target: session.target.base().to_string(),
            routes: session
                .routes
                .iter()
                .map(|guarded| format!("{}, {}", guarded.route, guarded.role))
                .collect(),
            profile,
            started,
            seconds: start.elapsed().as_secs_f64(),
            complete,
            problem,
            leeway_seconds: state.leeway_seconds,
            counts: Counts::default(),
            findings: Vec::new(),
            rows: state.rows,
            fixed: Vec::new(),
            stale: Vec::new(),
        };
        report.finish(&deviations);
        Ok(report)
    }

    async fn session(mut self) -> Result<Session, AttackError> {
        let (tenant, api) = self.target_of_tokens().await?;
        self.trusted.push(self.admin.ca_pem().await?);
        let target = Target::resolve(&self.url, self.allowed_host.as_deref(), &self.trusted).await?;
        let routes: Vec<Guarded> =
            self.routes.into_iter().map(|(route, role)| Guarded { route, role }).collect();
        let main = routes.iter().find(|guarded| guarded.route.is_safe()).cloned();
        let main = main.ok_or(AttackError::NoSafeRoute)?;
        let roles: Vec<&str> = routes.iter().map(|guarded| guarded.role.as_str()).collect();
        let change = json!({ "client_id": api.client_id, "roles": roles });
        self.admin.change(&format!("tenants/{}/applications/change", tenant.id), change).await?;
        let path = format!("tenants/{}/clients", tenant.id);
        let client = self.admin.post(&path, json!({ "name": "attack" }), "client_id").await?;
        Ok(Session {
            admin: self.admin,
            target,
            tenant,
            api,
            client,
            routes,
            main,
            good_status: StatusCode::OK,
            accepts_users: self.accepts_users,
            unsafe_methods: self.unsafe_methods,
            patience: self.patience,
            state: Mutex::new(State::default()),
            observer: self.observer,
        })
    }

    async fn target_of_tokens(&self) -> Result<(Tenant, Application), AttackError> {
        let roles: Vec<&str> = self.routes.iter().map(|(_, role)| role.as_str()).collect();
        choose(&self.admin, self.tenant.as_deref(), self.audience.as_deref(), &roles).await
    }
}

/// Chooses the tenant and the API that the tokens are for.
pub(crate) async fn choose(
    admin: &Admin,
    tenant: Option<&str>,
    audience: Option<&str>,
    roles: &[&str],
) -> Result<(Tenant, Application), AttackError> {
    let tenants = admin.tenants().await?;
    let wanted = |one: &Tenant| tenant.is_none_or(|id| one.id.eq_ignore_ascii_case(id));
    let found = tenants.into_iter().find(wanted);
    let found = found.ok_or_else(|| AttackError::NoTenant(tenant.unwrap_or_default().to_owned()))?;
    let apis = &found.applications;
    let has_all = |api: &&Application| roles.iter().all(|role| api.roles.iter().any(|own| own == role));
    let api = if let Some(name) = audience {
        apis.iter().find(|api| api.client_id.eq_ignore_ascii_case(name) || api.name == name)
    } else {
        apis.iter().find(has_all).or_else(|| apis.first())
    };
    let api = api.cloned().ok_or_else(|| {
        let names: Vec<&str> = apis.iter().map(|api| api.name.as_str()).collect();
        AttackError::NoApi(audience.unwrap_or_default().to_owned(), names.join(", "))
    })?;
    Ok((found, api))
}

impl Session {
    /// Waits until a good token is let in, and keeps that answer's status.
    async fn until_ready(&mut self, wait: Duration) -> Result<(), AttackError> {
        let start = Instant::now();
        loop {
            let token = self.good().await?;
            let came = self.send(&token).await;
            match &came {
                Came::Answer(answer) if answer.status.is_success() => {
                    self.good_status = answer.status;
                    return Ok(());
                }
                // An unknown id is what a route with an id in its path is asked for, and is not found.
                Came::Answer(answer)
                    if answer.status == StatusCode::NOT_FOUND && self.main.route.path.contains('{') =>
                {
                    self.good_status = answer.status;
                    return self.refuses_without_token().await;
                }
                _ => {}
            }
            if start.elapsed() >= wait {
                return Err(self.never_ready(self.problem(&came)));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Fails if the route answers the same without a token, so that its answers say nothing.
    async fn refuses_without_token(&self) -> Result<(), AttackError> {
        let came = self.send_headers(HeaderMap::new()).await;
        if self.lets_in(&came) {
            let text = "it answers 404 without a token too; name a route that answers 2xx".to_owned();
            return Err(self.never_ready(text));
        }
        Ok(())
    }

    fn never_ready(&self, problem: String) -> AttackError {
        AttackError::NeverReady {
            url: self.target.base().clone(),
            route: self.main.route.to_string(),
            problem,
        }
    }

    fn problem(&self, came: &Came) -> String {
        let hint = match came {
            Came::Unreachable => format!(
                "nothing listens on {}, or its certificate is not trusted (--target-ca)",
                self.target.address()
            ),
            Came::Closed | Came::TimedOut => "is it an HTTP server of this scheme?".to_owned(),
            Came::Answer(answer) => match answer.status.as_u16() {
                401 => format!(
                    "is it told of issuer {} and audience {}, and does it trust the stand-in's certificate (--print-settings)?",
                    self.tenant.issuer, self.api.client_id
                ),
                403 => format!("the token holds the role {}; is that the one it needs?", self.main.role),
                404 => "is the path right?".to_owned(),
                300..=399 => "redirects are not followed; name the final URL".to_owned(),
                500..=599 => "its log may say why; can it reach the stand-in?".to_owned(),
                _ => "see its log".to_owned(),
            },
        };
        format!("{came}; {hint}")
    }
}

impl std::fmt::Debug for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attack").field("url", &self.url).field("routes", &self.routes).finish_non_exhaustive()
    }
}
