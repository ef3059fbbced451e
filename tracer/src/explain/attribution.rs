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

use crate::assemble::Assembly;
use crate::explain::facts::{Facts, acks};
use crate::explain::stages::Stages;
use crate::explain::wait_states::WaitState;
use crate::model::TraceId;
use crate::view::{Key, SpanSet, SpanView};

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

/// Where the time of one read went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    /// The read's span, as an index into the set's spans.
    pub root: usize,
    /// The read's trace.
    pub trace_id: TraceId,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start_ns: u64,
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

    /// Nanoseconds in each state, in the order of [`WaitState::ALL`].
    pub fn by_state_ns(&self) -> [u64; WaitState::ALL.len()] {
        let mut sums = [0; WaitState::ALL.len()];
        for share in &self.shares {
            if let Some(sum) = sums.get_mut(share.state as usize) {
                *sum += share.to_ns - share.from_ns;
            }
        }
        sums
    }

    /// When the wait for a quorum began.
    pub fn quorum_from_ns(&self) -> Option<u64> {
        let mut shares = self.shares.iter();
        shares.find(|share| share.state == WaitState::Quorum).map(|share| share.from_ns)
    }

    /// The state that most of the time went to, with its nanoseconds.
    pub fn largest(&self) -> Option<(WaitState, u64)> {
        let sums = WaitState::ALL.iter().copied().zip(self.by_state_ns());
        sums.filter(|(_, sum)| *sum > 0)
            .max_by_key(|(state, sum)| (*sum, std::cmp::Reverse(*state)))
    }
}

/// The reads of a set: its spans `async_snapshot`, in the order of the set.
pub fn reads<S: SpanSet>(assembly: &Assembly<'_, S>) -> Vec<usize> {
    let spans = assembly.traces().views().enumerate();
    spans.filter(|(_, it)| **it.name() == *"async_snapshot").map(|(index, _)| index).collect()
}

/// Where the time of the read at span `root` went. Takes time proportional to the spans of the read
/// and of its carrier.
pub fn attribute<S: SpanSet>(assembly: &Assembly<'_, S>, root: usize) -> Option<Attribution> {
    let span = assembly.traces().view(root)?;
    let led_to = Stages::of(assembly, root);
    let mut facts = Facts::of(span, &led_to);
    if let Some(carrier) = led_to.carrier(assembly) {
        let carried = assembly.traces().view(carrier)?;
        facts.carrier = Some((carried.trace_id(), carried.span_id()));
        let round = Stages::of(assembly, carrier);
        facts.acks = acks(assembly, &round);
        facts.batch = 1 + round.joined_by.len();
    } else {
        facts.acks = acks(assembly, &led_to);
        let waited = led_to.apply_reads.is_some_and(|(_, it)| it.has(Key::Quorum));
        facts.batch = usize::from(waited) + led_to.joined_by.len();
    }
    let (now, end) = (span.start_ns(), span.end_ns().max(span.start_ns()));
    let mut cut = Cut { now, end, shares: Vec::with_capacity(USUAL_SHARES) };
    cut_time(&mut cut, span, &led_to, &facts);
    Some(Attribution {
        root,
        trace_id: span.trace_id(),
        start_ns: span.start_ns(),
        duration_ns: span.duration_ns(),
        shares: cut.shares,
        facts,
    })
}

/// Few reads wait for more things than so many.
const USUAL_SHARES: usize = 8;

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

    /// Gives the last of the time until `until` to the engine, and what is before that to `state`.
    fn with_engine(&mut self, until: u64, engine: EngineTimes, state: WaitState) {
        let EngineTimes { snapshot_ns, read_ns, .. } = engine;
        let read_at = until.saturating_sub(read_ns);
        self.until(read_at.saturating_sub(snapshot_ns), state);
        self.until(read_at, WaitState::EngineSnapshot);
        self.until(until, WaitState::EngineRead);
    }

    fn lasting(&mut self, duration_ns: u64, state: WaitState) {
        self.until(self.now.saturating_add(duration_ns), state);
    }
}

