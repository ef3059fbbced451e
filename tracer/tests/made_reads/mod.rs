//! Reads as a cluster of three stores records them, from a seed: as many as a test or a bench wants.
#![allow(dead_code, unreachable_pub, reason = "each user takes what it needs")]

use raftlens_tracer::model::{
    ArcStr, Attribute, Link, Resource, Span, SpanId, TraceId, TraceSet, Value,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Reads in the order in which they begin. Of four, one asks a quorum and is the carrier of the
/// second, the third is answered under the lease, and the fourth asks a replica.
pub struct Reads {
    random: SmallRng,
    now_ns: u64,
    next_id: u64,
    count: u64,
    carrier: (TraceId, SpanId),
    /// By how much the clocks of stores 1 to 3 are ahead, in nanoseconds.
    pub ahead_ns: [i64; 3],
    /// So many reads of 100 wait ten times as long for their quorum.
    pub slow_percent: u32,
}

impl Reads {
    pub fn new(seed: u64) -> Self {
        Reads {
            random: SmallRng::seed_from_u64(seed),
            now_ns: 1_790_000_000_000_000_000,
            next_id: 1,
            count: 0,
            carrier: Default::default(),
            ahead_ns: [0; 3],
            slow_percent: 1,
        }
    }

    /// The next `count` reads.
    pub fn batch(&mut self, count: usize) -> TraceSet {
        let store = |id: i64| Resource {
            attributes: vec![text("service.name", "store"), number("raft.store_id", id)],
        };
        let resources = (1..=3).map(store).collect();
        let mut set = TraceSet { resources, spans: Vec::with_capacity(count * 10) };
        (0..count).for_each(|_| self.read(&mut set.spans));
        set
    }

    fn read(&mut self, spans: &mut Vec<Span>) {
        self.count += 1;
        self.now_ns += self.random.random_range(1_000..50_000);
        let first = spans.len();
        let trace = TraceId(u128::from(self.random.random::<u64>()) << 64 | u128::from(self.count));
        match self.count % 4 {
            1 => self.by_quorum(trace, spans),
            2 => self.joined(trace, spans),
            3 => self.by_lease(trace, spans),
            _ => self.by_replica(trace, spans),
        }
        for span in &mut spans[first..] {
            let ahead = self.ahead_ns[span.resource as usize];
            span.start_ns = span.start_ns.saturating_add_signed(ahead);
            span.end_ns = span.end_ns.saturating_add_signed(ahead);
        }
    }

    /// A span of `store` that takes from `from` to `to` nanoseconds after now.
    fn span(&mut self, name: &str, trace: TraceId, store: i64, (from, to): (u64, u64)) -> Span {
        self.next_id += 1;
        let attributes = vec![
            text("owner", "Peer"),
            text("code.function.name", name),
            number("raft.store_id", store),
            number("raft.region_id", 1 + self.count as i64 % 8),
            number("raft.peer_id", store + 10),
        ];
        Span {
            trace_id: trace,
            span_id: SpanId(self.next_id),
            name: shared(name),
            start_ns: self.now_ns + from,
            end_ns: self.now_ns + to,
            resource: store as u32 - 1,
            scope_name: shared("raftlens"),
            attributes,
            ..Span::default()
        }
    }

    fn step(&mut self, trace: TraceId, (from, store): (i64, i64), at: u64, kind: &str) -> Span {
        let mut span = self.span("step", trace, store, (at, at + 3_000));
        span.attributes.push(text("message.type", kind));
        span.attributes.push(number("message.from_store", from));
        span
    }

    /// The wait for a quorum: a few hundred microseconds, ten times as long in slow reads.
    fn quorum_ns(&mut self) -> u64 {
        let usual = self.random.random_range(200_000..400_000);
        let is_slow = self.random.random_ratio(self.slow_percent, 100);
        if is_slow { usual * 10 } else { usual }
    }

    fn root(&mut self, trace: TraceId, store: i64, mode: &str, to: u64) -> (Span, Span) {
        let mut root = self.span("async_snapshot", trace, store, (0, to));
        root.attributes.push(text("read.mode", mode));
        root.attributes.push(number("wait.snapshot_ns", 5_000));
        let mut route = self.span("route", trace, store, (2_000, 4_000));
        route.parent_span_id = Some(root.span_id);
        (root, route)
    }

    fn propose(&mut self, route: &Span, store: i64, role: &str) -> Span {
        let mut span = self.span("propose", route.trace_id, store, (40_000, 60_000));
        span.attributes.push(number("wait.mailbox_ns", 30_000));
        span.attributes.push(text("raft.role", role));
        span.attributes.push(number("raft.applied_index", 7));
        span.links.push(link(route, "mailbox"));
        span
    }

    fn apply_reads(&mut self, trace: TraceId, store: i64, (at, quorum): (u64, u64)) -> Span {
        let mut span = self.span("apply_reads", trace, store, (at, at + 20_000));
        span.attributes.push(number("raft.applied_index", 7));
        span.attributes.push(number("read.index", 7));
        span.attributes.push(number("wait.quorum_ns", quorum as i64));
        span.attributes.push(number("wait.apply_ns", 1_000));
        span
    }

    fn by_quorum(&mut self, trace: TraceId, spans: &mut Vec<Span>) {
        let quorum = self.quorum_ns();
        let confirmed = 60_000 + quorum;
        let (mut root, route) = self.root(trace, 1, "read_index", confirmed + 40_000);
        root.attributes.push(text("reject.reason", "read_quorum"));
        let propose = self.propose(&route, 1, "leader");
        let mut rounds = Vec::new();
        for voter in [2, 3] {
            let late = if voter == 2 { 0 } else { 30_000 };
            let mut asked =
                self.step(trace, (1, voter), 60_000 + quorum / 2 + late, "MsgHeartbeat");
            asked.links.push(link(&propose, "message"));
            let answered = confirmed - 10_000 + late;
            let mut acked = self.step(trace, (voter, 1), answered, "MsgHeartbeatResponse");
            acked.links.push(link(&asked, "message"));
            rounds.extend([asked, acked]);
        }
        let mut applied = self.apply_reads(trace, 1, (confirmed, quorum));
        applied.links.push(link(&propose, "read_index_round"));
        self.carrier = (trace, propose.span_id);
        spans.extend([route, propose]);
        spans.extend(rounds);
        spans.extend([applied, root]);
    }

    fn joined(&mut self, trace: TraceId, spans: &mut Vec<Span>) {
        let quorum = self.quorum_ns();
        let confirmed = 60_000 + quorum;
        let (mut root, route) = self.root(trace, 1, "read_index_batched", confirmed + 40_000);
        root.attributes.push(text("reject.reason", "read_quorum"));
        let propose = self.propose(&route, 1, "leader");
        let mut applied = self.apply_reads(trace, 1, (confirmed, quorum));
        applied.links.push(link(&propose, "read_index_round"));
        let mut batch = link(&propose, "batch");
        (batch.trace_id, batch.span_id) = self.carrier;
        applied.links.push(batch);
        spans.extend([route, propose, applied, root]);
    }

    fn by_lease(&mut self, trace: TraceId, spans: &mut Vec<Span>) {
        let took = self.random.random_range(8_000..20_000);
        let (root, mut inspect) = self.root(trace, 1, "lease_local", took);
        inspect.name = shared("inspect");
        spans.extend([inspect, root]);
    }

    fn by_replica(&mut self, trace: TraceId, spans: &mut Vec<Span>) {
        let quorum = self.quorum_ns();
        let confirmed = 60_000 + quorum;
        let (root, route) = self.root(trace, 2, "replica_lease", confirmed + 40_000);
        let propose = self.propose(&route, 2, "follower");
        let mut asked = self.step(trace, (2, 1), 60_000 + quorum / 2, "MsgReadIndex");
        asked.links.push(link(&propose, "message"));
        let mut answered = self.step(trace, (1, 2), confirmed - 5_000, "MsgReadIndexResp");
        answered.links.push(link(&asked, "message"));
        let mut applied = self.apply_reads(trace, 2, (confirmed, quorum));
        applied.links.push(link(&answered, "read_index_round"));
        spans.extend([route, propose, asked, answered, applied, root]);
    }
}

fn link(to: &Span, kind: &str) -> Link {
    Link {
        trace_id: to.trace_id,
        span_id: to.span_id,
        trace_state: shared(""),
        attributes: vec![text("link.kind", kind)],
        dropped_attributes: 0,
        flags: 0,
    }
}

fn text(key: &str, value: &str) -> Attribute {
    Attribute { key: shared(key), value: Value::Str(shared(value)) }
}

fn number(key: &str, value: i64) -> Attribute {
    Attribute { key: shared(key), value: Value::Int(value) }
}

/// Texts are shared, and stay, as with a reader of files.
fn shared(text: &str) -> ArcStr {
    use std::cell::RefCell;
    use std::collections::HashSet;
    thread_local!(static TEXTS: RefCell<HashSet<ArcStr>> = RefCell::default());
    TEXTS.with_borrow_mut(|texts| match texts.get(text) {
        Some(known) => ArcStr::clone(known),
        None => {
            let new: ArcStr = text.into();
            new.leak();
            texts.insert(ArcStr::clone(&new));
            new
        }
    })
}
