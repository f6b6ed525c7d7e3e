//! The roles that the resource requires, and whether it accepts the token.

use entra_shared::http_client::HttpClient;
use entra_token::Token;
use http::StatusCode;
use jiff::SignedDuration;

use super::description::{self, Operation};
use super::probe::{self, Answer, ProbeError};
use crate::doctor::ResourceUrls;

/// The resource's answers.
#[derive(Debug)]
pub(in super::super) struct ResourceFacts {
    pub(in super::super) base_url: String,
    /// Its clock minus this machine's.
    pub(in super::super) clock_offset: Option<SignedDuration>,
    /// The operations that its description names, or the error if it does not answer.
    pub(in super::super) operations: Result<Described, reqwest::Error>,
    /// The URL that the resource redirects to, instead of describing itself.
    pub(in super::super) redirect: Option<String>,
    /// Whether the resource accepts the token; `None` if it was not asked.
    pub(in super::super) verdict: Option<Verdict>,
}

/// The operations that require roles, or the status of an answer that names none.
pub(in super::super) type Described = Result<Vec<Operation>, StatusCode>;

/// The resource's answer to a call with the token.
#[derive(Debug)]
pub(in super::super) enum Verdict {
    Accepted,
    Refused {
        status: StatusCode,
        /// The code of the problem, if the answer is a problem.
        code: Option<String>,
    },
    /// It has no such route.
    NoSuchRoute(StatusCode),
    /// There is no complete answer.
    Failed(ProbeError),
}

impl ResourceFacts {
    /// The code of its refusal.
    pub(in super::super) fn code(&self) -> Option<&str> {
        match &self.verdict {
            Some(Verdict::Refused { code: Some(code), .. }) => Some(code),
            _ => None,
        }
    }

    pub(in super::super) fn accepts(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Accepted))
    }
}

/// Requests the description without a token, then the caller's route with the token.
pub(super) async fn probe(http: &HttpClient, urls: &ResourceUrls, token: Option<&Token>) -> ResourceFacts {
    let (clock_offset, operations, redirect) = match probe::get(http, urls.description.clone(), None).await {
        Ok(answer) => (answer.clock_offset, Ok(described(&answer)), answer.redirect),
        // The resource is reachable; only its description is unusable.
        Err(ProbeError::Body { status, .. }) => (None, Ok(Err(status)), None),
        Err(ProbeError::Unreachable { source, .. }) => (None, Err(source), None),
    };
    let verdict = match token {
        Some(token) if operations.is_ok() => {
            Some(verdict(probe::get(http, urls.caller.clone(), Some(token)).await))
        }
        _ => None,
    };
    ResourceFacts { base_url: urls.base.clone(), clock_offset, operations, redirect, verdict }
}

fn described(answer: &Answer) -> Described {
    let body = Some(&answer.body).filter(|_| answer.status == StatusCode::OK);
    body.and_then(|body| description::operations(body)).ok_or(answer.status)
}

fn verdict(answer: Result<Answer, ProbeError>) -> Verdict {
    match answer {
        Err(error) => Verdict::Failed(error),
        Ok(answer) => match answer.status {
            StatusCode::OK => Verdict::Accepted,
            status @ (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => Verdict::NoSuchRoute(status),
            status => Verdict::Refused { status, code: answer.problem_code },
        },
    }
}