/// The time of the thread that answered in the engine, snapshot and then read, and that of the caller's
/// thread if it scanned the snapshot that it was given.
#[derive(Clone, Copy, Default)]
struct EngineTimes {
    snapshot_ns: u64,
    read_ns: u64,
    by_caller_ns: u64,
}

impl EngineTimes {
    fn of_caller(self) -> EngineTimes {
        EngineTimes { read_ns: self.by_caller_ns, ..EngineTimes::default() }
    }
}

fn engine_times<'a>(root: impl SpanView<'a>, facts: &Facts) -> EngineTimes {
    let on_thread = |raft| facts.engine.map_or(0, |used| used.on_thread_ns(raft));
    EngineTimes {
        snapshot_ns: root.nanoseconds(Key::Snapshot).unwrap_or(0),
        read_ns: on_thread(true),
        by_caller_ns: on_thread(false),
    }
}

fn cut_time<'a, V: SpanView<'a>>(cut: &mut Cut, root: V, stages: &Stages<'a, V>, facts: &Facts) {
    let Some(propose) = stages.propose else { return cut_without_raft(cut, root, stages, facts) };
    let engine = engine_times(root, facts);
    let mailbox = propose.nanoseconds(Key::Mailbox).unwrap_or(0);
    let sent = propose.start_ns().saturating_sub(mailbox);
    let sent = stages.route.map_or(sent, |route| route.start_ns().min(sent));
    // The reader's thread may have taken a snapshot that no lease covered, right before it sent it on.
    let in_vain = root.nanoseconds(Key::ReaderSnapshot).unwrap_or(0);
    cut.until(sent.saturating_sub(in_vain), WaitState::LocalReader);
    cut.until(sent, WaitState::EngineSnapshot);
    cut.until(sent.saturating_add(mailbox), WaitState::Mailbox);
    cut.until(propose.start_ns(), WaitState::PollBatch);
    let Some((_, apply_reads)) = stages.apply_reads else {
        let engine = if facts.mode.is_some() { engine } else { EngineTimes::default() };
        cut.with_engine(propose.end_ns(), engine, WaitState::Propose);
        let rest = if facts.error.is_some() {
            WaitState::NoAnswer
        } else if facts.mode.as_deref() == Some("read_local") {
            WaitState::Wake
        } else {
            WaitState::Unattributed
        };
        return cut.with_engine(cut.end, engine.of_caller(), rest);
    };
    let apply = apply_reads.nanoseconds(Key::Apply);
    let confirmed = apply_reads.start_ns().saturating_sub(apply.unwrap_or(0));
    cut.until(propose.end_ns().min(confirmed.max(propose.start_ns())), WaitState::Propose);
    if facts.asked_leader() && apply_reads.nanoseconds(Key::Quorum).is_some() {
        cut_hop(cut, stages, confirmed);
    }
    let waited = if apply_reads.nanoseconds(Key::Quorum).is_some() {
        WaitState::Quorum
    } else {
        // A local read that waits for the apply loop asks no quorum.
        WaitState::ApplyLag
    };
    cut.until(confirmed, waited);
    let install = apply_reads.nanoseconds(Key::Install).unwrap_or(0);
    let installing = apply_reads.start_ns().saturating_sub(install);
    cut.until(installing, after_confirmed(apply_reads, facts));
    if install > 0 {
        cut.until(apply_reads.start_ns(), WaitState::Install);
    }
    cut.with_engine(apply_reads.end_ns(), engine, WaitState::Answer);
    cut.with_engine(cut.end, engine.of_caller(), WaitState::Wake);
}

