//! The fields of a span or event as attributes; one that comes again takes the place of the first.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use crate::model::{Attribute, Value};

#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<Attribute>);

impl Fields {
    pub(super) fn set(&mut self, key: &str, value: Value) {
        match self.0.iter_mut().find(|attribute| &*attribute.key == key) {
            Some(known) => known.value = value,
            None => self.0.push(Attribute { key: key.into(), value }),
        }
    }

    /// The name that the macro was given, else the message, else the place in the source.
    pub(super) fn event_name(&mut self, name: &'static str) -> String {
        if !name.starts_with("event ") {
            return name.to_owned();
        }
        let message = self.0.iter().position(|attribute| &*attribute.key == "message");
        match message.map(|place| self.0.remove(place).value) {
            Some(Value::Str(text)) => text.to_string(),
            Some(_) | None => name.to_owned(),
        }
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = match i64::try_from(value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::Str(value.to_string().into()),
        };
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Int(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Bool(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::Double(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::Str(value.into()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), Value::Str(value.to_string().into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), Value::Str(format!("{value:?}").into()));
    }
}
