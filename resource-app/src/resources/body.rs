//! The body of a request to create or replace a resource.

use axum::body::HttpBody;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{FromRequest, Json, Request};
use entra_shared::json::Object;
use entra_shared::resource::{Content, InvalidContent, NewResource};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::RequestError;
use crate::state::AppState;

/// The most characters of a name.
const MAX_NAME_CHARACTERS: usize = 200;

/// The largest content, in bytes of compact JSON.
const MAX_CONTENT_BYTES: usize = 64 * 1024;

/// The largest body, in bytes: content of the largest size, however it is spaced, within reason.
pub(crate) const MAX_BODY_BYTES: usize = 128 * 1024;

/// A resource to be created, within its limits.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) NewResource);

/// The body with its content as it was sent: what is wrong with that has answers of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBody {
    name: String,
    content: Box<RawValue>,
}

impl FromRequest<AppState> for Body {
    type Rejection = RequestError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, RequestError> {
        // By what it announces, so that a body that is too large is not even asked for (`Expect: 100-continue`); before
        // its media type.
        if request.body().size_hint().lower() > MAX_BODY_BYTES as u64 {
            return Err(RequestError::ContentTooLarge);
        }
        let Json(Object(body)) = Json::<Object<RawBody>>::from_request(request, state)
            .await
            .map_err(|rejection| refusal(&rejection))?;
        check(body).map(Self)
    }
}

fn check(RawBody { name, content }: RawBody) -> Result<NewResource, RequestError> {
    let has_length = (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count());
    // They break lines, logs and terminals, wherever a name is shown.
    if !has_length || name.contains(char::is_control) {
        return Err(RequestError::InvalidName);
    }
    let content = Content::parse(content.get()).map_err(|error| match error {
        InvalidContent::NotJson => RequestError::MalformedJson,
        InvalidContent::TooDeep => RequestError::ContentTooDeep,
        InvalidContent::RepeatedMember => RequestError::RepeatedMember,
        InvalidContent::NumberOutOfRange => RequestError::NumberOutOfRange,
    })?;
    if content.as_str().len() > MAX_CONTENT_BYTES {
        return Err(RequestError::ContentTooLarge);
    }
    Ok(NewResource { name, content })
}

fn refusal(rejection: &JsonRejection) -> RequestError {
    match rejection {
        JsonRejection::JsonDataError(_) => RequestError::InvalidResource,
        JsonRejection::JsonSyntaxError(_) => RequestError::MalformedJson,
        JsonRejection::MissingJsonContentType(_) => RequestError::UnsupportedMediaType,
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
            FailedToBufferBody::LengthLimitError(_),
        )) => RequestError::ContentTooLarge,
        _ => RequestError::IncompleteBody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, content: &str) -> Result<(), RequestError> {
        let content = serde_json::value::to_raw_value(content).unwrap();
        check(RawBody { name: name.into(), content }).map(|_| ())
    }

    #[test]
    fn a_name_has_1_to_200_characters_of_any_script() {
        assert_eq!(checked("n", ""), Ok(()));
        assert_eq!(checked(&"ü".repeat(200), ""), Ok(()));
        assert_eq!(checked("", ""), Err(RequestError::InvalidName));
        assert_eq!(checked(&"n".repeat(201), ""), Err(RequestError::InvalidName));
    }

    #[test]
    fn content_has_at_most_64_kib_with_its_quotes() {
        assert_eq!(checked("n", &"x".repeat(MAX_CONTENT_BYTES - 2)), Ok(()));
        assert_eq!(checked("n", &"x".repeat(MAX_CONTENT_BYTES - 1)), Err(RequestError::ContentTooLarge));
    }
}
