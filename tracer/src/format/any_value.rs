//! OTLP's attributes written as JSON: `{"key":K,"value":{"intValue":"5"}}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::number::name_of_unwritable;
use crate::model::{Attribute, Value};

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
            Value::Bytes(bytes) => map.serialize_entry("bytesValue", &STANDARD.encode(&**bytes))?,
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
