//! Attribute values as plain JSON, as people want to see them in a viewer, in both directions.
//!
//! Where JSON cannot say a value, it is an object with one of OTLP's names: `{"bytesValue":"aGk="}`.
//! A map that begins with one of those names itself is wrapped in `mapValue`. What is nested deeper
//! than [`MOST_NESTED`] becomes the text of its JSON: OTLP needs four levels of JSON for one of a
//! map, and readers refuse what goes beyond 128.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::format::intern::Interner;
use crate::format::number::name_of_unwritable;
use crate::format::walk::Text;
use crate::model::{ArcStr, Attribute, Value};

/// The integers that a JavaScript number holds exactly.
const MOST_EXACT: u64 = 1 << 53;

/// How deep values may be nested, counted from `args`.
const MOST_NESTED: usize = 28;

const INT: &str = "intValue";
const DOUBLE: &str = "doubleValue";
const BYTES: &str = "bytesValue";
const MAP: &str = "mapValue";

fn is_typed(key: &str) -> bool {
    matches!(key, INT | DOUBLE | BYTES | MAP)
}

/// Writes a value.
pub(super) struct PlainJson<'a>(pub(super) &'a Value);

impl Serialize for PlainJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) if number.unsigned_abs() <= MOST_EXACT => {
                serializer.serialize_i64(*number)
            }
            Value::Int(number) => typed(serializer, INT, &number.to_string()),
            Value::Double(number) => match name_of_unwritable(*number) {
                Some(name) => typed(serializer, DOUBLE, name),
                None => serializer.serialize_f64(*number),
            },
            Value::Bytes(bytes) => typed(serializer, BYTES, &STANDARD.encode(&**bytes)),
            Value::Array(values) => serializer.collect_seq(values.iter().map(PlainJson)),
            Value::Map(entries) => PlainMap(entries).serialize(serializer),
        }
    }
}

fn typed<S: Serializer>(serializer: S, name: &str, text: &str) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, text)?;
    map.end()
}

/// Writes attributes as an object.
pub(super) struct PlainMap<'a>(pub(super) &'a [Attribute]);

impl Serialize for PlainMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.first().is_some_and(|first| is_typed(&first.key)) {
            return Entries(self.0).serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(MAP, &Entries(self.0))?;
        map.end()
    }
}

struct Entries<'a>(&'a [Attribute]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|entry| (&*entry.key, PlainJson(&entry.value))))
    }
}

/// Reads a value; `null` is an empty text, as in OTLP.
pub(super) struct Plain<'a> {
    interner: &'a mut Interner,
    depth: usize,
}

impl<'a> Plain<'a> {
    pub(super) fn new(interner: &'a mut Interner) -> Self {
        Plain { interner, depth: 0 }
    }

