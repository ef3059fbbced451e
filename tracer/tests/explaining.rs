//! Where the time of reads went, and the verdicts on them, from spans as stores record them.

// Helpers of tests may fail as tests do.
#![allow(clippy::reversed_empty_ranges, reason = "spans that end before they begin are a case")]
#![allow(clippy::unwrap_used)]

use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::explain::{Attribution, Cause, WaitState, attribute, contrast, judge, reads};
use raftlens_tracer::explain::{Verdict, verdict::Usual};
use raftlens_tracer::model::{Attribute, Link, Span, SpanId, TraceId, TraceSet, Value};

fn span(name: &str, id: u64, times: std::ops::Range<u64>) -> Span {
    Span {
        trace_id: TraceId(1),
        span_id: SpanId(id),
        name: name.into(),
        start_ns: times.start,
        end_ns: times.end,
        ..Span::default()
    }
}

trait With {
    fn int(self, key: &str, value: i64) -> Span;
    fn text(self, key: &str, value: &str) -> Span;
    fn after(self, id: u64, kind: &str) -> Span;
    fn below(self, id: u64) -> Span;
}

impl With for Span {
    fn int(mut self, key: &str, value: i64) -> Span {
        self.attributes.push(Attribute { key: key.into(), value: Value::Int(value) });
        self
    }

    fn text(mut self, key: &str, value: &str) -> Span {
        self.attributes.push(Attribute { key: key.into(), value: Value::Str(value.into()) });
        self
    }

    fn after(mut self, id: u64, kind: &str) -> Span {
        let kind = Attribute { key: "link.kind".into(), value: Value::Str(kind.into()) };
        self.links.push(Link {
            trace_id: self.trace_id,
            span_id: SpanId(id),
            trace_state: "".into(),
            attributes: vec![kind],
            dropped_attributes: 0,
            flags: 0,
        });
        self
    }

    fn below(mut self, id: u64) -> Span {
        self.parent_span_id = Some(SpanId(id));
        self
    }
}

/// The only read of the spans; its shares must fill its time.
fn attributed(spans: Vec<Span>) -> Attribution {
    let traces = TraceSet { resources: Vec::new(), spans };
    let assembly = Assembly::new(&traces);
    let [root] = reads(&assembly)[..] else { panic!("not one read") };
    let read = attribute(&assembly, root).unwrap();
    let sum: u64 = WaitState::ALL.iter().map(|state| read.in_state_ns(*state)).sum();
    assert_eq!(sum, read.duration_ns, "{read:?}");
    assert!(read.shares.windows(2).all(|pair| pair[0].to_ns == pair[1].from_ns), "{read:?}");
    read
}

fn verdict(read: &Attribution) -> Verdict {
    let verdict = judge(read, &Usual::default());
    assert_eq!(verdict.evidence.is_empty(), verdict.cause == Cause::Unknown, "{verdict:?}");
    verdict
}

fn times(read: &Attribution) -> Vec<(WaitState, u64)> {
    read.shares.iter().map(|share| (share.state, share.to_ns - share.from_ns)).collect()
}

/// A read of the leader that asks its quorum: 1,000 ns, of which `quorum` are for that.
fn read_index(quorum: u64) -> Vec<Span> {
    let answered = 160 + quorum;
    vec![
        span("async_snapshot", 1, 0..answered + 40)
            .text("read.mode", "read_index")
            .text("reject.reason", "read_quorum")
            .int("wait.snapshot_ns", 5),
        span("route", 2, 10..20).below(1),
        span("propose", 3, 120..150)
            .int("wait.mailbox_ns", 90)
            .int("raft.applied_index", 7)
            .text("raft.role", "leader")
            .after(2, "mailbox"),
        span("step", 4, 150 + quorum / 8..152 + quorum / 8)
            .text("message.type", "MsgHeartbeat")
            .int("raft.store_id", 3)
            .after(3, "message"),
        span("step", 5, 150 + quorum..155 + quorum)
            .text("message.type", "MsgHeartbeatResponse")
            .int("message.from_store", 3)
            .after(4, "message"),
        span("apply_reads", 6, answered..answered + 20)
            .int("raft.applied_index", 7)
            .int("read.index", 7)
            .int("wait.quorum_ns", quorum as i64)
            .int("wait.apply_ns", 10)
            .after(3, "read_index_round"),
    ]
}

