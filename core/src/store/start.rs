//! Starting a store: its data, its regions, its threads.

// The ticker is where time comes in.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::birth::take_up;
use crate::config::{Config, ConfigError};
use crate::disk_room::DiskRoom;
use crate::engine::{Durability, Engine, EngineError, RocksEngine, RocksOptions, WriteBatch};
use crate::error::Error;
use crate::ids::{ReadIdGen, StoreId};
use crate::local_read_router::{ReadContext, ServerRaftStoreRouter};
use crate::local_reader::LocalReader;
use crate::mailbox::Mailbox;
use crate::message::{ClusterTag, PeerMsg};
use crate::message_checks::{MessageGate, RefusedMessages};
use crate::peer_storage::{PeerStorage, RegionState, StorageLoadError, load_regions};
use crate::poll_context::{ClockHandle, Effects, PollContext};
use crate::raft_kv::RaftKv;
use crate::read_delegate::StoreMeta;
use crate::router::{RaftRouter, Router};
use crate::rules::Rules;
use crate::store::apply_worker::ApplyWorker;
use crate::store::poller::Poller;
use crate::store::{ApplyGate, Fsms, Scheduled, Store, StoreConfig};
use crate::store_ident::{StoreIdent, StoreIdentError, ensure};
use crate::thread_log::ThreadLog;
use crate::transport::LocalNetwork;

type Snapshot = <RocksEngine as Engine>::Snapshot;

