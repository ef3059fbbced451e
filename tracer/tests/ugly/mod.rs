//! Trace sets of every shape that the model allows, ugly ones above all, from a seed.

use raftlens_tracer::model::{
    ArcStr, Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId,
    TraceSet, Value,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Makes trace sets.
pub(crate) struct Maker {
    random: SmallRng,
    /// Whether to make what formats are known to lose.
    pub(crate) is_lossy: bool,
}

const TIMES: [u64; 9] = [
    0,
    1,
    999,
    1_000,
    1_790_000_000_000_000_001,
    1_790_000_000_000_000_999,
    1 << 53,
    i64::MAX as u64,
    u64::MAX,
];

const KEYS: [&str; 22] = [
    "",
    "error",
    "event",
    "message",
    "name",
    "span",
    "span_id",
    "trace_id",
    "attributes",
    "intValue",
    "mapValue",
    "bytesValue",
    "span.kind",
    "otel.status_code",
    "otel.scope.name",
    "raftlens.nested",
    "raftlens.start_ns",
    "raftlens.attribute.x",
    "raft.store_id",
    "chrome.category",
    "ключ",
    "\"\\\u{0}\u{1f}",
];

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Maker { random: SmallRng::seed_from_u64(seed), is_lossy: false }
    }

    fn one_in(&mut self, number: u32) -> bool {
        self.random.random_ratio(1, number)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.random_range(0..list.len())]
    }

    fn count(&mut self, most: usize) -> usize {
        self.random.random_range(0..=most)
    }

    fn dropped(&mut self) -> u32 {
        self.pick(&[0, 0, 1, u32::MAX])
    }

    fn text(&mut self) -> ArcStr {
        if self.one_in(400) {
            return "线🦀\n".repeat(self.random.random_range(1..9_000)).into();
        }
        self.pick(&KEYS).into()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.random.random_range(0..if depth > 0 { 8 } else { 6 }) {
            0 => Value::Str(self.text()),
            1 => Value::Bool(self.random.random()),
            2 => Value::Int(self.pick(&[0, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1])),
            3 => Value::Int(self.random.random()),
            4 => {
                let bits = self.random.random();
                let special =
                    [f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, 2.0, f64::MIN_POSITIVE];
                // Not any NaN: no text tells one from another.
                let any = f64::from_bits(bits);
                let special = self.pick(&special);
                Value::Double(if any.is_nan() || self.one_in(2) { special } else { any })
            }
            5 => (0..self.count(5)).map(|_| self.random.random()).collect::<Vec<u8>>().into(),
            6 => (0..self.count(3)).map(|_| self.value(depth - 1)).collect::<Vec<_>>().into(),
            _ => self.attributes(depth - 1).into(),
        }
    }

    /// Attributes; no key twice, as OpenTelemetry demands.
    fn attributes(&mut self, depth: usize) -> Vec<Attribute> {
        let mut attributes: Vec<Attribute> = Vec::new();
        for _ in 0..self.count(4) {
            let key: ArcStr = self.pick(&KEYS).into();
            if attributes.iter().all(|attribute| attribute.key != key) {
                attributes.push(Attribute { key, value: self.value(depth) });
            }
        }
        attributes
    }

    fn time(&mut self) -> u64 {
        if self.one_in(4) {
            return self.pick(&TIMES);
        }
        1_790_000_000_000_000_000 + self.random.random_range(0..5_000)
    }

    fn trace_id(&mut self) -> TraceId {
        TraceId(self.pick(&[1, 1, 0xfeed << 64, u128::MAX]))
    }

    fn span_id(&mut self) -> SpanId {
        SpanId(self.pick(&[1, 2, 3, 4, 5, 6, 7, u64::MAX]))
    }

    fn link(&mut self) -> Link {
        Link {
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            trace_state: self.text(),
            attributes: self.attributes(2),
            dropped_attributes: self.dropped(),
            flags: self.pick(&[0, 0x301, u32::MAX]),
        }
    }

    fn event(&mut self) -> SpanEvent {
        SpanEvent {
            time_ns: self.time(),
            name: self.text(),
            attributes: self.attributes(2),
            dropped_attributes: self.dropped(),
        }
    }

    fn span(&mut self, resources: u32) -> Span {
        let start_ns = self.time();
        // Also before the start.
        let end_ns = if self.one_in(4) { self.time() } else { start_ns.saturating_add(1_500) };
        Span {
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            parent_span_id: self.random.random::<bool>().then(|| self.span_id()),
            trace_state: self.text(),
            flags: self.pick(&[0, 1, u32::MAX]),
            name: self.text(),
            kind: self.pick(&[
                SpanKind::Unspecified,
                SpanKind::Internal,
                SpanKind::Server,
                SpanKind::Client,
                SpanKind::Producer,
                SpanKind::Consumer,
            ]),
            start_ns,
            end_ns,
            resource: self.random.random_range(0..resources),
            scope_name: self.text(),
            scope_version: self.text(),
            attributes: self.attributes(3),
            dropped_attributes: self.dropped(),
            events: (0..self.count(3)).map(|_| self.event()).collect(),
            dropped_events: self.dropped(),
            links: (0..self.count(3)).map(|_| self.link()).collect(),
            dropped_links: self.dropped(),
            status: match self.count(3) {
                0 => Status::Ok,
                1 => Status::Error("".into()),
                2 => Status::Error(self.text()),
                _ => Status::Unset,
            },
        }
    }

    fn resource(&mut self) -> Resource {
        let mut attributes = self.attributes(2);
        if self.one_in(2) {
            let name = self.pick(&["kv", "kv", "магазин"]);
            let service = Attribute { key: "service.name".into(), value: Value::Str(name.into()) };
            let place = self.count(attributes.len());
            attributes.insert(place, service);
        }
        Resource { attributes }
    }

    /// A set.
    pub(crate) fn set(&mut self) -> TraceSet {
        let count = 1 + self.count(2) as u32;
        let resources = (0..count).map(|_| self.resource()).collect();
        let mut spans: Vec<_> = (0..1 + self.count(11)).map(|_| self.span(count)).collect();
        // Every resource has a span.
        for resource in 0..count {
            spans.push(Span { resource, ..self.span(count) });
        }
        let mut set = TraceSet { resources, spans };
        if self.is_lossy {
            self.spoil(&mut set);
        }
        set
    }

    /// Puts in what some formats lose.
    fn spoil(&mut self, set: &mut TraceSet) {
        let service = |name: &str| {
            vec![Attribute { key: "service.name".into(), value: Value::Str(name.into()) }]
        };
        match self.count(5) {
            0 => set.resources.push(Resource { attributes: self.attributes(1) }),
            1 => set.spans[0].span_id = SpanId(0),
            2 => set.spans[0].links.push(Link { span_id: SpanId(0), ..self.link() }),
            3 => set.resources[0].attributes = service("unknown-service"),
            4 => set.resources[0].attributes = service(""),
            _ => {}
        }
    }
}
