//! A journal entry, with one request and its outcome.

use std::fmt;
use std::time::Instant;

use axum::response::Response;
use entra_shared::aadsts;
use entra_shared::ids::{ClientId, TenantId};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::context::Context;
use crate::endpoint::Endpoint;
use crate::faults::Fault;

/// The maximum length of a reason, in characters.
const LONGEST_REASON: usize = 500;

/// A request and its outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The time at which the request arrived, by the tenant's clock.
    pub time: Timestamp,
    /// The time at which the request arrived, by a monotonic clock.
    #[serde(skip)]
    pub(crate) at: Instant,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The tenant. It is the first one for requests to `common` and the like, and `None` if it does not exist.
    pub tenant: Option<TenantId>,
    /// The client of a token request, if it sent an id.
    pub client_id: Option<ClientId>,
    /// The status of the response; `None` if the client disconnected before.
    pub status: Option<u16>,
    /// The AADSTS code of a refusal.
    pub aadsts: Option<u32>,
    /// The reason for the outcome.
    pub reason: String,
    /// The fault that was injected.
    pub fault: Option<String>,
    /// The trace id in the response.
    pub trace_id: Uuid,
}

/// The client of a token request, attached to the response for the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) Option<ClientId>);

/// The reason for an outcome, attached to the response for the journal.
#[derive(Debug, Clone)]
pub(crate) enum Reason {
    /// A token with these roles was issued. Roles that the client requests without consent are not in it.
    Issued { roles: Vec<String>, not_consented: Option<String> },
    /// The request was refused with this code.
    Refused { aadsts: u32, hint: Option<&'static str> },
    /// The request was refused with this text, without a code.
    Said(&'static str),
}

impl Entry {
    /// Creates the entry of a request that has just arrived.
    pub(crate) fn unanswered(
        endpoint: Endpoint,
        tenant: Option<TenantId>,
        context: &Context,
        fault: Option<&Fault>,
    ) -> Self {
        Self {
            time: context.now,
            at: Instant::now(),
            endpoint,
            tenant,
            client_id: None,
            status: None,
            aadsts: None,
            reason: "the client gave up before the answer".to_owned(),
            fault: fault.map(Fault::name),
            trace_id: context.trace_id,
        }
    }

    /// Adds the outcome.
    pub(crate) fn answered(mut self, response: &Response) -> Self {
        let reason = response.extensions().get::<Reason>();
        let faulted = || self.fault.as_deref().map(|fault| format!("a fault script says so: {fault}"));
        self.reason = reason
            .map(Reason::text)
            .or_else(faulted)
            .unwrap_or_else(|| if response.status().is_success() { "served" } else { "refused" }.to_owned());
        self.client_id = response.extensions().get::<Caller>().and_then(|caller| caller.0);
        self.status = Some(response.status().as_u16());
        self.aadsts = reason.and_then(Reason::aadsts);
        self
    }
}

impl Reason {
    fn aadsts(&self) -> Option<u32> {
        match self {
            Self::Issued { .. } | Self::Said(_) => None,
            Self::Refused { aadsts, .. } => Some(*aadsts),
        }
    }

    /// Returns the catalogue's text for a code, since the error's own text repeats parts of the request.
    fn text(&self) -> String {
        let (text, more) = match self {
            Self::Issued { roles, not_consented } => {
                let text = if roles.is_empty() {
                    "issued a token without roles: the client is granted none on this resource".to_owned()
                } else {
                    format!("issued a token with {}", roles.join(", "))
                };
                let asks = |roles: &String| format!("asked for and not consented to: {roles}");
                (text, not_consented.as_ref().map(asks))
            }
            Self::Refused { aadsts, hint } => {
                let cause = aadsts::lookup(*aadsts).map_or("refused", |known| known.cause);
                (cause.to_owned(), hint.map(str::to_owned))
            }
            Self::Said(text) => ((*text).to_owned(), None),
        };
        let mut text = more.map(|more| format!("{text}; {more}")).unwrap_or(text);
        // An app can have a thousand roles of up to 120 characters.
        if let Some((end, _)) = text.char_indices().nth(LONGEST_REASON) {
            text.truncate(end);
        }
        text
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time, self.endpoint)?;
        if let Some(status) = self.status {
            write!(f, ": {status}")?;
        }
        if let Some(client) = self.client_id {
            write!(f, " for client {client}")?;
        }
        if let Some(code) = self.aadsts {
            write!(f, " AADSTS{code}")?;
        }
        if let Some(fault) = &self.fault {
            write!(f, " after the fault `{fault}`")?;
        }
        write!(f, " ({})", self.reason)
    }
}
