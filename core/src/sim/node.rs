//! One simulated node: its disk, which outlives crashes, its clock, and its store while it runs.
//!
//! Started as `store::start` starts a store, from the same parts; only threads are missing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;

use crate::apply::ApplyTask;
use crate::birth::take_up;
use crate::clock::{Clock, Instant};
use crate::config::Config;
use crate::disk_room::DiskRoom;
use crate::engine::{Durability, Engine, WriteBatch};
use crate::error::Error;
use crate::ids::{ReadIdGen, RegionId, StoreId};
use crate::local_read_router::{ReadContext, ServerRaftStoreRouter};
use crate::local_reader::LocalReader;
use crate::mailbox::Mailbox;
use crate::message::ClusterTag;
use crate::message_checks::MessageGate;
use crate::peer::PeerFsm;
use crate::peer_storage::{PeerStorage, load_regions};
use crate::poll_context::{ClockHandle, Effects, PollContext};
use crate::raft_kv::RaftKv;
use crate::read_delegate::StoreMeta;
use crate::region::Region;
use crate::router::{RaftRouter, Router};
use crate::rules::Rules;
use crate::sim::clock::SimClock;
use crate::sim::disk::{Disk, DiskSnapshot, Hardship};
use crate::sim::requests::OpId;
use crate::store::Scheduled;
use crate::thread_log::ThreadLog;
use crate::trace_context::Tracer;

/// What a node's raft thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PollStage {
    /// Nothing; or it is paused.
    Idle,
    /// A round is planned.
    Planned,
    /// It is busy with one region.
    Busy,
    /// It waits for the disk.
    Persisting,
    /// The disk is done, but the thread is paused.
    PersistedWhilePaused,
}

/// A node.
pub(super) struct Node {
    pub(super) id: u64,
    /// Counts starts, from 1.
    pub(super) incarnation: u32,
    pub(super) clock: Arc<SimClock>,
    pub(super) disk: Disk,
    pub(super) running: Option<Running>,
    /// How many faults pause each of its threads.
    pub(super) paused_raft: u32,
    pub(super) paused_apply: u32,
    pub(super) paused_reader: u32,
    /// What its readers will do when they go on.
    pub(super) waiting_reads: Vec<OpId>,
    /// What is added to the time that a synced write takes.
    pub(super) disk_extra_ns: u64,
    /// How hard the engine makes it for its readers.
    pub(super) hardship: Hardship,
    /// Regions that keep the raft thread, and how long a round takes for them, in nanoseconds.
    pub(super) burdens: BTreeMap<RegionId, u64>,
    /// What its stores carry traces with.
    pub(super) tracer: Tracer,
    /// Where messages come in; outlives crashes, so that all refusals are counted.
    pub(super) gate: MessageGate,
}

/// A store that runs.
pub(super) struct Running {
    pub(super) ctx: PollContext<Disk>,
    pub(super) fsms: BTreeMap<RegionId, PeerFsm<Disk>>,
    pub(super) router: Router<DiskSnapshot>,
    pub(super) scheduler: mpsc::UnboundedSender<Scheduled>,
    pub(super) schedule: mpsc::UnboundedReceiver<Scheduled>,
    /// One for scripts, then one for each client: each is a reader's thread of its own.
    pub(super) doors: Vec<RaftKv<Disk>>,
    pub(super) scheduled: Vec<RegionId>,
    pub(super) stage: PollStage,
    /// Since when it waits for the disk or is busy, by its own clock.
    pub(super) held_since: Option<Instant>,
    /// The last round was kept by one region, so the next one is for the others.
    pub(super) others_first: bool,
    /// The regions of the round, and whether they have something to persist.
    pub(super) polled: Vec<(RegionId, bool)>,
    pub(super) readies: usize,
    pub(super) apply: VecDeque<ApplyTask>,
    pub(super) apply_planned: bool,
    /// How far the data is applied, region by region: the apply loop's own view.
    pub(super) applied: BTreeMap<RegionId, u64>,
    /// The regions whose replicas slept when they were last looked at.
    pub(super) asleep: BTreeSet<u64>,
}