/// Why a store did not start.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A setting would break a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another store of the cluster measures elections or leases in another way.
    #[error(
        "store {store} has another tick, election timeout, lease or drift than store {other}, which \
         runs: one of them would elect a leader while the other one trusts its lease; start both \
         with the same"
    )]
    OtherTiming {
        /// The store that was to start.
        store: StoreId,
        /// The one that runs.
        other: StoreId,
    },
    /// The data folder cannot be opened.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The data folder belongs to another store, cluster or version.
    #[error(transparent)]
    Ident(#[from] StoreIdentError),
    /// The data of a region is damaged.
    #[error(transparent)]
    Storage(#[from] StorageLoadError),
    /// A region cannot be driven.
    #[error("store {store} in {}: {error}", path.display())]
    Peer {
        /// The store.
        store: StoreId,
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        error: Error,
    },
}

impl Store {
    /// Opens the data of a store, or makes a new one, and starts its threads on the current tokio
    /// runtime.
    ///
    /// # Errors
    /// [`StoreError`]; nothing runs then, and existing data is as it was.
    pub fn start(
        store: StoreConfig,
        network: &LocalNetwork<Snapshot>,
    ) -> Result<Store, StoreError> {
        store.config.validate()?;
        let timing = store.config.timing_fingerprint();
        let cluster = ClusterTag { cluster_id: store.cluster_id, timing };
        if let Some(other) = network.of_other_timing(cluster) {
            return Err(StoreError::OtherTiming { store: store.store_id, other });
        }
        let options = RocksOptions::sharing(store.block_cache.clone());
        let engine = RocksEngine::open(&store.path, &options)?;
        let is_new = load_regions(&engine)?.is_empty();
        ensure(&engine, StoreIdent::new(store.cluster_id, store.store_id.0), &store.path)?;
        if is_new {
            bootstrap(&engine, &store)?;
        }
        let regions = load_regions(&engine)?;
        Starting::new(store, engine, network.clone(), is_new).start(&regions)
    }
}

fn bootstrap(engine: &RocksEngine, store: &StoreConfig) -> Result<(), StoreError> {
    let mut batch = WriteBatch::new();
    for region in &store.regions {
        if region.peer_on(store.store_id).is_some() {
            PeerStorage::<RocksEngine>::bootstrap(&mut batch, region);
        }
    }
    Ok(engine.write(&batch, Durability::Synced)?)
}

/// The parts of a store while it starts.
struct Starting {
    store: StoreConfig,
    config: Arc<Config>,
    engine: RocksEngine,
    network: LocalNetwork<Snapshot>,
    router: Router<Snapshot>,
    meta: StoreMeta,
    scheduler: mpsc::UnboundedSender<Scheduled>,
    schedule: Arc<Mutex<mpsc::UnboundedReceiver<Scheduled>>>,
    gate: ApplyGate,
    failure: Arc<OnceLock<Error>>,
    refused: Arc<RefusedMessages>,
    disk_room: DiskRoom,
    log: ThreadLog,
    is_new: bool,
    rng: SmallRng,
}

impl Starting {
    fn new(
        store: StoreConfig,
        engine: RocksEngine,
        network: LocalNetwork<Snapshot>,
        is_new: bool,
    ) -> Self {
        let (scheduler, schedule) = mpsc::unbounded_channel();
        Starting {
            config: Arc::new(store.config.clone()),
            engine,
            network,
            router: Router::with_scheduler(scheduler.clone()),
            meta: StoreMeta::default(),
            scheduler,
            schedule: Arc::new(Mutex::new(schedule)),
            gate: ApplyGate::default(),
            failure: Arc::default(),
            refused: Arc::default(),
            disk_room: DiskRoom::default(),
            log: ThreadLog::default(),
            is_new,
            rng: SmallRng::seed_from_u64(store.seed),
            store,
        }
    }

    fn start(mut self, regions: &[RegionState]) -> Result<Store, StoreError> {
        let fsms = self.start_regions(regions)?;
        let kv = self.kv();
        let mut threads = Vec::new();
        let apply = self.start_apply(&mut threads);
        for _ in 0..self.config.raft_pollers {
            let poller = Poller {
                ctx: self.poll_context(),
                fsms: Arc::clone(&fsms),
                router: self.router.clone(),
                schedule: Arc::clone(&self.schedule),
                wake: self.scheduler.clone(),
                transport: Arc::new(self.network.clone()),
                apply: apply.clone(),
                pd: self.store.pd.clone(),
                failure: Arc::clone(&self.failure),
            };
            threads.push(tokio::task::spawn_blocking(move || poller.run()));
        }
        let gate = MessageGate {
            store: self.store.store_id,
            cluster: self.cluster_tag(),
            refused: Arc::clone(&self.refused),
            clock: ClockHandle(Arc::clone(&self.store.clock)),
        };
        self.network.register(gate, self.router.clone());
        let ticker = self.start_ticker();
        let closed = self.engine.when_closed();
        Ok(Store {
            store_id: self.store.store_id,
            kv,
            router: self.router,
            network: self.network,
            scheduler: self.scheduler,
            gate: self.gate,
            failure: self.failure,
            refused: self.refused,
            ticker,
            threads,
            closed,
        })
    }

    fn start_regions(&mut self, regions: &[RegionState]) -> Result<Fsms<RocksEngine>, StoreError> {
        let mut fsms = BTreeMap::new();
        let mut ctx = self.poll_context();
        for state in regions {
            let region = state.region.region_id();
            let seed = ctx.next_seed();
            let fsm = take_up(&ctx, state, seed).map_err(|error| {
                let (store, path) = (self.store.store_id, self.store.path.clone());
                StoreError::Peer { store, path, error }
            })?;
            let Some(fsm) = fsm else { continue };
            fsms.insert(region, Arc::new(Mutex::new(fsm)));
            let capacity = self.config.mailbox_capacity;
            let mailbox = Mailbox::new(region, capacity, self.scheduler.clone());
            self.router.register(region, Arc::new(mailbox));
        }
        Ok(Arc::new(RwLock::new(fsms)))
    }

    fn poll_context(&mut self) -> PollContext<RocksEngine> {
        let clock = ClockHandle(Arc::clone(&self.store.clock));
        let now = clock.0.monotonic_raw_now();
        // A new store has made no promise that it could have forgotten (rule L15).
        let silence =
            if self.is_new { std::time::Duration::ZERO } else { self.config.election_timeout() };
        PollContext {
            store_id: self.store.store_id,
            config: Arc::clone(&self.config),
            cluster: self.cluster_tag(),
            refused: Arc::clone(&self.refused),
            disk_room: self.disk_room.clone(),
            engine: self.engine.clone(),
            clock,
            now,
            ids: ReadIdGen::new(self.rng.random()),
            meta: self.meta.clone(),
            tracer: self.store.tracer.clone(),
            log: self.log.clone(),
            votes_from: now + silence,
            rules: Rules::ALL_ON,
            seeds: SmallRng::seed_from_u64(self.rng.random()),
            effects: Effects::default(),
        }
    }

    fn cluster_tag(&self) -> ClusterTag {
        ClusterTag { cluster_id: self.store.cluster_id, timing: self.config.timing_fingerprint() }
    }

    fn kv(&self) -> RaftKv<RocksEngine> {
        let context = ReadContext {
            clock: Arc::clone(&self.store.clock),
            config: Arc::clone(&self.config),
            meta: self.meta.clone(),
            rejects: Arc::default(),
            rules: Rules::ALL_ON,
        };
        let tracer = self.store.tracer.clone();
        let router = RaftRouter::new(self.router.clone(), tracer.clone());
        let reader = LocalReader::new(
            self.store.store_id,
            self.engine.clone(),
            context.clone(),
            router.clone(),
        );
        RaftKv::new(ServerRaftStoreRouter::new(reader, router, context), tracer)
    }

    fn start_apply(
        &self,
        threads: &mut Vec<JoinHandle<()>>,
    ) -> Vec<mpsc::UnboundedSender<crate::apply::ApplyTask>> {
        let start_one = |_| {
            let (sender, tasks) = mpsc::unbounded_channel();
            let worker = ApplyWorker {
                engine: self.engine.clone(),
                router: self.router.clone(),
                tasks,
                gate: self.gate.clone(),
                wake: self.scheduler.clone(),
                failure: Arc::clone(&self.failure),
            };
            threads.push(tokio::task::spawn_blocking(move || worker.run()));
            sender
        };
        (0..self.config.apply_workers).map(start_one).collect()
    }

    /// Ticks every region. A late tick is followed by a whole one, never by a burst: ticks that
    /// come faster than their length would shorten what voters have promised (rule L2).
    fn start_ticker(&self) -> JoinHandle<()> {
        let (router, base_tick) = (self.router.clone(), self.config.base_tick);
        let (disk_room, reserve_bytes) = (self.disk_room.clone(), self.config.disk_reserve_bytes);
        // Not a handle to the data: it must be free when the store has stopped.
        let engine = self.engine.downgrade();
        tokio::spawn(async move {
            let mut interval = tokio::time::interval(base_tick);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                interval.tick().await;
                if let Some(engine) = engine.upgrade() {
                    disk_room.look(&engine, reserve_bytes);
                }
                for region in router.regions() {
                    router.post(region, PeerMsg::Tick);
                }
            }
        })
    }
}
