//! What the resource demands, and what it makes of the token.

use entra_shared::http_client::HttpClient;
use entra_shared::problem::Problem;
use http::StatusCode;
use jiff::SignedDuration;

use super::description::{self, Operation};
use crate::resource_client::{BaseUrl, Probe, ResourceError};
use entra_token::Token;

/// What the resource answered.
#[derive(Debug)]
pub(in super::super) struct ResourceFacts {
    pub(in super::super) base_url: String,
    /// Its clock less this machine's.
    pub(in super::super) clock_offset: Option<SignedDuration>,
    /// What its routes demand, or the status of its answer where that names no roles; or it does not answer.
    pub(in super::super) operations: Result<Result<Vec<Operation>, StatusCode>, ResourceError>,
    /// What it makes of the token; nothing where it was not asked.
    pub(in super::super) verdict: Option<Verdict>,
}

/// What the resource says about the token.
#[derive(Debug)]
pub(in super::super) enum Verdict {
    Accepted,
    Refused {
        status: StatusCode,
        problem: Option<Problem>,
    },
    /// It has no such route.
    NotTold(StatusCode),
    /// It broke off.
    Failed(ResourceError),
}

impl ResourceFacts {
    /// The code of its refusal.
    pub(in super::super) fn code(&self) -> Option<&str> {
        match &self.verdict {
            Some(Verdict::Refused { problem: Some(problem), .. }) => Some(&problem.code),
            _ => None,
        }
    }

    pub(in super::super) fn accepts(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Accepted))
    }
}

/// Asks for its description, and with a token for whom it takes the caller to be.
pub(super) async fn ask(http: &HttpClient, base_url: &BaseUrl, token: Option<&Token>) -> ResourceFacts {
    let described = match Probe::send(http, base_url.description(), None).await {
        // It answers, and its description is of no use.
        Err(ResourceError::Body { status, .. }) => Ok((None, Err(status))),
        Err(error) => Err(error),
        Ok(probe) => {
            let operations = Some(&probe.body).filter(|_| probe.status == StatusCode::OK);
            let operations = operations.and_then(|body| description::operations(body)).ok_or(probe.status);
            Ok((probe.clock_offset, operations))
        }
    };
    let verdict = match (token, &described) {
        (Some(token), Ok(_)) => Some(verdict(Probe::send(http, base_url.caller(), Some(token)).await)),
        _ => None,
    };
    let (clock_offset, operations) = match described {
        Ok((clock_offset, operations)) => (clock_offset, Ok(operations)),
        Err(error) => (None, Err(error)),
    };
    ResourceFacts { base_url: base_url.to_string(), clock_offset, operations, verdict }
}

fn verdict(answer: Result<Probe, ResourceError>) -> Verdict {
    match answer {
        Err(error) => Verdict::Failed(error),
        Ok(probe) if probe.status == StatusCode::OK => Verdict::Accepted,
        Ok(Probe { status: status @ (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED), .. }) => {
            Verdict::NotTold(status)
        }
        Ok(probe) => Verdict::Refused { status: probe.status, problem: probe.problem },
    }
}
