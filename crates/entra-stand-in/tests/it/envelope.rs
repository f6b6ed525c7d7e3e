//! The envelope of every refusal: its members, their order, and the headers around it.

use serde_json::json;

use crate::members::Members;
use crate::world::{Answer, SECRET};

/// The codes whose answers were captured without a link; the others have one.
const WITHOUT_LINK: [u32; 4] = [70003, 70011, 700038, 1002012];

/// What differs from one refusal to the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) code: u32,
    /// Whether it links to a page about the code.
    pub(crate) error_uri: bool,
    /// The description, from behind the code to before the ids.
    pub(crate) text: String,
}

/// Checks the whole envelope, and gives back what was in it.
pub(crate) fn opened(answer: &Answer) -> Refused {
    let body: Members = answer.json();
    let code = u32::try_from(body.get("error_codes")[0].as_u64().unwrap()).unwrap();
    assert_eq!(body.get("error_codes"), &json!([code]));
    let mut names =
        vec!["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"];
    let error_uri = !WITHOUT_LINK.contains(&code);
    if error_uri {
        names.push("error_uri");
        assert_eq!(body.text("error_uri"), format!("https://login.microsoftonline.com/error?code={code}"));
    }
    assert_eq!(body.names(), names, "{code}");
    let (trace, correlation, timestamp) =
        (body.text("trace_id"), body.text("correlation_id"), body.text("timestamp"));
    let start = format!("AADSTS{code}: ");
    let end = format!(" Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}");
    let description = body.text("error_description");
    let text = description.strip_prefix(&start).and_then(|text| text.strip_suffix(&end));
    assert_eq!(trace, answer.header("x-ms-request-id"));
    assert!(
        timestamp.len() == 20 && timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b' ',
        "{timestamp}"
    );
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("x-ms-clitelem"), format!("1,{code},0,,"));
    assert!(!answer.body.contains(SECRET), "{code}");
    Refused {
        status: answer.status.as_u16(),
        error: body.text("error").to_owned(),
        code,
        error_uri,
        text: text.unwrap_or_else(|| panic!("{description}")).to_owned(),
    }
}
