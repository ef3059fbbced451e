//! OTLP's attributes as JSON, in both directions: `{"key":K,"value":{"intValue":"5"}}`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::intern::Interner;
use super::number::{Float, Int, name_of_unwritable};
use super::walk::{Elements, Fields, List, Object, Text, skip, text, value};
use crate::model::{Attribute, Value};

/// Reads one `KeyValue`.
struct KeyValueFields<'a> {
    interner: &'a mut Interner,
    key: Cow<'a, str>,
    value: Value,
}

impl<'de> Fields<'de> for KeyValueFields<'_> {
    const EXPECTED: &'static str = "an attribute: {\"key\":...,\"value\":{...}}";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "key" => self.key = Cow::Owned(text(map)?.into_owned()),
            "value" => {
                let mut any = AnyValueFields { interner: self.interner, value: None };
                map.next_value_seed(Object(&mut any))?;
                self.value = any.value.unwrap_or_else(empty);
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// OTLP's "no value", for which the model has no kind of its own.
fn empty() -> Value {
    Value::Str("".into())
}

/// Reads the attributes that follow, at the end of the list that it is given.
pub(super) struct Attributes<'a> {
    pub(super) interner: &'a mut Interner,
    pub(super) list: &'a mut Vec<Attribute>,
}

impl<'de> Elements<'de> for Attributes<'_> {
    const EXPECTED: &'static str = "a list of attributes";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut fields =
            KeyValueFields { interner: self.interner, key: Cow::Borrowed(""), value: empty() };
        if list.next_element_seed(Object(&mut fields))?.is_none() {
            return Ok(false);
        }
        let KeyValueFields { interner, key, value } = fields;
        self.list.push(Attribute { key: interner.text(&key), value });
        Ok(true)
    }
}

/// Reads the list of attributes that is `map`'s next value.
pub(super) fn attributes<'de, A: MapAccess<'de>>(
    map: &mut A,
    interner: &mut Interner,
) -> Result<Vec<Attribute>, A::Error> {
    let mut list = Vec::new();
    map.next_value_seed(List(&mut Attributes { interner, list: &mut list }))?;
    Ok(list)
}

/// Reads one `AnyValue`; the field's name says which kind it is.
struct AnyValueFields<'a> {
    interner: &'a mut Interner,
    value: Option<Value>,
}

impl<'de> Fields<'de> for AnyValueFields<'_> {
    const EXPECTED: &'static str = "a value: {\"stringValue\":...} or one of its kinds";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let read = match key {
            "stringValue" => map
                .next_value::<Option<Text<'de>>>()?
                .map(|text| Value::Str(self.interner.text(&text.0))),
            "boolValue" => map.next_value::<Option<bool>>()?.map(Value::Bool),
            "intValue" => map.next_value::<Option<Int<i64>>>()?.map(|int| Value::Int(int.0)),
            "doubleValue" => map.next_value::<Option<Float>>()?.map(|float| Value::Double(float.0)),
            "bytesValue" => Some(Value::Bytes(base64_bytes(&text(map)?)?)),
            "arrayValue" => {
                let mut nested = ArrayFields { interner: self.interner, values: Vec::new() };
                map.next_value_seed(Object(&mut nested))?;
                Some(Value::Array(nested.values))
            }
            "kvlistValue" => {
                let mut nested = MapFields { interner: self.interner, values: Vec::new() };
                map.next_value_seed(Object(&mut nested))?;
                Some(Value::Map(nested.values))
            }
            _ => {
                skip(map)?;
                None
            }
        };
        // A `null` beside the real kind does not erase it.
        self.value = read.or(self.value.take());
        Ok(())
    }
}

/// Base64 of either alphabet, padded or not, as proto3's JSON allows.
fn base64_bytes<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|error| E::custom(format_args!("bytesValue is not base64: {error}")))
}

struct ArrayFields<'a> {
    interner: &'a mut Interner,
    values: Vec<Value>,
}

impl<'de> Fields<'de> for ArrayFields<'_> {
    const EXPECTED: &'static str = "{\"values\":[...]}";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "values" => map.next_value_seed(List(self)),
            _ => skip(map),
        }
    }
}

impl<'de> Elements<'de> for ArrayFields<'_> {
    const EXPECTED: &'static str = "a list of values";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut any = AnyValueFields { interner: self.interner, value: None };
        if list.next_element_seed(Object(&mut any))?.is_none() {
            return Ok(false);
        }
        let value = any.value.unwrap_or_else(empty);
        self.values.push(value);
        Ok(true)
    }
}

struct MapFields<'a> {
    interner: &'a mut Interner,
    values: Vec<Attribute>,
}

impl<'de> Fields<'de> for MapFields<'_> {
    const EXPECTED: &'static str = "{\"values\":[...]}";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "values" => {
                let list = &mut self.values;
                map.next_value_seed(List(&mut Attributes { interner: self.interner, list }))
            }
            _ => skip(map),
        }
    }
}

/// Writes attributes as OTLP does.
pub(super) struct AttributesJson<'a>(pub(super) &'a [Attribute]);

impl Serialize for AttributesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(AttributeJson))
    }
}

struct AttributeJson<'a>(&'a Attribute);

impl Serialize for AttributeJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("key", &*self.0.key)?;
        map.serialize_entry("value", &ValueJson(&self.0.value))?;
        map.end()
    }
}

struct ValueJson<'a>(&'a Value);

impl Serialize for ValueJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            Value::Str(text) => map.serialize_entry("stringValue", &**text)?,
            Value::Bool(truth) => map.serialize_entry("boolValue", truth)?,
            // 64-bit integers are strings, or a JavaScript reader rounds them.
            Value::Int(number) => map.serialize_entry("intValue", &number.to_string())?,
            Value::Double(number) => match name_of_unwritable(*number) {
                Some(name) => map.serialize_entry("doubleValue", name)?,
                None => map.serialize_entry("doubleValue", number)?,
            },
            Value::Bytes(bytes) => map.serialize_entry("bytesValue", &STANDARD.encode(bytes))?,
            Value::Array(values) => map.serialize_entry("arrayValue", &ArrayJson(values))?,
            Value::Map(values) => map.serialize_entry("kvlistValue", &MapJson(values))?,
        }
        map.end()
    }
}

struct ArrayJson<'a>(&'a [Value]);

impl Serialize for ArrayJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let values: Vec<_> = self.0.iter().map(ValueJson).collect();
        map.serialize_entry("values", &values)?;
        map.end()
    }
}

struct MapJson<'a>(&'a [Attribute]);

impl Serialize for MapJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("values", &AttributesJson(self.0))?;
        map.end()
    }
}

/// Reads one attribute list from text that stands on its own, as in a Jaeger tag.
pub(super) fn attributes_from_text(text: &str, interner: &mut Interner) -> Option<Vec<Attribute>> {
    let mut list = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(text);
    List(&mut Attributes { interner, list: &mut list }).deserialize(&mut parser).ok()?;
    parser.end().ok()?;
    Some(list)
}

/// A count of what a producer left out; zero when missing.
pub(super) fn count<'de, A: MapAccess<'de>>(map: &mut A) -> Result<u32, A::Error> {
    Ok(value::<A, Int<u32>>(map)?.0)
}