#[test]
fn a_read_index_waits_for_its_mailbox_its_batch_its_quorum_and_its_answer() {
    let read = attributed(read_index(800));
    let expected = [
        (WaitState::LocalReader, 10),
        (WaitState::Mailbox, 90),
        (WaitState::PollBatch, 20),
        (WaitState::Propose, 30),
        (WaitState::Quorum, 800),
        (WaitState::Answer, 10),
        (WaitState::Answer, 15),
        (WaitState::EngineSnapshot, 5),
        (WaitState::Wake, 20),
    ];
    assert_eq!(times(&read), expected);
    let verdict = verdict(&read);
    assert_eq!((verdict.cause, verdict.state_ns), (Cause::QuorumVoter, 800));
    assert!(verdict.sentence.contains("store 3"), "{verdict:?}");
}

#[test]
fn a_confirmed_read_waits_for_its_data_or_in_line() {
    for (applied, state, cause) in [
        (6, WaitState::ApplyLag, Cause::ApplyLagLeader),
        (7, WaitState::HeadOfLine, Cause::HeadOfLine),
    ] {
        let mut spans = read_index(50);
        spans[2].attributes.retain(|it| &*it.key != "raft.applied_index");
        spans[2] = spans[2].clone().int("raft.applied_index", applied);
        spans[0].end_ns = 5_000;
        let late = span("apply_reads", 6, 4_900..4_950)
            .int("raft.applied_index", 7)
            .int("read.index", 7)
            .int("wait.quorum_ns", 50)
            .int("wait.apply_ns", 4_700)
            .after(3, "apply");
        spans[5] = late;
        let read = attributed(spans);
        assert_eq!(read.in_state_ns(state), 4_700);
        assert_eq!(verdict(&read).cause, cause);
    }
}

#[test]
fn a_replica_asks_its_leader_and_waits_for_the_answer() {
    let spans = vec![
        span("async_snapshot", 1, 0..1_000).text("read.mode", "replica_lease"),
        span("route", 2, 10..20).below(1),
        span("propose", 3, 20..30)
            .int("wait.mailbox_ns", 10)
            .text("raft.role", "follower")
            .after(2, "mailbox"),
        span("step", 4, 800..810)
            .text("message.type", "MsgReadIndex")
            .int("raft.store_id", 1)
            .after(3, "message"),
        span("step", 5, 900..905)
            .text("message.type", "MsgReadIndexResp")
            .int("raft.store_id", 2)
            .after(4, "message"),
        span("apply_reads", 6, 910..950)
            .int("raft.applied_index", 7)
            .int("wait.quorum_ns", 880)
            .int("wait.apply_ns", 0)
            .after(3, "read_index_round"),
    ];
    let read = attributed(spans);
    assert_eq!(read.in_state_ns(WaitState::AskLeader), 770);
    assert_eq!(read.in_state_ns(WaitState::Quorum), 10);
    assert_eq!(read.in_state_ns(WaitState::LeaderAnswer), 90);
    assert_eq!(verdict(&read).cause, Cause::ReadIndexLate);
}

#[test]
fn a_read_that_joined_another_says_so_and_has_its_acknowledgements() {
    let mut spans = read_index(800);
    for span in &mut spans {
        span.trace_id = TraceId(2);
        for link in &mut span.links {
            link.trace_id = TraceId(2);
        }
    }
    spans[0].name = "another root".into();
    let mut own = read_index(700);
    own.retain(|span| &*span.name != "step");
    let mut batch = own[3].clone().after(3, "batch");
    batch.links[1].trace_id = TraceId(2);
    own[3] = batch;
    spans.extend(own);
    let read = attributed(spans);
    assert_eq!(read.facts.carrier, Some((TraceId(2), SpanId(3))));
    assert_eq!(read.facts.acks.iter().map(|ack| ack.store).collect::<Vec<_>>(), [3]);
    assert!(verdict(&read).evidence.iter().any(|line| line.contains("carrier")));
}

