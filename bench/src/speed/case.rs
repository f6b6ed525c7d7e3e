//! The measured cases, and the limits of their ratios.

use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::json;

use crate::system::CLIENT;
use crate::tokens;

/// A server, the path to request, and the tokens to send.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) who: Who,
    pub(super) route: Route,
    pub(super) tokens: TokenSet,
}

/// The server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    App,
    AppWithoutCache,
    /// The earlier build of `--before`.
    Before,
    BeforeWithoutCache,
    Plain,
    Handwritten,
    AxumJwtAuth,
    ParsedKey,
}

/// The path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Caller,
    Resource,
    Live,
}

/// The tokens; each request takes the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenSet {
    One,
    Thousand,
    FiftyThousand,
    Malformed,
    UnknownKey,
    Unsigned,
    BadlySigned,
    WrongAudience,
    Expired,
}

/// A ratio of two cases, and its limit.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) case: &'static str,
    pub(super) against: &'static str,
    pub(super) of: Figure,
    /// Absent for a ratio that is only shown.
    pub(super) wanted: Option<f64>,
}

/// The compared figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    /// Processor time per request: at most the limit.
    Cpu,
    /// Requests per second: at least the limit.
    Throughput,
}

const fn case(name: &'static str, who: Who, route: Route, tokens: TokenSet) -> Case {
    Case { name, who, route, tokens }
}

pub(super) const CASES: [Case; 35] = [
    case("plain open", Who::Plain, Route::Live, TokenSet::One),
    case("plain caller", Who::Plain, Route::Caller, TokenSet::One),
    case("app open", Who::App, Route::Live, TokenSet::One),
    case("R caller 50000", Who::Handwritten, Route::Caller, TokenSet::FiftyThousand),
    case("R caller 1000", Who::Handwritten, Route::Caller, TokenSet::Thousand),
    case("R caller 1", Who::Handwritten, Route::Caller, TokenSet::One),
    case("axum-jwt-auth caller 50000", Who::AxumJwtAuth, Route::Caller, TokenSet::FiftyThousand),
    case("parsed key caller 50000", Who::ParsedKey, Route::Caller, TokenSet::FiftyThousand),
    case("app caller never seen", Who::AppWithoutCache, Route::Caller, TokenSet::FiftyThousand),
    case("app caller 1", Who::App, Route::Caller, TokenSet::One),
    case("app caller 1000", Who::App, Route::Caller, TokenSet::Thousand),
    case("app caller 50000", Who::App, Route::Caller, TokenSet::FiftyThousand),
    case("app caller malformed", Who::App, Route::Caller, TokenSet::Malformed),
    case("app caller unknown key", Who::App, Route::Caller, TokenSet::UnknownKey),
    case("app caller alg none", Who::App, Route::Caller, TokenSet::Unsigned),
    case("app caller bad signature", Who::App, Route::Caller, TokenSet::BadlySigned),
    case("app caller wrong audience", Who::App, Route::Caller, TokenSet::WrongAudience),
    case("app caller expired", Who::App, Route::Caller, TokenSet::Expired),
    case("plain resource", Who::Plain, Route::Resource, TokenSet::One),
    case("R resource 1", Who::Handwritten, Route::Resource, TokenSet::One),
    case("R resource 1000", Who::Handwritten, Route::Resource, TokenSet::Thousand),
    case("R resource 50000", Who::Handwritten, Route::Resource, TokenSet::FiftyThousand),
    case("axum-jwt-auth resource 50000", Who::AxumJwtAuth, Route::Resource, TokenSet::FiftyThousand),
    case("app resource never seen", Who::AppWithoutCache, Route::Resource, TokenSet::FiftyThousand),
    case("app resource 1", Who::App, Route::Resource, TokenSet::One),
    case("app resource 1000", Who::App, Route::Resource, TokenSet::Thousand),
    case("app resource 50000", Who::App, Route::Resource, TokenSet::FiftyThousand),
    case("before open", Who::Before, Route::Live, TokenSet::One),
    case("before caller never seen", Who::BeforeWithoutCache, Route::Caller, TokenSet::FiftyThousand),
    case("before caller 1", Who::Before, Route::Caller, TokenSet::One),
    case("before caller 1000", Who::Before, Route::Caller, TokenSet::Thousand),
    case("before caller 50000", Who::Before, Route::Caller, TokenSet::FiftyThousand),
    case("before resource never seen", Who::BeforeWithoutCache, Route::Resource, TokenSet::FiftyThousand),
    case("before resource 1", Who::Before, Route::Resource, TokenSet::One),
    case("before resource 50000", Who::Before, Route::Resource, TokenSet::FiftyThousand),
];

const fn cpu(case: &'static str, against: &'static str, limit: f64) -> Limit {
    Limit { case, against, of: Figure::Cpu, wanted: Some(limit) }
}

const fn shown(case: &'static str, against: &'static str) -> Limit {
    Limit { case, against, of: Figure::Cpu, wanted: None }
}

const fn shown_throughput(case: &'static str, against: &'static str) -> Limit {
    Limit { case, against, of: Figure::Throughput, wanted: None }
}

