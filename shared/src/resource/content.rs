//! The content of a resource: JSON that every reader reads alike.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// How deep lists and objects may be inside each other: well under the 128 levels that readers give up at, since an
/// answer adds levels of its own.
pub const MAX_CONTENT_DEPTH: usize = 64;

/// Any JSON of which no two readers can think differently, in its one compact form, members sorted by their names.
///
/// Kept as text, so that nothing that was accepted can turn out unreadable later, nor be changed by being read:
/// `serde_json::Value` takes members of some names for what they hold. No name has a meaning here. A member is not
/// repeated (RFC 8259 section 4), integers fit in 64 bits, other numbers are those of IEEE 754 doubles (section 6), and
/// texts may hold any character, U+0000 among them.
#[derive(Clone)]
pub struct Content(Box<RawValue>);

/// Why a text is no [`Content`]. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContent {
    /// Not JSON (RFC 8259).
    #[error("not JSON")]
    NotJson,
    /// Lists and objects in each other, more than [`MAX_CONTENT_DEPTH`].
    #[error("nested deeper than {MAX_CONTENT_DEPTH} levels")]
    TooDeep,
    /// An object that has two members of one name, however they are escaped.
    #[error("a member is repeated")]
    RepeatedMember,
    /// A number that would not come back as it was sent.
    #[error("an integer does not fit in 64 bits, or another number in a double")]
    NumberOutOfRange,
}

impl Content {
    /// Reads JSON, strictly.
    ///
    /// # Errors
    /// The text is not JSON, or readers may think differently of it.
    pub fn parse(text: &str) -> Result<Self, InvalidContent> {
        // As a whole and without recursion, so that what follows may rely on the form.
        let raw: &RawValue = serde_json::from_str(text).map_err(|_| InvalidContent::NotJson)?;
        scan(raw.get())?;
        let Strict(value) = serde_json::from_str(raw.get()).map_err(|error| {
            // What has the form of JSON and is not read: a member, or half of a character.
            if error.is_data() { InvalidContent::RepeatedMember } else { InvalidContent::NotJson }
        })?;
        Self::from_own(value.to_string()).ok_or(InvalidContent::NotJson)
    }

    /// Takes back what [`Self::as_str`] gave before, looking at nothing but that it is JSON.
    #[must_use]
    pub fn from_own(text: String) -> Option<Self> {
        RawValue::from_string(text).ok().map(Self)
    }

    /// The compact form.
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

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({})", self.0)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(D::Error::custom)
    }
}

/// Looks at the depth and the numbers of what is known to have the form of JSON.
fn scan(json: &str) -> Result<(), InvalidContent> {
    let (mut depth, mut rest) = (0_usize, json);
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => {
                let end = rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
                let (number, _) = rest.split_at(end.unwrap_or(rest.len()));
                if !is_in_range(number) {
                    return Err(InvalidContent::NumberOutOfRange);
                }
                number.len()
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_CONTENT_DEPTH {
                    return Err(InvalidContent::TooDeep);
                }
                1
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                1
            }
            // White space, punctuation and the letters of `true`, `false` and `null`.
            _ => 1,
        };
        rest = rest.get(length..).ok_or(InvalidContent::NotJson)?;
    }
    Ok(())
}

/// The length of the text that JSON begins with, its quotes included.
fn text_length(json: &str) -> usize {
    let mut is_escaped = true; // The first quote begins the text and does not end it.
    let end = json.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 1)
}

fn is_in_range(number: &str) -> bool {
    if number.contains(['.', 'e', 'E']) {
        number.parse().is_ok_and(f64::is_finite)
    } else {
        number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
    }
}

/// A value of which every member's name is a name, and stands once in its object.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = object.next_entry::<String, Strict>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a repeated member"));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidContent> {
        Content::parse(text).map(|content| content.as_str().to_owned())
    }

    #[test]
    fn json_is_kept_as_what_it_says_in_one_form() {
        for same in [
            "null",
            "true",
            "18446744073709551615",
            "-9223372036854775808",
            "1.5",
            "1e+300",
            r#""\u0000\u001b\"\\""#,
            r#""]}""#,
            "[]",
            r#"{"a":[1,{"b":null}],"c":"ü"}"#,
            r#"{"$serde_json::private::RawValue":"[1,2]"}"#,
            r#"{"$serde_json::private::RawValue":[1,2]}"#,
            r#"{"$serde_json::private::RawValue":"not JSON","x":1}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
        ] {
            assert_eq!(read(same).as_deref(), Ok(same));
        }
        assert_eq!(read("\n{ \"b\" : 1 , \"\\u0061\" : -1 } ").unwrap(), r#"{"a":-1,"b":1}"#);
        assert_eq!(read(r#""\u00fc\/""#).unwrap(), r#""ü/""#);
    }

    #[test]
    fn what_readers_may_think_differently_of_is_refused() {
        use InvalidContent::{NotJson, NumberOutOfRange, RepeatedMember};
        for (text, expected) in [
            ("", NotJson),
            ("NaN", NotJson),
            ("01", NotJson),
            ("[1,]", NotJson),
            ("1 2", NotJson),
            (r#""\ud800""#, NotJson),
            ("\"\n\"", NotJson),
            (r#"{"a":1,"a":1}"#, RepeatedMember),
            (r#"[{"x":{"a":1,"\u0061":2}}]"#, RepeatedMember),
            (r#"{"$serde_json::private::RawValue":1,"$serde_json::private::RawValue":"1"}"#, RepeatedMember),
            ("1180591620717411303424", NumberOutOfRange),
            ("[18446744073709551616]", NumberOutOfRange),
            ("-9223372036854775809", NumberOutOfRange),
            (r#"{"a":1e400}"#, NumberOutOfRange),
        ] {
            assert_eq!(read(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn depth_is_limited_and_counted_outside_texts_alone() {
        let lists = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        for nested in [&lists as &dyn Fn(usize) -> String, &objects] {
            assert_eq!(read(&nested(MAX_CONTENT_DEPTH)), Ok(nested(MAX_CONTENT_DEPTH)));
            assert_eq!(read(&nested(MAX_CONTENT_DEPTH + 1)), Err(InvalidContent::TooDeep));
            assert_eq!(read(&nested(100_000)), Err(InvalidContent::TooDeep));
        }
        let text = format!("[\"{}\\\"{}\"]", "[".repeat(100), "{".repeat(100));
        assert_eq!(read(&text), Ok(text.clone()));
        let wide = format!("[{}[]]", "[],".repeat(1000));
        assert_eq!(read(&wide), Ok(wide.clone()));
    }

    #[test]
    fn it_is_read_and_written_as_a_part_of_other_json() {
        let list: Vec<Content> = serde_json::from_str(r#"[1, {"b": [ ], "a": "x"}]"#).unwrap();
        assert_eq!(serde_json::to_string(&list).unwrap(), r#"[1,{"a":"x","b":[]}]"#);
        let error = serde_json::from_str::<Vec<Content>>(r#"[{"a":1,"a":2}]"#).unwrap_err();
        assert!(error.is_data() && error.to_string().contains("repeated"), "{error}");
    }
}
