//! Gives each nanosecond of a read to exactly one wait state.
//!
//! A read is a span `async_snapshot`. The moments at which it passed from one wait to the next are in
//! the spans that it led to, through children and hand-overs, on whatever node. They are laid along the
//! read's time, each cut to what the earlier ones left, so the shares always sum to the read's time.
//! A moment that is missing leaves its stretch `unattributed`, unless the read's own `wait.*_ns`
//! attributes say how long it was.
//!
//! A read that joined an earlier one, its carrier, waited for the carrier's quorum: acknowledgements
//! are then looked for in the carrier's trace, and [`Facts::carrier`] says so.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::assemble::Assembly;
use crate::explain::wait_states::WaitState;
use crate::model::{Span, SpanId, TraceId, Value};

/// One stretch of a read's time, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What the read waited for.
    pub state: WaitState,
    /// When the stretch begins.
    pub from_ns: u64,
    /// When it ends.
    pub to_ns: u64,
}

/// An acknowledgement of the round that confirmed a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The voter's store.
    pub store: i64,
    /// When the voter handled the leader's heartbeat, if its span is there.
    pub asked_ns: Option<u64>,
    /// When the leader handled the acknowledgement.
    pub at_ns: u64,
}

/// What the spans of a read say, as recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The store that was asked.
    pub store: Option<i64>,
    /// The region.
    pub region: Option<i64>,
    /// How the read was served, `read.mode`.
    pub mode: Option<String>,
    /// Why the reader's thread did not answer, `reject.reason`.
    pub reject: Option<String>,
    /// The replica's role when the raft thread took the read on.
    pub role: Option<String>,
    /// The lease as the raft thread, or the replica's leader, saw it.
    pub lease: Option<String>,
    /// What was left of the lease then, in nanoseconds.
    pub lease_remaining_ns: Option<i64>,
    /// What had renewed the lease last.
    pub lease_renewed_by: Option<String>,
    /// The read whose read index this one joined.
    pub carrier: Option<(TraceId, SpanId)>,
    /// The acknowledgements that the leader handled for it, earliest first.
    pub acks: Vec<Ack>,
    /// When the leader handled each question of the replica for this read.
    pub questions_ns: Vec<u64>,
    /// The index that it had to see.
    pub read_index: Option<i64>,
    /// What was applied when the raft thread took it on.
    pub applied_index: Option<i64>,
    /// The error that it ended with.
    pub error: Option<String>,
    /// The last stage that is known of it, and on which store.
    pub last: Option<(String, Option<i64>)>,
}

/// Where the time of one read went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    /// The read's span, as an index into the set's spans.
    pub root: usize,
    /// The read's trace.
    pub trace_id: TraceId,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// Its time, cut into waits, earliest first, without gaps.
    pub shares: Vec<Share>,
    /// What its spans say.
    pub facts: Facts,
}

impl Attribution {
    /// Nanoseconds in one state.
    pub fn in_state_ns(&self, state: WaitState) -> u64 {
        let shares = self.shares.iter().filter(|share| share.state == state);
        shares.map(|share| share.to_ns - share.from_ns).sum()
    }

    /// The state that most of the time went to, with its nanoseconds.
    pub fn largest(&self) -> Option<(WaitState, u64)> {
        let sums = WaitState::ALL.iter().map(|state| (*state, self.in_state_ns(*state)));
        sums.filter(|(_, sum)| *sum > 0)
            .max_by_key(|(state, sum)| (*sum, std::cmp::Reverse(*state)))
    }
}

/// The reads of a set: its spans `async_snapshot`, in the order of the set.
pub fn reads(assembly: &Assembly<'_>) -> Vec<usize> {
    let spans = assembly.traces().spans.iter().enumerate();
    spans.filter(|(_, span)| &*span.name == "async_snapshot").map(|(index, _)| index).collect()
}

