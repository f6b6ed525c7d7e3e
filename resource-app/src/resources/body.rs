//! The body of a request to create or replace a resource.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{FromRequest, Json, Request};
use serde_json::Value;
use shared::json::Object;
use shared::resource::NewResource;

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

impl FromRequest<AppState> for Body {
    type Rejection = RequestError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, RequestError> {
        let Json(Object(new)) = Json::<Object<NewResource>>::from_request(request, state)
            .await
            .map_err(|rejection| refusal(&rejection))?;
        check(&new)?;
        Ok(Self(new))
    }
}

fn check(new: &NewResource) -> Result<(), RequestError> {
    if !(1..=MAX_NAME_CHARACTERS).contains(&new.name.chars().count()) {
        return Err(RequestError::InvalidName);
    }
    if size(&new.content) > MAX_CONTENT_BYTES {
        return Err(RequestError::ContentTooLarge);
    }
    Ok(())
}

fn size(content: &Value) -> usize {
    serde_json::to_vec(content).map_or(usize::MAX, |json| json.len())
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
        check(&NewResource { name: name.into(), content: Value::String(content.into()) })
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
