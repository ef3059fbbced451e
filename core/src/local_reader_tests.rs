//! The reader's thread: every reason to refuse a read or send it on, and the order of snapshot, clock
//! and lease.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::admin_command::AdminCommand;
use crate::callback::ReadValue;
use crate::clock::ManualClock;
use crate::command::{Body, ReadCommand, RequestHeader};
use crate::engine::{
    Durability, EngineError, Family, MemoryEngine, MemorySnapshot, Visit, WriteBatch,
};
use crate::ids::{PeerId, RegionId};
use crate::lease::RenewedBy;
use crate::mailbox::Mailbox;
use crate::peer_storage::{ApplyState, put_apply_state};
use crate::read_delegate::{Progress, ReadProgress};
use crate::region::{PeerMeta, Region, RegionEpoch};
use crate::remote_lease::RemoteLease;
use crate::router::Router;
use crate::store::Scheduled;
use crate::trace_context::Tracer;

#[path = "local_reader_batch_tests.rs"]
mod batches;

const REGION: RegionId = RegionId(1);
const STORE: StoreId = StoreId(1);
const PEER: PeerId = PeerId(11);
const TERM: u64 = 6;
const LEASE_END: Instant = Instant::from_ns(1_000_000_000);

/// Something that is done at a certain moment of a read.
type Act = Box<dyn FnMut() + Send>;

/// An engine and a clock that note the order in which they are asked.
#[derive(Clone, Default)]
struct Watched {
    engine: MemoryEngine,
    clock: ManualClock,
    order: Arc<Mutex<Vec<&'static str>>>,
    /// What is done right after a snapshot was taken.
    after_snapshot: Arc<Mutex<Option<Act>>>,
}

impl Watched {
    fn note(&self, what: &'static str) {
        self.order.lock().unwrap().push(what);
    }
}

impl Clock for Watched {
    fn monotonic_raw_now(&self) -> Instant {
        self.note("clock");
        self.clock.monotonic_raw_now()
    }
}

impl Engine for Watched {
    type Snapshot = MemorySnapshot;

    fn snapshot(&self) -> MemorySnapshot {
        self.note("snapshot");
        let snapshot = self.engine.snapshot();
        if let Some(act) = self.after_snapshot.lock().unwrap().as_mut() {
            act();
        }
        snapshot
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(family, key)
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.engine.scan(family, from, to, visit)
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<(), EngineError> {
        self.engine.write(batch, durability)
    }
}

/// A reader over one region that its peer leads with a valid lease, and everything applied.
struct World {
    watched: Watched,
    reader: LocalReader<Watched>,
    meta: StoreMeta,
    router: Router<MemorySnapshot>,
    mailbox: Arc<Mailbox<MemorySnapshot>>,
    progress: Arc<ReadProgress>,
    _scheduled: mpsc::UnboundedReceiver<Scheduled>,
}

fn region(id: RegionId) -> Region {
    Region {
        id: id.0,
        epoch: RegionEpoch { conf_ver: 1, version: 1 },
        peers: vec![PeerMeta { id: PEER.0, store_id: STORE.0, ..PeerMeta::default() }],
        ..Region::default()
    }
}

impl World {
    fn new() -> World {
        let watched = Watched::default();
        watched.clock.advance(Duration::from_nanos(100));
        let (meta, router) = (StoreMeta::default(), Router::new());
        let (scheduler, scheduled) = mpsc::unbounded_channel();
        let mailbox = Arc::new(Mailbox::new(REGION, 2, scheduler));
        router.register(REGION, Arc::clone(&mailbox));
        let context = ReadContext {
            clock: Arc::new(watched.clone()),
            config: Arc::new(Config::default()),
            meta: meta.clone(),
            rejects: Arc::default(),
            rules: Rules::ALL_ON,
        };
        let raft_router = RaftRouter::new(router.clone(), Tracer::default());
        let reader = LocalReader::new(STORE, watched.clone(), context, raft_router);
        let progress = Arc::default();
        let world =
            World { watched, reader, meta, router, mailbox, progress, _scheduled: scheduled };
        world.lead(REGION, &world.progress);
        world.write("k", "v1", 7);
        world
    }