    fn inner(&mut self) -> Plain<'_> {
        Plain { interner: self.interner, depth: self.depth + 1 }
    }

    /// A list or map, or its text when it is the first that is too deep.
    fn nested(self, value: Value) -> Value {
        if self.depth != MOST_NESTED {
            return value;
        }
        let text = serde_json::to_string(&PlainJson(&value));
        Value::Str(text.unwrap_or_default().into())
    }

    fn entries<'de, A: MapAccess<'de>>(
        &mut self,
        entries: &mut Vec<Attribute>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            let key = self.interner.text(&key);
            let value = map.next_value_seed(self.inner())?;
            entries.push(Attribute { key, value });
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Str(self.interner.text("")))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        // A double would round it.
        Ok(i64::try_from(number).map_or_else(|_| Value::Str(number.to_string().into()), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Double(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(self.interner.text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.inner())? {
            values.push(value);
        }
        Ok(self.nested(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let Some(Text(first)) = map.next_key()? else {
            return Ok(Vec::<Attribute>::new().into());
        };
        let key = self.interner.text(&first);
        let value = match &*key {
            MAP => map.next_value_seed(PlainEntries(self.inner()))?,
            _ => map.next_value_seed(self.inner())?,
        };
        let mut entries = vec![Attribute { key, value }];
        self.entries(&mut entries, &mut map)?;
        Ok(match untyped(&mut entries) {
            Some(value) => value,
            None => self.nested(entries.into()),
        })
    }
}

/// Reads an object whose first key is only a key; anything else is a value as usual.
struct PlainEntries<'a>(Plain<'a>);

impl<'de> DeserializeSeed<'de> for PlainEntries<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PlainEntries<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value inside mapValue")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        self.0.entries(&mut entries, &mut map)?;
        Ok(self.0.nested(entries.into()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.0.visit_unit()
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Value, E> {
        self.0.visit_bool(truth)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.0.visit_i64(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.0.visit_u64(number)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        self.0.visit_f64(number)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.0.visit_str(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Value, A::Error> {
        self.0.visit_seq(list)
    }
}

/// The value of an object that is one of the typed forms.
fn untyped(entries: &mut Vec<Attribute>) -> Option<Value> {
    let [Attribute { key, value }] = &mut entries[..] else { return None };
    match (&**key, &*value) {
        (INT, Value::Str(text)) => text.parse().ok().map(Value::Int),
        (DOUBLE, Value::Str(text)) => text.parse().ok().map(Value::Double),
        (BYTES, Value::Str(text)) => STANDARD.decode(&**text).ok().map(Value::from),
        (MAP, Value::Map(_)) => entries.pop().map(|only| only.value),
        _ => None,
    }
}

/// A scalar as text, as ids are: a number and the same number in quotes are one.
pub(super) fn label(value: &Value) -> Option<ArcStr> {
    match value {
        Value::Str(text) => Some(ArcStr::clone(text)),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Double(number) => Some(number.to_string().into()),
        Value::Bool(_) | Value::Bytes(_) | Value::Array(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(value: &Value) -> Value {
        let text = serde_json::to_string(&PlainJson(value)).expect("writes to memory");
        let mut parser = serde_json::Deserializer::from_str(&text);
        Plain::new(&mut Interner::default()).deserialize(&mut parser).expect(&text)
    }

    fn map(entries: &[(&str, Value)]) -> Value {
        let entry =
            |(key, value): &(&str, Value)| Attribute { key: (*key).into(), value: value.clone() };
        entries.iter().map(entry).collect::<Vec<_>>().into()
    }

    #[test]
    fn maps_that_look_typed_stay_maps() {
        let text = |text: &str| Value::Str(text.into());
        let int = map(&[("intValue", text("5"))]);
        for value in [
            int.clone(),
            map(&[("mapValue", int.clone())]),
            map(&[("mapValue", int.clone()), ("x", int.clone())]),
            map(&[("x", int.clone()), ("mapValue", int)]),
            map(&[("mapValue", text("5"))]),
            map(&[("bytesValue", text("!"))]),
            map(&[]),
        ] {
            assert_eq!(through(&value), value);
        }
    }

    #[test]
    fn what_is_too_deep_becomes_text() {
        let deep =
            |levels: usize| (0..levels).fold(Value::Bool(true), |inner, _| vec![inner].into());
        assert_eq!(through(&deep(MOST_NESTED)), deep(MOST_NESTED));
        let mut value = through(&deep(MOST_NESTED + 3));
        for _ in 0..MOST_NESTED {
            let Value::Array(mut values) = value else { panic!("{value:?}") };
            value = values.remove(0);
        }
        assert_eq!(value, Value::Str("[[[true]]]".into()));
    }

    #[test]
    fn what_json_cannot_say_is_typed() {
        for value in [
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
            Value::Int(-3),
            Value::Double(2.0),
            Value::Double(-0.0),
            Value::Double(1e300),
            Value::Double(f64::NEG_INFINITY),
            vec![0_u8, 255].into(),
            vec![Value::Bool(true), Vec::<Value>::new().into()].into(),
        ] {
            assert_eq!(through(&value), value);
        }
    }
}