impl Node {
    /// A node with an empty store of the `regions` that it has replicas of.
    pub(super) fn new(
        id: u64,
        clock: SimClock,
        disk: Disk,
        cluster: ClusterTag,
        regions: &[Region],
    ) -> Result<Node, Error> {
        let mut batch = WriteBatch::new();
        for region in regions.iter().filter(|region| region.peer_on(StoreId(id)).is_some()) {
            PeerStorage::<Disk>::bootstrap(&mut batch, region);
        }
        disk.write(&batch, Durability::Synced)?;
        let clock = Arc::new(clock);
        Ok(Node {
            id,
            incarnation: 0,
            gate: MessageGate {
                store: StoreId(id),
                cluster,
                refused: Arc::default(),
                clock: ClockHandle(Arc::clone(&clock) as Arc<dyn Clock>),
            },
            clock,
            disk,
            running: None,
            paused_raft: 0,
            paused_apply: 0,
            paused_reader: 0,
            waiting_reads: Vec::new(),
            disk_extra_ns: 0,
            hardship: Hardship::default(),
            burdens: BTreeMap::new(),
            tracer: Tracer::default(),
        })
    }

    /// Starts its store on what the disk has.
    pub(super) fn start(
        &mut self,
        (config, rules): (&Arc<Config>, Rules),
        doors: usize,
        rng: &mut SmallRng,
    ) -> Result<(), Error> {
        self.incarnation += 1;
        let (scheduler, schedule) = mpsc::unbounded_channel();
        let mut ctx = self.poll_context(config, rules, rng);
        let router = Router::with_scheduler(scheduler.clone());
        let (mut fsms, mut applied) = (BTreeMap::new(), BTreeMap::new());
        for state in load_regions(&self.disk)? {
            let region = state.region.region_id();
            let seed = ctx.next_seed();
            let Some(fsm) = take_up(&ctx, &state, seed)? else { continue };
            applied.insert(region, fsm.peer.storage().applied_index());
            fsms.insert(region, fsm);
            let mailbox = Mailbox::new(region, config.mailbox_capacity, scheduler.clone());
            router.register(region, Arc::new(mailbox));
        }
        let doors = self.doors(&ctx, &router, doors);
        self.running = Some(Running {
            ctx,
            fsms,
            router,
            scheduler,
            schedule,
            doors,
            scheduled: Vec::new(),
            stage: PollStage::Idle,
            held_since: None,
            others_first: false,
            polled: Vec::new(),
            readies: 0,
            apply: VecDeque::new(),
            apply_planned: false,
            applied,
            asleep: BTreeSet::new(),
        });
        Ok(())
    }

    fn poll_context(
        &self,
        config: &Arc<Config>,
        rules: Rules,
        rng: &mut SmallRng,
    ) -> PollContext<Disk> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let now = clock.monotonic_raw_now();
        // A new store has made no promise that it could have forgotten (rule L15).
        let silence = match self.incarnation {
            1 => std::time::Duration::ZERO,
            _ => config.election_timeout(),
        };
        PollContext {
            store_id: StoreId(self.id),
            config: Arc::clone(config),
            cluster: self.gate.cluster,
            refused: Arc::clone(&self.gate.refused),
            disk_room: DiskRoom::default(),
            rules,
            engine: self.disk.clone(),
            clock: ClockHandle(clock),
            now,
            ids: ReadIdGen::new(rng.random()),
            meta: StoreMeta::default(),
            tracer: self.tracer.clone(),
            log: ThreadLog::default(),
            votes_from: now + silence,
            seeds: SmallRng::seed_from_u64(rng.random()),
            effects: Effects::default(),
        }
    }

    fn doors(
        &self,
        ctx: &PollContext<Disk>,
        router: &Router<DiskSnapshot>,
        count: usize,
    ) -> Vec<RaftKv<Disk>> {
        let context = ReadContext {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            config: Arc::clone(&ctx.config),
            rules: ctx.rules,
            meta: ctx.meta.clone(),
            rejects: Arc::default(),
        };
        let router = RaftRouter::new(router.clone(), ctx.tracer.clone());
        let reader =
            LocalReader::new(StoreId(self.id), self.disk.clone(), context.clone(), router.clone());
        let door = ServerRaftStoreRouter::new(reader, router, context);
        vec![RaftKv::new(door, ctx.tracer.clone()); count]
    }

    /// The power goes. What waits is answered as a connection that breaks; what was not synced is
    /// lost, as far as chance wants.
    pub(super) fn crash(&mut self, rng: &mut SmallRng) {
        let Some(mut running) = self.running.take() else { return };
        running.router.close();
        running.fsms.values_mut().for_each(|fsm| fsm.peer.stop());
        let in_flight = running.stage == PollStage::Persisting && rng.random();
        if in_flight {
            // The write had reached the disk; only the news of it had not come back. Should the
            // engine refuse it, it has not.
            let _ = self.disk.write(&running.ctx.effects.writes, Durability::Synced);
        }
        let survivors = rng.random_range(0..=self.disk.unsynced_writes());
        self.disk.crash(survivors);
        self.waiting_reads.clear();
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({}@{}, runs: {})", self.id, self.incarnation, self.running.is_some())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fsms.keys()).finish()
    }
}