    /// Makes a delegate with a valid lease.
    fn lead(&self, id: RegionId, progress: &Arc<ReadProgress>) {
        let now = self.watched.clock.monotonic_raw_now();
        let delegate = ReadDelegate::new(Arc::new(region(id)), PEER, Arc::clone(progress), now);
        self.meta.insert(id, delegate);
        for fact in [Progress::Term(TERM), Progress::AppliedTerm(TERM)] {
            self.meta.update(id, now, fact);
        }
        let lease = RemoteLease::new(LEASE_END, TERM, RenewedBy::Election);
        self.meta.update(id, now, Progress::LeaderLease(lease));
    }

    /// Applies a write at `index`, with the state that says so.
    fn write(&self, key: &str, value: &str, index: u64) {
        let mut batch = WriteBatch::new();
        batch.put(Family::Data, key, value);
        let state = ApplyState { applied_index: index, applied_term: TERM };
        put_apply_state(REGION, &state, &mut batch);
        self.watched.engine.write(&batch, Durability::Synced).unwrap();
        self.progress.set_commit(index);
        self.progress.set_applied(index);
    }

    fn change(&self, fact: Progress) {
        self.meta.update(REGION, self.watched.clock.monotonic_raw_now(), fact);
    }

    fn change_region(&self, change: impl FnOnce(&mut Region)) {
        let mut region = region(REGION);
        change(&mut region);
        self.change(Progress::Region(Arc::new(region)));
    }

    fn read(&self, header: RequestHeader) -> Outcome {
        self.read_body(None, header, Body::Read(ReadCommand::Get { key: b"k".to_vec() }))
    }

    fn read_body(&self, id: Option<&ThreadReadId>, header: RequestHeader, body: Body) -> Outcome {
        let counts = || RejectReason::ALL.iter().map(|&why| self.reader.rejects.get(why));
        let before: Vec<u64> = counts().collect();
        let (callback, mut receiver) = Callback::read(header.region_id);
        let request = &RaftCmdRequest { header, body };
        let place = &mut Place::Gone;
        let asked = Asked { request, read_id: id, place, callback, deadline: None };
        let not_local = self.reader.read(asked);
        let reject = not_local.map(|it| it.reason);
        let counted = counts().zip(before).map(|(after, before)| after - before);
        let counted =
            RejectReason::ALL.iter().zip(counted).filter(|(_, by)| *by > 0).map(|(why, _)| *why);
        Outcome { reject, counted: counted.collect(), answer: receiver.try_recv(), receiver }
    }

