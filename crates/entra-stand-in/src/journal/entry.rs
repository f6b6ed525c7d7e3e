//! One request, as the journal keeps it.

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

/// The longest text of a reason, in characters.
const LONGEST_REASON: usize = 500;

/// One request and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When it came, by the tenant's clock.
    pub time: Timestamp,
    /// When it came, by a clock that only runs forward.
    #[serde(skip)]
    pub(crate) at: Instant,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The tenant; the first one where the request stands for many, none where there is no such tenant.
    pub tenant: Option<TenantId>,
    /// The client that asked for a token, where it sent an id.
    pub client_id: Option<ClientId>,
    /// The status of the answer; none where the client gave up before there was one.
    pub status: Option<u16>,
    /// The AADSTS code of a refusal.
    pub aadsts: Option<u32>,
    /// Why the answer is what it is.
    pub reason: String,
    /// The fault that happened to the request.
    pub fault: Option<String>,
    /// The id by which the answer names the request.
    pub trace_id: Uuid,
}

/// The client of a token request, left on the answer for the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) Option<ClientId>);

/// Why an answer is what it is, left on it for the journal.
#[derive(Debug, Clone)]
pub(crate) enum Reason {
    /// A token with these roles was issued; those that the client asks for and nobody consented to are not in it.
    Issued { roles: Vec<String>, not_consented: Option<String> },
    /// The request was refused with this code.
    Refused { aadsts: u32, hint: Option<&'static str> },
    /// The request was refused in these words, which have no code.
    Said(&'static str),
}

impl Entry {
    /// A request that has just come.
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

    /// With what it was answered.
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

    /// The catalogue's words for a code: the error's own text repeats parts of the request.
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
        // An app can have a thousand roles of 120 characters each.
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
