//! One trace event as the file has it. Numbers may be in quotes and ids may be numbers.

use serde::de::MapAccess;

use super::value::{Plain, label};
use crate::format::intern::Interner;
use crate::format::walk::{Fields, Text, skip};
use crate::model::{ArcStr, Attribute, Value};

/// A trace event.
pub(super) struct Event {
    /// The phase, which says what kind of event it is; a space when there is none.
    pub(super) phase: char,
    /// Its position in the file.
    pub(super) order: usize,
    pub(super) name: ArcStr,
    pub(super) category: ArcStr,
    pub(super) process: ArcStr,
    pub(super) thread: ArcStr,
    /// Nanoseconds since the file's zero.
    pub(super) time_ns: Option<i128>,
    pub(super) duration_ns: Option<i128>,
    /// What events of one operation or flow have in common.
    pub(super) id: Option<ArcStr>,
    /// Whether `id` means something within the process only.
    pub(super) is_local: bool,
    pub(super) scope: ArcStr,
    /// Whether the end of a flow is in the slice around it, and not in the next one.
    pub(super) binds_around: bool,
    /// The flow that the event itself takes part in.
    pub(super) flow: Option<ArcStr>,
    pub(super) flow_in: bool,
    pub(super) flow_out: bool,
    pub(super) args: Vec<Attribute>,
}

/// Reads one event.
pub(super) struct EventFields<'a> {
    pub(super) interner: &'a mut Interner,
    pub(super) event: Event,
}

impl<'a> EventFields<'a> {
    pub(super) fn new(interner: &'a mut Interner, order: usize) -> Self {
        let empty = interner.text("");
        let event = Event {
            phase: ' ',
            order,
            name: empty.clone(),
            category: empty.clone(),
            process: empty.clone(),
            thread: empty.clone(),
            time_ns: None,
            duration_ns: None,
            id: None,
            is_local: false,
            scope: empty,
            binds_around: false,
            flow: None,
            flow_in: false,
            flow_out: false,
            args: Vec::new(),
        };
        EventFields { interner, event }
    }
}

impl<'de> Fields<'de> for EventFields<'_> {
    const EXPECTED: &'static str = "a trace event";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let EventFields { interner, event } = self;
        match key {
            "ph" => {
                let Text(phase) = map.next_value::<Option<Text<'de>>>()?.unwrap_or_default();
                event.phase = phase.chars().next().unwrap_or(' ');
                return Ok(());
            }
            "name" | "cat" | "pid" | "tid" | "ts" | "dur" | "id" | "id2" | "scope" | "bp"
            | "bind_id" | "flow_in" | "flow_out" | "args" => {}
            _ => return skip(map),
        }
        let value = map.next_value_seed(Plain::new(interner))?;
        match key {
            "name" => event.name = text(&value, interner),
            "cat" => event.category = text(&value, interner),
            "pid" => event.process = text(&value, interner),
            "tid" => event.thread = text(&value, interner),
            "scope" => event.scope = text(&value, interner),
            "ts" => event.time_ns = nanoseconds(&value),
            "dur" => event.duration_ns = nanoseconds(&value),
            "id" => event.id = label(&value),
            "id2" => take_id2(event, &value),
            "bp" => event.binds_around = value.as_str() == Some("e"),
            "bind_id" => event.flow = label(&value),
            "flow_in" => event.flow_in = is_true(&value),
            "flow_out" => event.flow_out = is_true(&value),
            "args" => match value {
                Value::Map(entries) => event.args = *entries,
                Value::Str(text) if text.is_empty() => {}
                value => event.args = vec![Attribute { key: interner.text("args"), value }],
            },
            _ => {}
        }
        Ok(())
    }
}

fn text(value: &Value, interner: &mut Interner) -> ArcStr {
    label(value).unwrap_or_else(|| interner.text(""))
}

/// An id that says itself where it is known: `{"local":"0x1"}` or `{"global":"0x1"}`.
fn take_id2(event: &mut Event, value: &Value) {
    let Value::Map(entries) = value else { return };
    for entry in entries.iter() {
        if let Some(id) = label(&entry.value).filter(|_| matches!(&*entry.key, "local" | "global"))
        {
            event.is_local = &*entry.key == "local";
            event.id = Some(id);
        }
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::Str(text) => &**text == "true",
        _ => false,
    }
}

/// Microseconds, which may have a fraction, as nanoseconds.
fn nanoseconds(value: &Value) -> Option<i128> {
    /// Far beyond every time, and far from where sums of times would overflow.
    const MOST: i128 = 1 << 100;
    let from_float = |us: f64| us.is_finite().then_some((us * 1000.0).round() as i128);
    let time_ns = match value {
        Value::Int(us) => Some(i128::from(*us) * 1000),
        Value::Double(us) => from_float(*us),
        Value::Str(text) => match text.parse::<i64>() {
            Ok(us) => Some(i128::from(us) * 1000),
            Err(_) => text.parse().ok().and_then(from_float),
        },
        _ => None,
    };
    time_ns.map(|time_ns| time_ns.clamp(-MOST, MOST))
}