/// The way of a replica's question to its leader, and of the answer. While a message is kept by its
/// sender or lies in a mailbox, it is not on its way. An answer that never came was lost: a later one
/// has confirmed the read.
fn cut_hop<'a, V: SpanView<'a>>(cut: &mut Cut, stages: &Stages<'a, V>, confirmed: u64) {
    let time = |step: V, key: Key| step.nanoseconds(key).unwrap_or(0);
    let arrived = |step: V| step.start_ns().saturating_sub(time(step, Key::Mailbox));
    let Some(question) = stages.steps_of("MsgReadIndex").next() else {
        return cut.until(confirmed, WaitState::AskLeader);
    };
    let left = cut.now.saturating_add(time(question, Key::MessageKept));
    cut.until(left.min(confirmed), WaitState::HopMailbox);
    cut.until(arrived(question).min(confirmed), WaitState::AskLeader);
    cut.until(question.start_ns().min(confirmed), WaitState::HopMailbox);
    let answer = stages.steps_of("MsgReadIndexResp").next();
    let leader = question.number(Key::Store);
    let answered = answer.map_or(u64::MAX, |answer| answer.start_ns());
    let by_leader = stages
        .steps_of("MsgHeartbeatResponse")
        .filter(|span| span.number(Key::Store) == leader && span.start_ns() <= answered);
    // The leader answers as soon as the quorum is there: what it handles later changes nothing.
    let acknowledged = by_leader.map(|span| span.end_ns()).min();
    cut.until(acknowledged.unwrap_or(question.end_ns()).min(confirmed), WaitState::Quorum);
    let Some(answer) = answer else { return cut.until(confirmed, WaitState::LeaderAnswer) };
    let left = cut.now.saturating_add(time(answer, Key::MessageKept));
    cut.until(left.min(confirmed), WaitState::HopMailbox);
    cut.until(arrived(answer).min(confirmed), WaitState::LeaderAnswer);
    cut.until(answer.start_ns().min(confirmed), WaitState::HopMailbox);
    cut.until(confirmed, WaitState::Answer);
}

/// What a confirmed read still waited for.
fn after_confirmed<'a>(apply_reads: impl SpanView<'a>, facts: &Facts) -> WaitState {
    if facts.in_front.is_some() {
        return WaitState::HeadOfLine;
    }
    let waited = apply_reads.links().any(|link| link.kind == Some("apply"));
    match (facts.read_index, facts.applied_index) {
        (Some(index), Some(applied)) if waited && applied < index => WaitState::ApplyLag,
        (Some(_), Some(_)) if waited => WaitState::HeadOfLine,
        _ => WaitState::Answer,
    }
}

/// A read that no raft thread is known to have taken on.
fn cut_without_raft<'a, V: SpanView<'a>>(
    cut: &mut Cut,
    root: V,
    stages: &Stages<'a, V>,
    facts: &Facts,
) {
    let is_local = matches!(facts.mode.as_deref(), Some("lease_local" | "lease_shared"));
    let engine = engine_times(root, facts);
    if is_local {
        let engine = EngineTimes { read_ns: engine.by_caller_ns, ..engine };
        return cut.with_engine(cut.end, engine, WaitState::LocalReader);
    }
    if let (Some(route), Some(_)) = (stages.route, &facts.error) {
        cut.until(route.start_ns(), WaitState::LocalReader);
        return cut.until(cut.end, WaitState::Mailbox);
    }
    if facts.error.is_some() {
        return cut.until(cut.end, WaitState::LocalReader);
    }
    // Its raft thread's spans are lost, but what it waited for may stand on the read itself.
    let waits = [
        (Key::Mailbox, WaitState::Mailbox),
        (Key::Quorum, WaitState::Quorum),
        (Key::Apply, WaitState::Answer),
        (Key::Snapshot, WaitState::EngineSnapshot),
        (Key::Engine, WaitState::EngineRead),
    ];
    for (key, state) in waits {
        cut.lasting(root.nanoseconds(key).unwrap_or(0), state);
    }
    cut.until(cut.end, WaitState::Unattributed);
}
