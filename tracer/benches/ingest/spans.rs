//! Spans as services send them, from a seed: few names and keys, many values, some of them unique.

use raftlens_tracer::model::{
    ArcStr, Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId,
    TraceSet, Value,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const SERVICES: [&str; 6] = ["gateway", "cart", "checkout", "payment", "inventory", "mail"];
const ROUTES: [&str; 8] = [
    "/api/cart/{user}",
    "/api/products/{id}",
    "/api/checkout",
    "/api/recommendations",
    "/api/shipping/{zip}",
    "/health",
    "/api/orders/{id}",
    "/api/currency",
];
const TABLES: [&str; 6] = ["orders", "products", "users", "carts", "payments", "stock"];

/// Makes spans without end.
pub struct Maker {
    random: SmallRng,
    clock_ns: u64,
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Maker { random: SmallRng::seed_from_u64(seed), clock_ns: 1_790_000_000_000_000_000 }
    }

    fn pick(&mut self, list: &[&str]) -> ArcStr {
        list[self.random.random_range(0..list.len())].into()
    }

    /// What one exporter sends at a time: `spans` spans of one process, in traces of about ten.
    pub fn request(&mut self, spans: usize) -> TraceSet {
        let service = self.random.random_range(0..SERVICES.len());
        let resource = Resource {
            attributes: vec![
                text("service.name", SERVICES[service]),
                text("service.version", "2.14.3"),
                text("service.namespace", "shop"),
                text("host.name", &format!("node-{service}.internal")),
                text("telemetry.sdk.language", "rust"),
                text("telemetry.sdk.version", "0.33.1"),
                Attribute { key: "process.pid".into(), value: Value::Int(4000 + service as i64) },
            ],
        };
        let mut set = TraceSet { resources: vec![resource], spans: Vec::new() };
        let (mut trace, mut parent) = (TraceId(1), None);
        for number in 0..spans {
            if number % 10 == 0 {
                (trace, parent) = (TraceId(self.random.random()), None);
            }
            let span = self.span(trace, parent);
            if parent.is_none() || self.random.random_ratio(1, 3) {
                parent = Some(span.span_id);
            }
            set.spans.push(span);
        }
        set
    }

    fn span(&mut self, trace_id: TraceId, parent_span_id: Option<SpanId>) -> Span {
        self.clock_ns += self.random.random_range(1_000..200_000);
        let start_ns = self.clock_ns;
        let end_ns = start_ns + self.random.random_range(20_000..40_000_000);
        let is_server = parent_span_id.is_none() || self.random.random();
        let (name, mut attributes) = if is_server { self.server() } else { self.database() };
        attributes.push(text("thread.name", &format!("worker-{}", self.random.random_range(0..8))));
        let failed = self.random.random_ratio(1, 20);
        let events = (0..self.random.random_range(0..3)).map(|_| self.event(start_ns)).collect();
        let links = if self.random.random_ratio(1, 5) { vec![self.link()] } else { Vec::new() };
        Span {
            trace_id,
            span_id: SpanId(self.random.random_range(1..u64::MAX)),
            parent_span_id,
            trace_state: "".into(),
            flags: 0x101,
            name,
            kind: if is_server { SpanKind::Server } else { SpanKind::Client },
            start_ns,
            end_ns,
            resource: 0,
            scope_name: "shop.instrumentation".into(),
            scope_version: "1.0.7".into(),
            attributes,
            dropped_attributes: 0,
            events,
            dropped_events: 0,
            links,
            dropped_links: 0,
            status: if failed { Status::Error("deadline exceeded".into()) } else { Status::Unset },
        }
    }

    fn server(&mut self) -> (ArcStr, Vec<Attribute>) {
        let route = self.pick(&ROUTES);
        let attributes = vec![
            text("http.request.method", if self.random.random() { "GET" } else { "POST" }),
            text("http.route", &route),
            text("url.path", &format!("/api/orders/{}", self.random.random_range(0..5_000_000))),
            text("url.scheme", "https"),
            number("http.response.status_code", if self.random.random() { 200 } else { 404 }),
            number("http.response.body.size", self.random.random_range(0..100_000)),
            text("client.address", &format!("10.3.{}.7", self.random.random_range(0..250))),
        ];
        (route, attributes)
    }

    fn database(&mut self) -> (ArcStr, Vec<Attribute>) {
        let table = self.pick(&TABLES);
        let user = self.random.random_range(0..1_000_000);
        let attributes = vec![
            text("db.system.name", "postgresql"),
            text("db.collection.name", &table),
            text(
                "db.query.text",
                &format!("SELECT * FROM {table} WHERE user_id = {user} LIMIT 20"),
            ),
            text("server.address", "db-primary.internal"),
            number("server.port", 5432),
            Attribute {
                key: "db.cache.ratio".into(),
                value: Value::Double(f64::from(self.random.random_range(0..1000)) / 1000.0),
            },
            Attribute { key: "db.pooled".into(), value: Value::Bool(self.random.random()) },
        ];
        (format!("SELECT {table}").into(), attributes)
    }

    fn event(&mut self, start_ns: u64) -> SpanEvent {
        SpanEvent {
            time_ns: start_ns + self.random.random_range(0..20_000),
            name: self.pick(&["message", "retry", "exception", "cache.miss"]),
            attributes: vec![
                text("message.type", "RECEIVED"),
                number("message.id", self.random.random_range(0..10_000)),
            ],
            dropped_attributes: 0,
        }
    }

    fn link(&mut self) -> Link {
        Link {
            trace_id: TraceId(self.random.random()),
            span_id: SpanId(self.random.random_range(1..u64::MAX)),
            trace_state: "".into(),
            attributes: vec![text("link.kind", "queue")],
            dropped_attributes: 0,
            flags: 0x101,
        }
    }
}

fn text(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: Value::Str(value.into()) }
}

fn number(key: &str, value: i64) -> Attribute {
    Attribute { key: key.into(), value: Value::Int(value) }
}