#[test]
fn a_heartbeat_that_its_leader_kept_back_is_no_question_of_a_replica() {
    let kept = |disk: i64| {
        let mut spans = read_index(800);
        // The heartbeat came after 700 ns, of which it had been on its way for 20.
        let heartbeat = spans[3].clone().int("message.kept_ns", 680).int("message.from_store", 1);
        let heartbeat =
            heartbeat.int("message.kept_disk_ns", disk).int("message.kept_poller_ns", 0);
        spans[3] = Span { start_ns: 850, end_ns: 852, ..heartbeat };
        verdict(&attributed(spans))
    };
    assert_eq!(kept(600).cause, Cause::DiskSync);
    assert_eq!(kept(0).cause, Cause::QuorumSlow);
    assert!(kept(0).sentence.contains("kept its heartbeat back"), "{:?}", kept(0));
}

#[test]
fn a_local_read_is_its_reader_and_its_snapshot() {
    let read = attributed(vec![
        span("async_snapshot", 1, 0..100)
            .text("read.mode", "lease_local")
            .int("wait.snapshot_ns", 80),
    ]);
    assert_eq!(times(&read), [(WaitState::LocalReader, 20), (WaitState::EngineSnapshot, 80)]);
    assert_eq!(verdict(&read).cause, Cause::EngineSnapshot);
}

/// A read under the lease of 1,000 ns, of which its caller's thread read the engine for 900.
fn engine_read() -> Span {
    span("async_snapshot", 1, 0..1_000)
        .text("read.mode", "lease_local")
        .int("raft.store_id", 2)
        .int("wait.snapshot_ns", 30)
        .int("wait.engine_ns", 900)
        .text("engine.thread", "caller")
}

#[test]
fn a_slow_engine_says_what_it_had_to_do() {
    let read = attributed(vec![engine_read().int("engine.block_reads", 12)]);
    let expected = [
        (WaitState::LocalReader, 70),
        (WaitState::EngineSnapshot, 30),
        (WaitState::EngineRead, 900),
    ];
    assert_eq!(times(&read), expected);
    let fetched = verdict(&read);
    assert_eq!((fetched.cause, fetched.state_ns), (Cause::EngineBlocks, 900));
    assert!(fetched.sentence.contains("store 2 fetched 12 blocks"), "{fetched:?}");

    let scan = |read: Span, found, passed| {
        let read = read.int("engine.keys", found).int("engine.tombstones", passed);
        verdict(&attributed(vec![read]))
    };
    let passed = scan(engine_read(), 3, 9_000);
    assert_eq!(passed.cause, Cause::EngineTombstones);
    assert!(passed.sentence.contains("passed 9000 deleted keys"), "{passed:?}");
    // A scan fetches blocks whatever it looks for; their time says which of the two it was.
    let fetching = |took| {
        let blocks = engine_read().int("engine.block_reads", 40);
        scan(blocks.int("engine.block_read_ns", took), 3, 9_000)
    };
    assert_eq!(fetching(800).cause, Cause::EngineBlocks);
    assert_eq!(fetching(100).cause, Cause::EngineTombstones);
    // Large values: hardly a key a block, and most of what a block takes is in no time for blocks.
    let large = engine_read().int("engine.block_reads", 850).int("engine.block_read_ns", 200);
    assert_eq!(scan(large, 853, 0).cause, Cause::EngineBlocks);
    let small = engine_read().int("engine.block_reads", 10).int("engine.block_read_ns", 200);
    assert_eq!(scan(small, 853, 0).cause, Cause::Engine);
    assert!(fetching(100).evidence.iter().any(|line| line.contains("fetched 40 blocks")));
    // A scan that only found much, and a get that found its key at once.
    assert_eq!(scan(engine_read(), 9_000, 3).cause, Cause::Engine);
    assert!(scan(engine_read(), 9_000, 3).sentence.contains("found 9000 keys"));
    assert_eq!(verdict(&attributed(vec![engine_read()])).cause, Cause::Engine);
}