/// The ratios; those of the earlier build are printed only with `--before`.
pub(super) const LIMITS: [Limit; 40] = [
    cpu("app open", "plain open", 1.40),
    cpu("app caller 1", "app open", 1.30),
    cpu("app caller 1000", "app open", 1.30),
    cpu("app caller 1", "R caller 1", 0.35),
    cpu("app caller 1000", "R caller 1000", 0.35),
    cpu("app caller never seen", "R caller 50000", 0.95),
    shown_throughput("app caller never seen", "R caller 50000"),
    shown_throughput("app caller 1", "R caller 1"),
    shown_throughput("app caller 1000", "R caller 1000"),
    // The plain server's route is the open route of equal work.
    shown("app caller 1", "plain caller"),
    shown("app caller 1000", "plain caller"),
    shown("app caller 50000", "app caller 1"),
    shown("app caller malformed", "app open"),
    shown("app caller unknown key", "app open"),
    shown("app caller alg none", "app open"),
    shown("app caller wrong audience", "app open"),
    shown("app caller expired", "app open"),
    shown("app caller bad signature", "app caller never seen"),
    // Reading dominates here.
    shown("app resource 1", "plain resource"),
    shown("app resource 1000", "plain resource"),
    shown("app resource 50000", "app resource 1"),
    shown("axum-jwt-auth caller 50000", "R caller 50000"),
    shown("parsed key caller 50000", "R caller 50000"),
    shown("app caller never seen", "parsed key caller 50000"),
    shown("plain open", "R caller 1"),
    shown("app caller never seen", "axum-jwt-auth caller 50000"),
    shown("app caller never seen", "app open"),
    shown("R caller 50000", "plain open"),
    shown("app resource never seen", "R resource 50000"),
    shown("app resource never seen", "axum-jwt-auth resource 50000"),
    shown("app resource 1", "R resource 1"),
    shown("app resource 1000", "R resource 1000"),
    shown("app open", "before open"),
    shown("app caller never seen", "before caller never seen"),
    shown("app caller 1", "before caller 1"),
    shown("app caller 1000", "before caller 1000"),
    shown("app caller 50000", "before caller 50000"),
    shown("app resource never seen", "before resource never seen"),
    shown("app resource 1", "before resource 1"),
    shown("app resource 50000", "before resource 50000"),
];

impl Case {
    /// Whether the tokens are good, or not checked.
    pub(super) fn is_accepted(&self) -> bool {
        use TokenSet::{FiftyThousand, One, Thousand};
        self.route == Route::Live
            || self.who == Who::Plain
            || matches!(self.tokens, One | Thousand | FiftyThousand)
    }
}

impl Who {
    pub(super) const ALL: [Self; 8] = [
        Self::App,
        Self::AppWithoutCache,
        Self::Before,
        Self::BeforeWithoutCache,
        Self::Plain,
        Self::Handwritten,
        Self::AxumJwtAuth,
        Self::ParsedKey,
    ];

    /// Whether it is the earlier build of `--before`.
    pub(super) fn is_earlier(self) -> bool {
        matches!(self, Self::Before | Self::BeforeWithoutCache)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "resource-app, remembering tokens",
            Self::AppWithoutCache => "resource-app, remembering none",
            Self::Before => "earlier build, remembering tokens",
            Self::BeforeWithoutCache => "earlier build, remembering none",
            Self::Plain => "plain axum routes",
            Self::Handwritten => "R, by hand on jsonwebtoken",
            Self::AxumJwtAuth => "axum-jwt-auth",
            Self::ParsedKey => "a key kept parsed, and no more",
        }
    }
}

impl TokenSet {
    pub(super) const ALL: [Self; 9] = [
        Self::One,
        Self::Thousand,
        Self::FiftyThousand,
        Self::Malformed,
        Self::UnknownKey,
        Self::Unsigned,
        Self::BadlySigned,
        Self::WrongAudience,
        Self::Expired,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Thousand => "1000",
            Self::FiftyThousand => "50000",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown-key",
            Self::Unsigned => "unsigned",
            Self::BadlySigned => "badly-signed",
            Self::WrongAudience => "wrong-audience",
            Self::Expired => "expired",
        }
    }

    /// The tokens of the set, each different.
    pub(super) fn tokens(self, good: &[String], admin: SocketAddr) -> anyhow::Result<Vec<String>> {
        let thousand = good.iter().take(1000);
        match self {
            Self::One => Ok(good.iter().take(1).cloned().collect()),
            Self::Thousand => Ok(good.iter().take(1000).cloned().collect()),
            Self::FiftyThousand => Ok(good.to_vec()),
            Self::Malformed => thousand.map(|token| tokens::malformed(token)).collect(),
            Self::UnknownKey => {
                thousand.enumerate().map(|(number, token)| tokens::unknown_key(token, number)).collect()
            }
            Self::Unsigned => thousand.map(|token| tokens::unsigned(token)).collect(),
            Self::BadlySigned => thousand.map(|token| tokens::badly_signed(token)).collect(),
            Self::WrongAudience => tokens::mint_with(admin, 1000, &json!({ "aud": CLIENT })),
            Self::Expired => {
                let now = Timestamp::now().as_second();
                let past = json!({ "iat": now - 7200, "nbf": now - 7200, "exp": now - 3600 });
                tokens::mint_with(admin, 1000, &past)
            }
        }
    }
}