    /// How many commands the raft thread has got.
    fn redirected(&self) -> usize {
        let mut messages = Vec::new();
        self.mailbox.take(100, &mut messages);
        let commands = messages.iter().filter(|message| matches!(message, PeerMsg::RaftCommand(_)));
        commands.count()
    }
}

struct Outcome {
    reject: Option<RejectReason>,
    counted: Vec<RejectReason>,
    answer: Result<ReadResponse<MemorySnapshot>, oneshot::error::TryRecvError>,
    /// Kept, so that the command is not abandoned.
    receiver: oneshot::Receiver<ReadResponse<MemorySnapshot>>,
}

impl Outcome {
    fn value(self) -> (ReadMode, Vec<u8>) {
        assert_eq!(self.reject, None);
        let response = self.answer.expect("an answer");
        match response.result {
            Ok(ReadValue::Value(value)) => (response.mode.unwrap(), value.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn error(self) -> Error {
        self.answer.expect("an answer").result.expect_err("an error")
    }
}

fn header() -> RequestHeader {
    RequestHeader {
        region_id: REGION,
        peer_id: PEER,
        store_id: STORE,
        epoch: RegionEpoch { conf_ver: 1, version: 1 },
        ..RequestHeader::default()
    }
}

#[test]
fn a_read_in_the_lease_is_answered_here() {
    let world = World::new();
    let outcome = world.read(header());
    assert_eq!(outcome.counted, [RejectReason::CacheMiss], "the first look at the region");
    assert_eq!(outcome.value(), (ReadMode::LeaseLocal, b"v1".to_vec()));
    let again = world.read(header());
    assert_eq!(again.counted, []);
    assert_eq!(again.value(), (ReadMode::LeaseLocal, b"v1".to_vec()));
    assert_eq!(world.redirected(), 0);
    // A change of any fact is noticed by its version.
    world.change(Progress::AppliedTerm(TERM));
    assert_eq!(world.read(header()).counted, [RejectReason::CacheMiss]);
}

/// What a reason leads to.
enum Leads {
    Sent,
    Error(fn(&Error) -> bool),
}

/// A situation: what is prepared, what is asked, which reason that gives, what it leads to.
type Case = (fn(&World), fn(&mut RequestHeader), RejectReason, Leads);

fn cases() -> Vec<Case> {
    use RejectReason as Why;
    let nothing: fn(&World) = |_| {};
    let plain: fn(&mut RequestHeader) = |_| {};
    vec![
        (
            nothing,
            |header| header.store_id = StoreId(9),
            Why::StoreIdMismatch,
            Leads::Error(|error| {
                *error == Error::StoreNotMatch { expected: StoreId(9), found: STORE }
            }),
        ),
        (|world| world.meta.remove(REGION), plain, Why::NoRegion, Leads::Sent),
        (
            nothing,
            |header| header.peer_id = PeerId(12),
            Why::PeerIdMismatch,
            Leads::Error(|error| {
                let (expected, found) = (PeerId(12), PEER);
                *error == Error::PeerNotMatch { region: REGION, expected, found }
            }),
        ),
        (
            nothing,
            |header| header.term = TERM - 2,
            Why::TermMismatch,
            Leads::Error(|error| matches!(error, Error::StaleCommand { .. })),
        ),
        (
            |world| {
                world.change(Progress::Term(TERM + 1));
                world.change(Progress::AppliedTerm(TERM + 1));
            },
            plain,
            Why::TermMismatch,
            Leads::Sent,
        ),
        (nothing, |header| header.epoch.version = 2, Why::Epoch, Leads::Sent),
        (
            |world| world.change_region(|region| region.peers[0].is_witness = true),
            plain,
            Why::Witness,
            Leads::Error(|error| *error == Error::IsWitness(REGION)),
        ),
        (
            |world| {
                let mut delegate = world.meta.delegate(REGION).unwrap();
                delegate.wait_data = true;
                world.meta.insert(REGION, delegate);
            },
            plain,
            Why::WaitData,
            Leads::Error(|error| matches!(error, Error::DataIsNotReady { .. })),
        ),
        (
            |world| world.change_region(|region| region.is_in_flashback = true),
            plain,
            Why::FlashbackInProgress,
            Leads::Error(|error| *error == Error::FlashbackInProgress(REGION)),
        ),
        (
            nothing,
            |header| header.flashback = true,
            Why::FlashbackNotPrepared,
            Leads::Error(|error| *error == Error::FlashbackNotPrepared(REGION)),
        ),
        (
            |world| world.change(Progress::AppliedTerm(TERM - 1)),
            plain,
            Why::AppliedTerm,
            Leads::Sent,
        ),
        (
            |world| {
                let mut delegate = world.meta.delegate(REGION).unwrap();
                delegate.leader_lease = None;
                world.meta.insert(REGION, delegate);
            },
            plain,
            Why::NoLease,
            Leads::Sent,
        ),
        (
            |world| world.watched.clock.advance(Duration::from_secs(1)),
            plain,
            Why::LeaseExpire,
            Leads::Sent,
        ),
        (
            nothing,
            |header| header.stale_read_ts = Some(5),
            Why::SafeTs,
            Leads::Error(|error| matches!(error, Error::DataIsNotReady { .. })),
        ),
        (nothing, |header| header.read_quorum = true, Why::ReadQuorum, Leads::Sent),
        (nothing, |header| header.replica_read = true, Why::ReplicaRead, Leads::Sent),
        (
            |world| {
                let delegate = world.meta.delegate(REGION).unwrap();
                delegate.leader_lease.unwrap().expire();
                world.change(Progress::Suspect(true));
            },
            plain,
            Why::Suspect,
            Leads::Sent,
        ),
        (|world| world.progress.set_commit(8), plain, Why::ApplyLag, Leads::Sent),
    ]
}

#[test]
fn every_reason_is_counted_and_leads_where_it_must() {
    let mut seen = vec![RejectReason::CacheMiss, RejectReason::ChannelFull];
    for (prepare, ask, why, leads) in cases() {
        let world = World::new();
        drop(world.read(header()));
        prepare(&world);
        let mut header = header();
        ask(&mut header);
        let outcome = world.read(header);
        assert_eq!(outcome.reject, Some(why));
        let counted: Vec<_> =
            outcome.counted.iter().filter(|why| **why != RejectReason::CacheMiss).collect();
        assert_eq!(counted, [&why]);
        match leads {
            Leads::Sent => {
                assert!(outcome.answer.is_err(), "{why:?}: not answered here");
                assert_eq!(world.redirected(), 1, "{why:?}");
            }
            Leads::Error(is_expected) => {
                assert_eq!(world.redirected(), 0, "{why:?}");
                let error = outcome.error();
                assert!(is_expected(&error), "{why:?}: {error}");
            }
        }
        seen.push(why);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, RejectReason::ALL, "every reason has its case");
}

#[test]
fn a_mailbox_that_is_full_or_gone_is_an_answer() {
    let world = World::new();
    let asking = RequestHeader { read_quorum: true, ..header() };
    let _waiting: Vec<_> = (0..2).map(|_| world.read(asking.clone()).receiver).collect();
    let outcome = world.read(asking.clone());
    assert_eq!(outcome.reject, Some(RejectReason::ChannelFull));
    assert_eq!(outcome.counted, [RejectReason::ChannelFull, RejectReason::ReadQuorum]);
    assert!(matches!(outcome.error(), Error::ServerIsBusy { region: REGION, .. }));

    // The store stops: an answer at once, never a wait.
    world.router.close();
    let outcome = world.read(asking);
    assert_eq!(outcome.reject, Some(RejectReason::NoRegion));
    assert_eq!(outcome.error(), Error::RegionNotFound(REGION));
}

#[test]
fn a_write_is_no_local_read() {
    let world = World::new();
    let outcome = world.read_body(None, header(), Body::Admin(AdminCommand::SetFlashback(true)));
    assert!(outcome.reject.is_some());
    assert_eq!(world.redirected(), 1);
}

#[test]
fn the_lease_is_judged_by_a_clock_read_after_the_snapshot() {
    let world = World::new();
    drop(world.read(header()));
    world.watched.order.lock().unwrap().clear();
    drop(world.read(header()));
    let order = world.watched.order.lock().unwrap().clone();
    let snapshot = order.iter().position(|what| *what == "snapshot").expect("a snapshot");
    assert!(order[snapshot + 1..].contains(&"clock"), "{order:?}");

    // Taking the snapshot lasts until the lease is over. A clock that is read before would find it
    // valid.
    let clock = world.watched.clock.clone();
    *world.watched.after_snapshot.lock().unwrap() =
        Some(Box::new(move || clock.advance(Duration::from_secs(1))));
    assert_eq!(world.read(header()).reject, Some(RejectReason::LeaseExpire));
}

#[test]
fn a_lease_that_ends_during_the_snapshot_is_not_used() {
    let world = World::new();
    drop(world.read(header()));
    let lease = world.meta.delegate(REGION).unwrap().leader_lease.unwrap();
    *world.watched.after_snapshot.lock().unwrap() = Some(Box::new(move || lease.expire()));
    assert_eq!(world.read(header()).reject, Some(RejectReason::LeaseExpire));
}

#[test]
fn what_is_committed_before_the_snapshot_is_looked_at_is_applied_before_it() {
    let world = World::new();
    let was_checked = Arc::new(AtomicBool::new(false));
    // The commit that comes after the check is of a write that nobody had shown before the read.
    let (progress, checked) = (Arc::clone(&world.progress), Arc::clone(&was_checked));
    *world.watched.after_snapshot.lock().unwrap() = Some(Box::new(move || {
        progress.set_commit(8);
        checked.store(true, Ordering::SeqCst);
    }));
    assert_eq!(world.read(header()).value(), (ReadMode::LeaseLocal, b"v1".to_vec()));
    assert!(was_checked.load(Ordering::SeqCst));
    // For the next read it counts.
    assert_eq!(world.read(header()).reject, Some(RejectReason::ApplyLag));
}

#[test]
fn one_reader_asks_for_a_renewal_when_the_lease_ends_soon() {
    let world = World::new();
    drop(world.read(header()));
    world.watched.clock.advance(Duration::from_millis(900));
    for _ in 0..3 {
        assert_eq!(world.read(header()).value().0, ReadMode::LeaseLocal);
    }
    let mut messages = Vec::new();
    world.mailbox.take(100, &mut messages);
    assert!(
        matches!(messages[..], [PeerMsg::Casual(CasualMessage::RenewLease)]),
        "{}",
        messages.len()
    );
}