#[test]
fn the_engine_is_read_by_the_thread_that_answers_or_by_the_caller() {
    let with = |thread: &str| {
        let mut spans = read_index(300);
        let read = spans[0].clone().int("wait.engine_ns", 12).text("engine.thread", thread);
        spans[0] = read;
        times(&attributed(spans)).split_off(6)
    };
    let (snapshot, engine) = ((WaitState::EngineSnapshot, 5), (WaitState::EngineRead, 12));
    let answered = [(WaitState::Answer, 3), snapshot, engine, (WaitState::Wake, 20)];
    assert_eq!(with("raft"), answered);
    let scanned = [(WaitState::Answer, 15), snapshot, (WaitState::Wake, 8), engine];
    assert_eq!(with("caller"), scanned);
    // A snapshot that no lease covered is taken right before the read is sent on.
    let mut spans = read_index(300);
    spans[0] = spans[0].clone().int("wait.reader_snapshot_ns", 7);
    let first = times(&attributed(spans)).into_iter().take(3).collect::<Vec<_>>();
    let in_vain = (WaitState::EngineSnapshot, 7);
    assert_eq!(first, [(WaitState::LocalReader, 3), in_vain, (WaitState::Mailbox, 90)]);
}

#[test]
fn what_is_not_recorded_is_unattributed_and_unknown() {
    let read = attributed(vec![
        span("async_snapshot", 1, 0..100).text("read.mode", "read_index").int("wait.quorum_ns", 30),
    ]);
    let expected = [(WaitState::Quorum, 30), (WaitState::Unattributed, 70)];
    assert_eq!(times(&read), expected);
    assert_eq!(verdict(&read).cause, Cause::Unknown);
}

/// As the flight recorder shows traces that are open.
#[test]
fn a_read_that_still_waits_says_where_it_was_last() {
    let read = span("async_snapshot", 1, 0..9_000_000).int("raft.store_id", 3);
    let waiting = attributed(vec![
        read.text("raftlens.waits_in", "async_snapshot"),
        span("propose", 2, 1_000..2_000).below(1).int("raft.store_id", 3),
    ]);
    let verdict = verdict(&waiting);
    assert_eq!(verdict.cause, Cause::StillWaits);
    assert!(verdict.sentence.ends_with("`propose` on store 3"), "{}", verdict.sentence);
    let says = |text: &str| verdict.evidence.iter().any(|line| line.contains(text));
    assert!(says("`async_snapshot` was open"), "{:?}", verdict.evidence);
}

#[test]
fn times_that_cannot_be_are_cut_and_still_sum_to_the_whole() {
    for wait in [i64::MIN, -1, 0, i64::MAX] {
        let mut spans = read_index(800);
        for span in &mut spans {
            for attribute in &mut span.attributes {
                if attribute.key.starts_with("wait.") {
                    attribute.value = Value::Int(wait);
                }
            }
        }
        attributed(spans);
    }
    for (at, times) in [(2, 5_000..6_000), (2, 50..10), (5, 0..0), (0, 900..100), (4, 0..u64::MAX)]
    {
        let mut spans = read_index(800);
        (spans[at].start_ns, spans[at].end_ns) = (times.start, times.end);
        attributed(spans);
    }
}

#[test]
fn errors_are_causes() {
    for (error, cause) in [
        ("region 1: not the leader; none is known", Cause::NoLeader),
        (
            "region 1: read index not ready, the region is being split; ask again",
            Cause::SplitOrMerge,
        ),
        ("region 1: busy, its mailbox is full; wait and ask again", Cause::MailboxFull),
        ("store 2 got a request for store 99: look up the region's stores again", Cause::Refused),
        ("region 1: no answer within 200 ms", Cause::Deadline),
    ] {
        let read = attributed(vec![span("async_snapshot", 1, 0..100).text("error", error)]);
        assert_eq!(verdict(&read).cause, cause, "{error}");
    }
}

#[test]
fn the_differences_of_wait_states_sum_to_the_whole() {
    let (slow, normal) = (attributed(read_index(9_000)), attributed(read_index(100)));
    let found = contrast(&[&slow], &[&normal]);
    assert_eq!((&*found[0].what, found[0].share), ("wait quorum", 1.0));
    assert_eq!((found[0].slow_with, found[0].normal_with), (1, 1));
    assert!(contrast(&[], &[&normal]).is_empty());
    assert!(contrast(&[&normal], &[&slow]).is_empty());
}
