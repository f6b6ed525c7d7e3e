//! JSON objects, without the leniency of derived implementations, and bodies in UTF-8 alone.

use std::fmt;
use std::marker::PhantomData;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use mime::Mime;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A struct that deserializes only from a JSON object.
///
/// serde's derive also accepts an array of the members' values in order: `["Bearer", 3599, …]` for a token response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<T>(
    /// The deserialized struct.
    pub T,
);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// Returns whether no content type of the request is malformed or names an encoding other than UTF-8.
#[must_use]
pub fn is_utf8(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().all(|value| {
        let kind: Option<Mime> = value.to_str().ok().and_then(|text| text.parse().ok());
        kind.is_some_and(|kind| {
            kind.params().all(|(name, value)| name != mime::CHARSET || value == mime::UTF_8)
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Names<'d> {
        #[serde(borrow)]
        first: &'d RawValue,
        last: Option<&'d str>,
    }

    #[test]
    fn an_object_is_read_and_a_list_is_not() {
        let Object(names) = serde_json::from_str::<Object<Names<'_>>>(r#" {"first": [1], "x": 2}"#).unwrap();
        assert_eq!((names.first.get(), names.last), ("[1]", None));
        for other in [r#"["a", "b"]"#, "[]", "null", "1", r#""a""#] {
            let error = serde_json::from_str::<Object<Names<'_>>>(other).unwrap_err();
            assert!(error.is_data() && error.to_string().contains("expected a JSON object"), "{error}");
        }
        assert!(serde_json::from_str::<Object<Names<'_>>>("<html>").unwrap_err().is_syntax());
    }
}
