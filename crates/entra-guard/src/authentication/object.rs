//! Deserializes a JSON object strictly.
//!
//! serde's derive accepts an array for a struct and skips unknown members without checking their strings, numbers,
//! depth or repetition; two readers could then disagree about a token. So the whole object is checked first.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The maximum number of members in an object, several times as many as Entra writes. Each name is compared with all
/// others.
const MAX_MEMBERS: usize = 128;

/// The deserialized members of an object.
#[derive(Debug)]
pub(super) struct Object<T> {
    pub(super) members: T,
    /// Whether the object has a forbidden member.
    pub(super) refused: bool,
}

/// Why an object could not be deserialized.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Not a JSON object, or one with repeated members.
    Malformed,
    /// A JSON object with a missing member or one of the wrong type.
    Members(serde_json::Error),
}

/// Deserializes the struct `T`, and reports whether the object has any of the `refused` members.
///
/// Repeated members are refused, however they are escaped, and so is nesting beyond `serde_json`'s 128 levels.
pub(super) fn read<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    refused: &[&str],
) -> Result<Object<T>, Unreadable> {
    // Checked once for the whole text, so that every string in it can be borrowed.
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Malformed)?;
    let Names(names) = serde_json::from_str(text).map_err(|_| Unreadable::Malformed)?;
    let members = serde_json::from_str(text).map_err(Unreadable::Members)?;
    Ok(Object { members, refused: names.iter().any(|name| refused.contains(&name.as_ref())) })
}

/// The names of an object's members. Their values are checked and dropped.
struct Names<'n>(Vec<Cow<'n, str>>);

/// A member's name, copied only if it is escaped.
#[derive(Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

/// Any JSON value, which is checked and dropped.
///
/// `untagged` deserializes the value into a buffer first. That checks its strings, numbers and depth, which
/// [`IgnoredAny`] alone skips.
#[derive(Deserialize)]
#[serde(untagged)]
enum Anything {
    Any(IgnoredAny),
}

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Names<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated members")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        while let Some((Name(name), Anything::Any(_))) = members.next_entry()? {
            // A case-insensitive reader could take `TID` for the tenant.
            let other_tenant = name != "tid" && name.eq_ignore_ascii_case("tid");
            if other_tenant || self.0.len() == MAX_MEMBERS || self.0.contains(&name) {
                return Err(A::Error::custom("a repeated member, or too many"));
            }
            self.0.push(name);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Known {
        a: String,
        b: Option<i64>,
    }

    fn read_known(text: &str) -> Result<(String, Option<i64>, bool), Unreadable> {
        let Object { members: Known { a, b }, refused } = read(text.as_bytes(), &["never"])?;
        Ok((a, b, refused))
    }

    fn is_malformed(text: &str) -> bool {
        matches!(read_known(text), Err(Unreadable::Malformed))
    }

    #[test]
    fn known_members_are_read_and_others_passed_over() {
        let object = r#" { "x": [{"y": [1, -2, 1e3, true, null, "\u00fc"]}], "\u0061": "\u0062", "b": 7 } "#;
        assert_eq!(read_known(object).unwrap(), ("b".into(), Some(7), false));
        assert_eq!(read_known(r#"{"a":"","never":null}"#).unwrap(), (String::new(), None, true));
        assert_eq!(read_known(r#"{"a":"","\u006eever":{}}"#).unwrap(), (String::new(), None, true));
    }

    #[test]
    fn a_missing_member_is_told_from_a_malformed_object() {
        for object in ["{}", r#"{"b":1}"#, r#"{"a":null}"#, r#"{"a":["x"]}"#, r#"{"a":"","b":1.5}"#] {
            assert!(matches!(read_known(object), Err(Unreadable::Members(_))), "{object}");
        }
        for object in [
            "",
            "null",
            r#"["x",1]"#,
            r#"{"a":""}x"#,
            r#"{"a":"","a":""}"#,
            r#"{"a":"","\u0061":""}"#,
            r#"{"a":"","x":1,"x":1}"#,
            r#"{"a":"","x":"\ud800"}"#,
            r#"{"a":"","x":{"y":"\ud800"}}"#,
            r#"{"a":"","x":{"\ud800":1}}"#,
            r#"{"a":"","x":1e400}"#,
            r#"{"a":"","x":01}"#,
            r#"{"a":"",}"#,
            // The first fault is a member's type; the object is malformed all the same.
            r#"{"a":1,"x":1,"x":1}"#,
            r#"{"a":1}x"#,
        ] {
            assert!(is_malformed(object), "{object}");
        }
    }

    #[test]
    fn depth_and_number_of_members_have_limits() {
        let nested = |depth: usize| format!(r#"{{"a":"","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(read_known(&nested(100)).is_ok());
        assert!(is_malformed(&nested(1_000)));
        assert!(is_malformed(&nested(100_000)));
        let wide = |members: usize| {
            let members: Vec<_> = (1..members).map(|i| format!(r#""x{i}":0"#)).collect();
            format!(r#"{{"a":"",{}}}"#, members.join(","))
        };
        assert!(read_known(&wide(MAX_MEMBERS)).is_ok());
        assert!(is_malformed(&wide(MAX_MEMBERS + 1)));
    }
}
