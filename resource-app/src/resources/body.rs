//! Extractor for the body of a request to create or replace a resource.

use axum::body::HttpBody;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{FromRequest, Json, Request};
use entra_shared::json::{Object, is_utf8};
use entra_shared::resource::NewResource;

use crate::error::RequestError;
use crate::state::AppState;

/// Maximum length of a name in characters.
const MAX_NAME_CHARACTERS: usize = 200;

/// Maximum size of the content in bytes, as sent.
const MAX_CONTENT_BYTES: usize = 64 * 1024;

/// The maximum size of a body in bytes. It has room for the largest content and name with reasonable escaping and white
/// space.
pub(crate) const MAX_BODY_BYTES: usize = 128 * 1024;

/// A validated resource to create.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) NewResource);

impl FromRequest<AppState> for Body {
    type Rejection = RequestError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, RequestError> {
        // Checks the announced length first, so that `Expect: 100-continue` is refused early.
        if request.body().size_hint().lower() > MAX_BODY_BYTES as u64 {
            return Err(RequestError::ContentTooLarge);
        }
        if !is_utf8(request.headers()) {
            return Err(RequestError::UnsupportedMediaType);
        }
        let Json(Object(body)) = Json::<Object<NewResource>>::from_request(request, state)
            .await
            .map_err(|rejection| refusal(&rejection))?;
        check(body).map(Self)
    }
}

fn check(resource: NewResource) -> Result<NewResource, RequestError> {
    let has_length = (1..=MAX_NAME_CHARACTERS).contains(&resource.name.chars().count());
    // Control characters could break logs and terminals.
    if !has_length || resource.name.contains(char::is_control) {
        return Err(RequestError::InvalidName);
    }
    if resource.content.as_str().len() > MAX_CONTENT_BYTES {
        return Err(RequestError::ContentTooLarge);
    }
    Ok(resource)
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
    use entra_shared::resource::Content;

    use super::*;

    fn checked(name: &str, content: &str) -> Result<(), RequestError> {
        let content = Content::parse(serde_json::to_string(content).unwrap()).unwrap();
        check(NewResource { name: name.into(), content }).map(|_| ())
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