/// Where the time of the read at span `root` went. Takes time proportional to the spans of the read
/// and of its carrier.
pub fn attribute(assembly: &Assembly<'_>, root: usize) -> Option<Attribution> {
    let span = assembly.traces().spans.get(root)?;
    let led_to = Stages::of(assembly, root);
    let mut facts = facts(span, &led_to);
    if let Some(carrier) = led_to.carrier(assembly) {
        let carried = assembly.traces().spans.get(carrier)?;
        facts.carrier = Some((carried.trace_id, carried.span_id));
        let round = Stages::of(assembly, carrier);
        facts.acks = acks(assembly, &round);
    } else {
        facts.acks = acks(assembly, &led_to);
    }
    let mut cut =
        Cut { now: span.start_ns, end: span.end_ns.max(span.start_ns), shares: Vec::new() };
    cut_time(&mut cut, span, &led_to, &facts);
    Some(Attribution {
        root,
        trace_id: span.trace_id,
        duration_ns: span.duration_ns(),
        shares: cut.shares,
        facts,
    })
}

/// The stages that a read led to.
struct Stages<'a> {
    route: Option<&'a Span>,
    propose: Option<&'a Span>,
    inspect: Option<&'a Span>,
    apply_reads: Option<(usize, &'a Span)>,
    /// Indices and spans of handled messages and of asked read indices, in time order.
    steps: Vec<(usize, &'a Span)>,
    read_index: Option<usize>,
    lease_of_leader: Option<&'a Span>,
    last: Option<&'a Span>,
}

impl<'a> Stages<'a> {
    fn of(assembly: &Assembly<'a>, root: usize) -> Stages<'a> {
        let spans = &assembly.traces().spans;
        let mut stages = Stages {
            route: None,
            propose: None,
            inspect: None,
            apply_reads: None,
            steps: Vec::new(),
            read_index: None,
            lease_of_leader: None,
            last: None,
        };
        let trace = spans.get(root).map(|span| span.trace_id);
        let mut seen: HashSet<usize, RandomState> = HashSet::from_iter([root]);
        let mut open = vec![root];
        while let Some(at) = open.pop() {
            let Some(span) = spans.get(at) else { continue };
            stages.take(at, span);
            let followers = assembly.followers(at).iter().map(|it| it.to);
            for next in assembly.children(at).iter().copied().chain(followers) {
                let is_own = spans.get(next).map(|span| span.trace_id) == trace;
                if is_own && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        stages.steps.sort_by_key(|(index, span)| (span.start_ns, *index));
        stages
    }

    fn take(&mut self, at: usize, span: &'a Span) {
        let is_stage = match &*span.name {
            "route" => keep_first(&mut self.route, span),
            "propose" => keep_first(&mut self.propose, span),
            "step" => {
                self.steps.push((at, span));
                true
            }
            // The function of this name, which serves many reads at once, has no read index.
            "apply_reads" if span.attribute("raft.applied_index").is_some() => {
                self.apply_reads = self.apply_reads.or(Some((at, span)));
                true
            }
            "inspect" if span.attribute("lease.renewed_by").is_some() => {
                keep_first(&mut self.inspect, span)
            }
            "inspect" if span.attribute("lease.state").is_some() => {
                keep_first(&mut self.lease_of_leader, span)
            }
            "read_index" => {
                let is_stage = span.text("code.function.name") == Some("Peer::read_index");
                if is_stage {
                    self.read_index = Some(at);
                }
                is_stage
            }
            _ => false,
        };
        if is_stage && self.last.is_none_or(|last| last.start_ns < span.start_ns) {
            self.last = Some(span);
        }
    }

    /// The span of the read that this one joined.
    fn carrier(&self, assembly: &Assembly<'_>) -> Option<usize> {
        let ends = self.apply_reads.map(|(at, _)| at).into_iter().chain(self.read_index);
        let mut links = ends.flat_map(|at| assembly.follows(at));
        links.find(|it| it.kind == Some("batch")).map(|it| it.from)
    }

    fn steps_of(&self, kind: &str) -> impl Iterator<Item = &'a Span> {
        let steps = self.steps.iter().map(|(_, span)| *span);
        steps.filter(move |span| span.text("message.type") == Some(kind))
    }
}

fn keep_first<'a>(slot: &mut Option<&'a Span>, span: &'a Span) -> bool {
    if slot.is_none_or(|kept| span.start_ns < kept.start_ns) {
        *slot = Some(span);
    }
    true
}

fn number(span: &Span, key: &str) -> Option<i64> {
    span.attribute(key).and_then(Value::as_int)
}

/// Nanoseconds in an attribute; none if it is not there or negative.
fn nanoseconds(span: &Span, key: &str) -> Option<u64> {
    number(span, key).and_then(|it| u64::try_from(it).ok())
}

fn facts(root: &Span, stages: &Stages<'_>) -> Facts {
    let text = |span: Option<&Span>, key: &str| span.and_then(|it| it.text(key)).map(str::to_owned);
    let lease = stages.inspect.or(stages.lease_of_leader);
    let state = text(lease, "lease.state");
    Facts {
        store: number(root, "raft.store_id"),
        region: number(root, "raft.region_id"),
        mode: text(Some(root), "read.mode"),
        reject: text(Some(root), "reject.reason"),
        role: text(stages.propose, "raft.role"),
        lease: state.map(|it| it.trim_start_matches("LeaseState::").to_lowercase()),
        lease_remaining_ns: lease.and_then(|it| number(it, "lease.remaining_ns")),
        lease_renewed_by: text(lease, "lease.renewed_by"),
        carrier: None,
        acks: Vec::new(),
        questions_ns: stages.steps_of("MsgReadIndex").map(|span| span.start_ns).collect(),
        read_index: stages.apply_reads.and_then(|(_, span)| number(span, "read.index")),
        applied_index: stages.propose.and_then(|span| number(span, "raft.applied_index")),
        error: text(Some(root), "error"),
        last: stages.last.map(|it| (it.name.to_string(), number(it, "raft.store_id"))),
    }
}

fn acks(assembly: &Assembly<'_>, stages: &Stages<'_>) -> Vec<Ack> {
    let steps = stages.steps.iter();
    let of_voters =
        steps.filter(|(_, span)| span.text("message.type") == Some("MsgHeartbeatResponse"));
    let ack = |(at, span): &(usize, &Span)| {
        let asked = assembly.follows(*at).iter().find(|it| it.kind == Some("message"));
        let asked = asked.and_then(|it| assembly.traces().spans.get(it.from));
        let asked = asked.filter(|it| it.text("message.type") == Some("MsgHeartbeat"));
        let store = number(span, "message.from_store")?;
        Some(Ack { store, asked_ns: asked.map(|it| it.start_ns), at_ns: span.start_ns })
    };
    of_voters.filter_map(ack).collect()
}

/// The read's time, cut from its start.
struct Cut {
    now: u64,
    end: u64,
    shares: Vec<Share>,
}

impl Cut {
    /// Gives the time until `until` to `state`; what is given stays given.
    fn until(&mut self, until: u64, state: WaitState) {
        let until = until.clamp(self.now, self.end);
        if until > self.now {
            self.shares.push(Share { state, from_ns: self.now, to_ns: until });
            self.now = until;
        }
    }

    fn lasting(&mut self, duration_ns: u64, state: WaitState) {
        self.until(self.now.saturating_add(duration_ns), state);
    }
}

fn cut_time(cut: &mut Cut, root: &Span, stages: &Stages<'_>, facts: &Facts) {
    let snapshot = nanoseconds(root, "wait.snapshot_ns").unwrap_or(0);
    let Some(propose) = stages.propose else { return cut_without_raft(cut, root, stages, facts) };
    let mailbox = nanoseconds(propose, "wait.mailbox_ns").unwrap_or(0);
    let sent = propose.start_ns.saturating_sub(mailbox);
    let sent = stages.route.map_or(sent, |route| route.start_ns.min(sent));
    cut.until(sent, WaitState::LocalReader);
    cut.until(sent.saturating_add(mailbox), WaitState::Mailbox);
    cut.until(propose.start_ns, WaitState::PollBatch);
    let Some((_, apply_reads)) = stages.apply_reads else {
        let at_end = if facts.mode.is_some() { snapshot } else { 0 };
        cut.until(propose.end_ns.saturating_sub(at_end), WaitState::Propose);
        cut.until(propose.end_ns, WaitState::EngineSnapshot);
        let rest = if facts.error.is_some() {
            WaitState::NoAnswer
        } else if facts.mode.as_deref() == Some("read_local") {
            WaitState::Wake
        } else {
            WaitState::Unattributed
        };
        return cut.until(cut.end, rest);
    };
    let apply = nanoseconds(apply_reads, "wait.apply_ns");
    let confirmed = apply_reads.start_ns.saturating_sub(apply.unwrap_or(0));
    cut.until(propose.end_ns.min(confirmed.max(propose.start_ns)), WaitState::Propose);
    cut_hop(cut, stages, confirmed);
    let waited = if nanoseconds(apply_reads, "wait.quorum_ns").is_some() {
        WaitState::Quorum
    } else {
        // A local read that waits for the apply loop asks no quorum.
        WaitState::ApplyLag
    };
    cut.until(confirmed, waited);
    cut.until(apply_reads.start_ns, after_confirmed(apply_reads, facts));
    cut.until(apply_reads.end_ns.saturating_sub(snapshot), WaitState::Answer);
    cut.until(apply_reads.end_ns, WaitState::EngineSnapshot);
    cut.until(cut.end, WaitState::Wake);
}

/// The way of a replica's question to its leader, and of the answer.
fn cut_hop(cut: &mut Cut, stages: &Stages<'_>, confirmed: u64) {
    let Some(question) = stages.steps_of("MsgReadIndex").next() else { return };
    let Some(answer) = stages.steps_of("MsgReadIndexResp").next() else { return };
    cut.until(question.start_ns.min(confirmed), WaitState::AskLeader);
    let leader = question.attribute("raft.store_id");
    let by_leader = stages.steps.iter().map(|(_, span)| *span).filter(|span| {
        span.attribute("raft.store_id") == leader && span.start_ns <= answer.start_ns
    });
    // The leader answers as soon as the quorum is there: what it handles later changes nothing.
    let acknowledged = by_leader
        .filter(|span| span.text("message.type") == Some("MsgHeartbeatResponse"))
        .map(|span| span.end_ns)
        .min();
    cut.until(acknowledged.unwrap_or(question.end_ns).min(confirmed), WaitState::Quorum);
    cut.until(answer.start_ns.min(confirmed), WaitState::LeaderAnswer);
    cut.until(confirmed, WaitState::Answer);
}

/// What a confirmed read still waited for.
fn after_confirmed(apply_reads: &Span, facts: &Facts) -> WaitState {
    let waited = apply_reads.links.iter().any(|link| {
        let kind = crate::model::find(&link.attributes, crate::conventions::LINK_KIND);
        kind.and_then(Value::as_str) == Some("apply")
    });
    match (facts.read_index, facts.applied_index) {
        (Some(index), Some(applied)) if waited && applied < index => WaitState::ApplyLag,
        (Some(_), Some(_)) if waited => WaitState::HeadOfLine,
        _ => WaitState::Answer,
    }
}

/// A read that no raft thread is known to have taken on.
fn cut_without_raft(cut: &mut Cut, root: &Span, stages: &Stages<'_>, facts: &Facts) {
    let is_local = matches!(facts.mode.as_deref(), Some("lease_local" | "lease_shared"));
    let snapshot = nanoseconds(root, "wait.snapshot_ns").unwrap_or(0);
    if is_local {
        cut.until(cut.end.saturating_sub(snapshot), WaitState::LocalReader);
        return cut.until(cut.end, WaitState::EngineSnapshot);
    }
    if let (Some(route), Some(_)) = (stages.route, &facts.error) {
        cut.until(route.start_ns, WaitState::LocalReader);
        return cut.until(cut.end, WaitState::Mailbox);
    }
    if facts.error.is_some() {
        return cut.until(cut.end, WaitState::LocalReader);
    }
    // Its raft thread's spans are lost, but what it waited for may stand on the read itself.
    let waits = [
        ("wait.mailbox_ns", WaitState::Mailbox),
        ("wait.quorum_ns", WaitState::Quorum),
        ("wait.apply_ns", WaitState::Answer),
        ("wait.snapshot_ns", WaitState::EngineSnapshot),
    ];
    for (key, state) in waits {
        cut.lasting(nanoseconds(root, key).unwrap_or(0), state);
    }
    cut.until(cut.end, WaitState::Unattributed);
}
