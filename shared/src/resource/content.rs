//! The content of a resource, which is any JSON, kept as the text that was sent.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Any JSON, as the text that the client sent.
///
/// It stays text because [`serde_json::Value`] gives members of some private names a meaning, and changes numbers that
/// it cannot represent. Repeated members, the range of numbers and the depth are up to the reader (RFC 8259 sections 4
/// and 6); the API limits the size.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(Box<RawValue>);

impl Content {
    /// Parses JSON; white space around it is dropped, white space inside it is kept.
    ///
    /// # Errors
    /// The text is not JSON; the error tells line and column.
    pub fn parse(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.into()).map(Self)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_kept_as_it_was_sent() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for same in [
            "null",
            "1180591620717411303424",
            "1e400",
            r#""\u0000\u001b\"\\""#,
            r#"{ "b": 1, "a": [ ] }"#,
            r#"{"a":1,"a":2}"#,
            r#"{"$serde_json::private::RawValue":"[1,2]"}"#,
            r#"{"$serde_json::private::RawValue":[1,2]}"#,
            r#"{"$serde_json::private::RawValue":"not JSON","x":1}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
            &deep,
        ] {
            let content = Content::parse(format!("\n{same} ")).unwrap();
            assert_eq!(content.as_str(), same);
            let list = format!("[{same},{same}]");
            let read: Vec<Content> = serde_json::from_str(&list).unwrap();
            assert_eq!(read, [content.clone(), content]);
            assert_eq!(serde_json::to_string(&read).unwrap(), list);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "NaN", "01", "[1,]", "1 2", "[1", "\"\n\"", r#"{"a"}"#] {
            assert!(Content::parse(text).is_err(), "{text}");
        }
    }
}
