//! The same event about another span id: `tracing` gives events away only whole, so one that names
//! its parent is taken apart and put together again.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Value, Visit};
use tracing::{Event, Subscriber};
use tracing_core::span::Id;

/// Gives `subscriber` the event as one of the span `parent`, or of none.
pub(super) fn retell(event: &Event<'_>, parent: Option<Id>, subscriber: &impl Subscriber) {
    let fields = event.metadata().fields();
    let mut values = Values((0..fields.len()).map(|_| None).collect());
    event.record(&mut values);
    let values: Vec<Option<&dyn Value>> = values.0.iter().map(Option::as_deref).collect();
    let set = fields.value_set_all(&values);
    let event = Event::new_child_of(parent, event.metadata(), &set);
    if subscriber.event_enabled(&event) {
        subscriber.event(&event);
    }
}

/// The values of an event, each in its field's place.
struct Values(Vec<Option<Box<dyn Value>>>);

impl Values {
    fn set(&mut self, field: &Field, value: impl Value + 'static) {
        if let Some(place) = self.0.get_mut(field.index()) {
            *place = Some(Box::new(value));
        }
    }
}

/// A text that is shown as it is.
struct Formatted(String);

impl fmt::Debug for Formatted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Visit for Values {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, tracing::field::debug(Formatted(value.to_string())));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, tracing::field::debug(Formatted(format!("{value:?}"))));
    }
}
