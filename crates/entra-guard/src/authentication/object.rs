//! Deserializes a JSON object strictly, in one pass.
//!
//! serde's derive accepts an array for a struct and skips unknown members without checking their strings, numbers,
//! depth or repetition; two readers could then disagree about a token.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::error::Category;

/// The most members of an object, several times as many as Entra writes. Each is compared with all others.
const MAX_MEMBERS: usize = 128;

/// The deserialized members of an object.
#[derive(Debug)]
pub(super) struct Object<T> {
    pub(super) members: T,
    /// Whether the object has a forbidden member.
    pub(super) refused: bool,
}

/// Why an object could not be deserialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Not a JSON object, or one with repeated members.
    Malformed,
    /// A JSON object with a missing member or one of the wrong type.
    Members,
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
    read_text(text, refused).map_err(|error| match error.classify() {
        // A wrong type may hide a syntax error further on, so the text is parsed again without a type.
        Category::Data if read_text::<Nothing>(text, &[]).is_ok() => Unreadable::Members,
        _ => Unreadable::Malformed,
    })
}

fn read_text<'de, T: Deserialize<'de>>(text: &'de str, refused: &[&str]) -> serde_json::Result<Object<T>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut found = false;
    let members = T::deserialize(Strict { json: &mut json, refused, found: &mut found })?;
    json.end()?;
    Ok(Object { members, refused: found })
}

/// A struct without fields, so that every member is checked as an unknown one.
#[derive(Deserialize)]
struct Nothing {}

/// Deserializes a struct, and nothing else, from a JSON object.
struct Strict<'a, D> {
    json: D,
    refused: &'a [&'a str],
    found: &'a mut bool,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self { json, refused, found } = self;
        // Not `deserialize_struct`, which accepts an array of the fields in order.
        json.deserialize_map(Members { fields, visitor, refused, found })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("only a struct is read from an object"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Members<'a, V> {
    fields: &'static [&'static str],
    visitor: V,
    refused: &'a [&'a str],
    found: &'a mut bool,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Members<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated members")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { fields, visitor, refused, found } = self;
        visitor.visit_map(Access { map, fields, refused, found, count: 0, known: 0, others: Vec::new() })
    }
}

/// Passes on the fields of the struct, and checks the other members.
struct Access<'a, 'de, A> {
    map: A,
    fields: &'static [&'static str],
    refused: &'a [&'a str],
    found: &'a mut bool,
    /// Number of members so far.
    count: usize,
    /// The fields seen so far, one bit each.
    known: u128,
    /// The names of the other members.
    others: Vec<Cow<'de, str>>,
}

impl<'de, A: MapAccess<'de>> Access<'_, 'de, A> {
    fn next_field(&mut self) -> Result<Option<&'static str>, A::Error> {
        while let Some(Name(name)) = self.map.next_key()? {
            // A case-insensitive reader could take `TID` for the tenant.
            let other_tenant = name != "tid" && name.eq_ignore_ascii_case("tid");
            let field = self.fields.iter().position(|field| is_same(field, &name));
            if other_tenant || self.count == MAX_MEMBERS || self.was_seen(field, &name) {
                return Err(A::Error::custom("a repeated member, or too many"));
            }
            self.count += 1;
            *self.found |= self.refused.contains(&name.as_ref());
            if let Some(place) = field {
                self.known |= bit(place);
                return Ok(self.fields.get(place).copied());
            }
            self.others.push(name);
            self.map.next_value::<Anything>()?;
        }
        Ok(None)
    }

    fn was_seen(&self, field: Option<usize>, name: &str) -> bool {
        match field {
            Some(place) => self.known & bit(place) != 0,
            None => self.others.iter().any(|other| is_same(other, name)),
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Access<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(field) = self.next_field()? else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Compares the first byte first, since most claims have three letters.
fn is_same(field: &str, name: &str) -> bool {
    field.as_bytes().first() == name.as_bytes().first() && field == name
}

/// The bit of a field. A field beyond the last bit would count as repeated.
fn bit(place: usize) -> u128 {
    u32::try_from(place).ok().and_then(|place| 1_u128.checked_shl(place)).unwrap_or(u128::MAX)
}

/// A member's name, copied only if it is escaped.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Any value, checked and dropped.
///
/// Unlike [`serde::de::IgnoredAny`] it checks strings, numbers and depth.
pub(super) struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
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

    #[test]
    fn known_members_are_read_and_others_passed_over() {
        let object = r#" { "x": [{"y": [1, -2, 1e3, true, null, "\u00fc"]}], "\u0061": "\u0062", "b": 7 } "#;
        assert_eq!(read_known(object), Ok(("b".into(), Some(7), false)));
        assert_eq!(read_known(r#"{"a":"","never":null}"#), Ok((String::new(), None, true)));
        assert_eq!(read_known(r#"{"a":"","\u006eever":{}}"#), Ok((String::new(), None, true)));
    }

    #[test]
    fn a_missing_member_is_told_from_a_malformed_object() {
        for object in ["{}", r#"{"b":1}"#, r#"{"a":null}"#, r#"{"a":["x"]}"#, r#"{"a":"","b":1.5}"#] {
            assert_eq!(read_known(object), Err(Unreadable::Members), "{object}");
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
            assert_eq!(read_known(object), Err(Unreadable::Malformed), "{object}");
        }
    }

    #[test]
    fn depth_and_number_of_members_have_limits() {
        let nested = |depth: usize| format!(r#"{{"a":"","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(read_known(&nested(100)).is_ok());
        assert_eq!(read_known(&nested(1_000)), Err(Unreadable::Malformed));
        assert_eq!(read_known(&nested(100_000)), Err(Unreadable::Malformed));
        let wide = |members: usize| {
            let members: Vec<_> = (1..members).map(|i| format!(r#""x{i}":0"#)).collect();
            format!(r#"{{"a":"",{}}}"#, members.join(","))
        };
        assert!(read_known(&wide(MAX_MEMBERS)).is_ok());
        assert_eq!(read_known(&wide(MAX_MEMBERS + 1)), Err(Unreadable::Malformed));
    }
}
