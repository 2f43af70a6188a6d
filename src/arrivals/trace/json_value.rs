//! JSON values whose numbers keep the digits they are written with: nanoseconds since 1970 have more than a double holds.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    /// A number, true or false, as it is written.
    Plain(String),
    List(Vec<Value>),
    /// In the order of the text; of fields of one name the last counts.
    Object(Vec<(String, Value)>),
}

/// How deep values are taken apart; as deep as others read them.
const DEEPEST: usize = 127;

impl Value {
    /// The value that a text is; none if it is none.
    pub(super) fn read(text: &[u8]) -> Option<Value> {
        Value::of(serde_json::from_slice(text).ok()?, 0)
    }

    /// A value inside so many others.
    fn of(raw: &RawValue, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'n' => Value::Null,
            b'"' => Value::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let list: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Value::List(list.into_iter().map(|raw| Value::of(raw, depth + 1)).collect::<Option<_>>()?)
            }
            b'{' => {
                let Fields(fields) = serde_json::from_str(text).ok()?;
                let field = |(name, raw)| Some((name, Value::of(raw, depth + 1)?));
                Value::Object(fields.into_iter().map(field).collect::<Option<_>>()?)
            }
            _ => Value::Plain(text.to_owned()),
        })
    }

    /// The field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let Value::Object(fields) = self else { return None };
        fields.iter().rfind(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Is it an object?
    pub(super) fn is_object(&self) -> bool {
        matches!(self, Value::Object(_))
    }

    /// Is it a number without a point or a sign?
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Value::Plain(text) if text.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The text, or the number as it is written; nothing of what holds other values.
    pub(super) fn text(&self) -> &str {
        match self {
            Value::Text(text) => text.trim(),
            Value::Plain(text) => text,
            Value::Null | Value::List(_) | Value::Object(_) => "",
        }
    }
}

/// The fields of an object, not yet taken apart.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields<'de>, D::Error> {
        deserializer.deserialize_map(FieldsOf)
    }
}

struct FieldsOf;

impl<'de> Visitor<'de> for FieldsOf {
    type Value = Fields<'de>;

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by the well-kept reader, whose numbers are doubles.
    fn other(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Text(text) => text.as_str().into(),
            Value::Plain(text) => serde_json::from_str(text).unwrap(),
            Value::List(list) => list.iter().map(other).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), other(value))).collect()
            }
        }
    }

    proptest! {
        #[test]
        fn texts_are_read_as_json_is(text in r#"[\[{]([\[\]{}",: .0-9eE+-]|"a"|"b":|true|null|"\\u00e9\\n"|[\\]){0,24}[\]}]"#) {
            let expected = serde_json::from_str::<serde_json::Value>(&text).ok();
            prop_assert_eq!(Value::read(text.as_bytes()).map(|value| other(&value)), expected, "{}", text);
        }

        #[test]
        fn values_are_read_as_json_is(
            keys in prop::collection::vec(".{0,3}", 1..6),
            numbers in prop::collection::vec(any::<f64>().prop_filter("JSON has no others", |x| x.is_finite()), 6),
            whole in any::<u64>(),
        ) {
            let inner: serde_json::Value = keys.iter().cloned().zip(numbers.iter().copied()).collect();
            let value = serde_json::json!({ "a": inner, "b": [inner, null, true, whole], "c": keys });
            for text in [value.to_string(), format!("{value:#}")] {
                let read = Value::read(text.as_bytes()).unwrap();
                prop_assert_eq!(&other(&read), &value);
                prop_assert!(matches!(read.get("b"), Some(Value::List(list)) if list[3].text() == whole.to_string()));
            }
        }
    }

    #[test]
    fn numbers_keep_their_digits_and_the_last_field_of_a_name_counts() {
        let value = Value::read(br#"{"t": 1700000000.123456789, "u": 1, "u": " x ", "v": [1e5]}"#).unwrap();
        assert_eq!(value.get("t").map(Value::text), Some("1700000000.123456789"));
        assert_eq!(value.get("u").map(Value::text), Some("x"));
        assert_eq!(value.get("v").map(Value::text), Some(""));
        assert!(!value.get("t").unwrap().is_whole() && value.get("w").is_none());
    }

    #[test]
    fn what_is_too_deep_is_none() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Value::read(deep(100).as_bytes()).is_some());
        assert!(Value::read(deep(200_000).as_bytes()).is_none());
    }
}
