//! Errors over HTTP: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Room for what most problems hold, in bytes.
const BODY: usize = 512;

/// Room for the header fields of an answer, with those that are set on its way out.
const FIELDS: usize = 12;

/// A problem as an API answers it.
///
/// `code` is an extension member: a stable word for programs, where `title` and `detail` are for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI for the kind of problem; `about:blank` says that `status` tells all.
    #[serde(rename = "type", default = "about_blank")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub kind: Cow<'static, str>,
    /// The status, repeated for whoever sees the body alone.
    pub status: u16,
    /// A few words on the kind of problem, the same each time.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub title: Cow<'static, str>,
    /// What happened this time, and how to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A stable word for programs, in `snake_case`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: Cow<'static, str>,
}

impl Problem {
    /// A problem of this status and code, titled by the status.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            kind: about_blank(),
            status: status.as_u16(),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            detail: None,
            code: Cow::Borrowed(code),
        }
    }

    /// Says what happened; the text reaches the caller, so no source error and no secret belongs in it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The problem as an answer that nothing stores.
    #[must_use]
    pub fn into_response(self) -> Response<String> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(self.to_json());
        *response.status_mut() = status;
        let mut headers = HeaderMap::with_capacity(FIELDS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        *response.headers_mut() = headers;
        response
    }

    fn to_json(&self) -> String {
        let mut body = Vec::with_capacity(BODY);
        let written = serde_json::to_writer(&mut body, self);
        written.ok().and_then(|()| String::from_utf8(body).ok()).unwrap_or_default()
    }
}

fn about_blank() -> Cow<'static, str> {
    Cow::Borrowed("about:blank")
}
