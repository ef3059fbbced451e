//! Trace sets for tests: every shape that the model allows.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use raftlens_tracer::format::{Format, write};
use raftlens_tracer::model::{
    ArcStr, Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId,
    TraceSet, Value,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Trace sets of every shape that the model allows, from a seed.
pub struct Maker(pub SmallRng);

impl Maker {
    pub fn new(seed: u64) -> Self {
        Maker(SmallRng::seed_from_u64(seed))
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.0.random_range(0..list.len())]
    }

    fn text(&mut self) -> ArcStr {
        let texts =
            ["", "k", "Peer::inspect", "线性一致读", "\"q\\\n\t\u{1}", "🦀", "1", "true", "NaN"];
        (*self.pick(&texts)).into()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.0.random_range(0..if depth > 0 { 7 } else { 5 }) {
            0 => Value::Str(self.text()),
            1 => Value::Bool(self.0.random()),
            2 => Value::Int(*self.pick(&[0, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, 42])),
            3 => Value::Double(*self.pick(&[0.5, 2.0, -1e300, f64::INFINITY, f64::MIN_POSITIVE])),
            4 => {
                (0..self.0.random_range(0..5)).map(|_| self.0.random()).collect::<Vec<u8>>().into()
            }
            5 => {
                let values = (0..self.0.random_range(0..3)).map(|_| self.value(depth - 1));
                values.collect::<Vec<_>>().into()
            }
            _ => self.attributes(depth - 1).into(),
        }
    }

    fn attributes(&mut self, depth: usize) -> Vec<Attribute> {
        // Also the names that Jaeger's form gives a meaning of its own.
        let keys = [
            "read.mode",
            "error",
            "span.kind",
            "otel.status_code",
            "raftlens.start_ns",
            "event",
            "message",
            "otel.scope.name",
            "raftlens.nested",
            "",
            "ключ",
            "n",
        ];
        let mut attributes: Vec<Attribute> = Vec::new();
        for _ in 0..self.0.random_range(0..5) {
            let key: ArcStr = (*self.pick(&keys)).into();
            if attributes.iter().all(|attribute| attribute.key != key) {
                attributes.push(Attribute { key, value: self.value(depth) });
            }
        }
        attributes
    }

    fn time(&mut self) -> u64 {
        let base = 1_790_000_000_000_000_000;
        base + self.0.random_range(0..5_000) * if self.0.random() { 1 } else { 1000 }
    }

    pub fn link(&mut self) -> Link {
        let has_details = self.0.random();
        Link {
            trace_id: TraceId(self.0.random_range(1..=3)),
            span_id: SpanId(self.0.random_range(1..=9)),
            trace_state: if has_details { "a=1".into() } else { "".into() },
            attributes: if has_details { self.attributes(2) } else { Vec::new() },
            dropped_attributes: 0,
            flags: if has_details { 0x301 } else { 0 },
        }
    }

    fn span(&mut self, number: u64, resources: u32) -> Span {
        let start_ns = self.time();
        let end_ns = if self.0.random_ratio(1, 20) {
            start_ns - 7
        } else {
            start_ns + self.0.random_range(0..3_000)
        };
        Span {
            trace_id: TraceId(if self.0.random() { 1 } else { u128::MAX }),
            span_id: SpanId(number),
            parent_span_id: self.0.random::<bool>().then(|| SpanId(self.0.random_range(1..=9))),
            trace_state: if self.0.random() { "vendor=x".into() } else { "".into() },
            flags: *self.pick(&[0, 1, 0x101, 0x301]),
            name: self.text(),
            kind: *self.pick(&[
                SpanKind::Unspecified,
                SpanKind::Internal,
                SpanKind::Server,
                SpanKind::Client,
                SpanKind::Producer,
                SpanKind::Consumer,
            ]),
            start_ns,
            end_ns,
            resource: self.0.random_range(0..resources),
            scope_name: self.text(),
            scope_version: self.text(),
            attributes: self.attributes(3),
            dropped_attributes: self.0.random_range(0..2),
            events: (0..self.0.random_range(0..3))
                .map(|_| SpanEvent {
                    time_ns: self.time(),
                    name: self.text(),
                    attributes: self.attributes(2),
                    dropped_attributes: self.0.random_range(0..2),
                })
                .collect(),
            dropped_events: self.0.random_range(0..2),
            links: (0..self.0.random_range(0..3)).map(|_| self.link()).collect(),
            dropped_links: self.0.random_range(0..2),
            status: match self.0.random_range(0..4) {
                0 => Status::Ok,
                1 => Status::Error("".into()),
                2 => Status::Error("not the leader".into()),
                _ => Status::Unset,
            },
        }
    }

    pub fn set(&mut self) -> TraceSet {
        let count = self.0.random_range(1..=3);
        let resources = (0..count)
            .map(|number| {
                let name = Value::Str(format!("store-{number}").into());
                let mut attributes = vec![Attribute { key: "service.name".into(), value: name }];
                attributes.extend(self.attributes(2));
                Resource { attributes }
            })
            .collect();
        let spans =
            (1..=self.0.random_range(1..12)).map(|number| self.span(number, count)).collect();
        TraceSet { resources, spans }
    }
}

/// The content of a set: spans by id, each with its resource's attributes in place of an index.
pub fn content(set: &TraceSet) -> Vec<(Vec<Attribute>, Span)> {
    let mut spans: Vec<_> = set
        .spans
        .iter()
        .map(|span| {
            let resource = set.resources[span.resource as usize].attributes.clone();
            (resource, Span { resource: 0, ..span.clone() })
        })
        .collect();
    spans.sort_by_key(|(_, span)| (span.trace_id, span.span_id));
    spans
}

/// `set` in `format`.
pub fn written(set: &TraceSet, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(set, &mut bytes, format).unwrap();
    bytes
}
