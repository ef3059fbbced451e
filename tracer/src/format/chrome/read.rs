//! Reads trace events: a list (whose closing bracket may be missing) or an object with
//! `traceEvents`.
//!
//! Events come in any order, so slices are put together after the last one. Of a damaged file,
//! what had ended before the damage is given.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::event::{Event, EventFields};
use super::ids::Ids;
use super::slices::{ByTrack, Found};
use super::spans::Spans;
use super::value::{Plain, label};
use super::{ANCHOR, RESOURCE};
use crate::format::Warning;
use crate::format::error::position_of;
use crate::format::intern::Builder;
use crate::format::walk::{Elements, List, Object, Text, skip};
use crate::model::{ArcStr, Attribute, Value, find};

/// Reads a document that fills the whole of `bytes`.
pub(in crate::format) fn document(
    bytes: &[u8],
    builder: &mut Builder,
) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let mut reading = Reading::new(builder);
    let outcome = parser.deserialize_any(&mut reading).and_then(|()| parser.end());
    let outcome = outcome.or_else(|error| {
        let may_end = reading.is_list && !reading.is_inside && ends_between(bytes, &error);
        if may_end { Ok(()) } else { Err(error) }
    });
    reading.finish(outcome.is_ok());
    outcome
}

/// Whether a list of events is only without its closing bracket, or has a comma before it.
fn ends_between(bytes: &[u8], error: &serde_json::Error) -> bool {
    let trimmed = bytes.trim_ascii_end();
    let comma = trimmed.strip_suffix(b"]").map(<[u8]>::trim_ascii_end);
    error.is_eof()
        || comma.is_some_and(|list| {
            list.ends_with(b",") && position_of(bytes, error).byte >= list.len() - 1
        })
}

/// What is known of a process besides its events.
#[derive(Default)]
pub(super) struct Process {
    pub(super) name: Option<ArcStr>,
    pub(super) labels: Option<ArcStr>,
    pub(super) resource: Option<Vec<Attribute>>,
    /// Index of its resource in the set, once it is needed.
    pub(super) index: Option<u32>,
}

pub(super) struct Reading<'a> {
    pub(super) builder: &'a mut Builder,
    is_list: bool,
    /// Whether an event has begun and not ended.
    is_inside: bool,
    events: usize,
    pub(super) anchor_ns: u64,
    last_ns: i128,
    pub(super) processes: HashMap<ArcStr, Process>,
    pub(super) thread_names: HashMap<(ArcStr, ArcStr), ArcStr>,
    threads: ByTrack,
    operations: ByTrack,
    not_carried: usize,
    without_time: usize,
    pub(super) out_of_range: usize,
}

impl<'de> Visitor<'de> for &mut Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of trace events, or an object with traceEvents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.is_list = true;
        while self.element(&mut list)? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "traceEvents" => map.next_value_seed(List(&mut *self))?,
                "otherData" => {
                    let data = map.next_value_seed(Plain::new(&mut self.builder.interner))?;
                    if let Value::Map(entries) = data
                        && let Some(text) = find(&entries, ANCHOR).and_then(Value::as_str)
                    {
                        self.anchor_ns = text.parse().map_err(|_| {
                            let what = "is not a time in nanoseconds, expected digits";
                            A::Error::custom(format_args!("{ANCHOR}: {text:?} {what}"))
                        })?;
                    }
                }
                _ => skip(&mut map)?,
            }
        }
        Ok(())
    }
}

impl<'de> Elements<'de> for Reading<'_> {
    const EXPECTED: &'static str = "a list of trace events";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut fields = EventFields::new(&mut self.builder.interner, self.events);
        let mut begun = Begun { fields: &mut fields, is_inside: &mut self.is_inside };
        if list.next_element_seed(&mut begun)?.is_none() {
            return Ok(false);
        }
        self.is_inside = false;
        self.events += 1;
        let event = fields.event;
        self.take(event);
        Ok(true)
    }
}

/// Notes that an event has begun, and reads it.
struct Begun<'a, 'b> {
    fields: &'a mut EventFields<'b>,
    is_inside: &'a mut bool,
}

impl<'de> serde::de::DeserializeSeed<'de> for &mut Begun<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.is_inside = true;
        Object(&mut *self.fields).deserialize(deserializer)
    }
}

impl<'a> Reading<'a> {
    fn new(builder: &'a mut Builder) -> Self {
        Reading {
            builder,
            is_list: false,
            is_inside: false,
            events: 0,
            anchor_ns: 0,
            last_ns: 0,
            processes: HashMap::new(),
            thread_names: HashMap::new(),
            threads: ByTrack::default(),
            operations: ByTrack::default(),
            not_carried: 0,
            without_time: 0,
            out_of_range: 0,
        }
    }

    fn take(&mut self, event: Event) {
        let track = match event.phase {
            'M' => return self.take_metadata(event),
            'B' | 'E' | 'X' | 'i' | 'I' | 's' | 't' | 'f' => &mut self.threads,
            'b' | 'n' | 'e' => &mut self.operations,
            _ => {
                self.not_carried += 1;
                return;
            }
        };
        let Some(time_ns) = event.time_ns else {
            self.without_time += 1;
            return;
        };
        self.without_time += usize::from(event.phase == 'X' && event.duration_ns.is_none());
        let end_ns = time_ns + event.duration_ns.unwrap_or_default().max(0);
        self.last_ns = self.last_ns.max(end_ns);
        track.push(event);
    }

    fn take_metadata(&mut self, event: Event) {
        let text = |key| find(&event.args, key).and_then(label);
        match &*event.name {
            "process_name" => {
                let resource = match find(&event.args, RESOURCE) {
                    Some(Value::Map(attributes)) => Some(attributes.to_vec()),
                    _ => None,
                };
                let name = text("name");
                let process = self.processes.entry(event.process).or_default();
                process.name = name;
                process.resource = resource;
            }
            "process_labels" => {
                let labels = text("labels");
                self.processes.entry(event.process).or_default().labels = labels;
            }
            "thread_name" => {
                if let Some(name) = text("name") {
                    self.thread_names.insert((event.process, event.thread), name);
                }
            }
            _ => {}
        }
    }

    /// Puts the slices together and makes spans of them.
    fn finish(mut self, is_whole: bool) {
        let mut found = Found::new(self.last_ns, is_whole);
        for (track, events) in std::mem::take(&mut self.operations.tracks) {
            found.async_track(track, events, &mut self.builder.interner);
        }
        for (track, events) in std::mem::take(&mut self.threads.tracks) {
            found.thread_track(track, events);
        }
        let slices = std::mem::take(&mut found.slices);
        let own_events = std::mem::take(&mut found.own_events);
        let mut spans = Spans::default();
        let mut ids = Ids::default();
        for slice in slices {
            self.add(slice, &found.tracks, &mut ids, &mut spans);
        }
        found.loose_events += self.place(own_events, &mut spans);
        let warnings = found.warnings();
        found.flows.link(&mut spans.spans, &spans.span_of);
        self.builder.traces.spans.extend(spans.in_order());
        self.builder.notice(warnings);
        self.builder.notice([
            Warning::NotCarriedOver(self.not_carried),
            Warning::WithoutTime(self.without_time),
            Warning::OutOfRange(self.out_of_range),
        ]);
    }
}
