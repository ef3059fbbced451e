//! One store on tokio: pollers that drive the Raft groups, workers that apply, a ticker.
//!
//! ```text
//!   RaftKv --> Router --> Mailbox --> poller: PeerFsmDelegate --> effects
//!                            ^                                      |  messages -> transport
//!                            |                                      |  writes   -> engine, synced
//!                            +------------ apply worker <-----------+  entries  -> apply
//! ```
//!
//! Everything that decides is in `peer/`; here are only threads, queues and the disk.

mod apply_worker;
mod poller;
mod start;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use self::apply_worker::ApplyGate;
pub use self::start::StoreError;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{BlockCache, Engine, RocksEngine};
use crate::error::Error;
use crate::ids::{RegionId, StoreId};
use crate::message::{CasualMessage, PeerMsg};
use crate::message_checks::RefusedMessages;
use crate::pd::Pd;
use crate::peer::PeerFsm;
use crate::raft_kv::RaftKv;
use crate::region::Region;
use crate::router::Router;
use crate::trace_context::Tracer;
use crate::transport::LocalNetwork;

/// The state machines of a store, each driven by one poller at a time.
pub(crate) type Fsms<E> = Arc<RwLock<BTreeMap<RegionId, Arc<Mutex<PeerFsm<E>>>>>>;

/// What a poller is woken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheduled {
    /// The region has messages.
    Region(RegionId),
    /// The store stops.
    Stop,
}

/// What a store is made of.
pub struct StoreConfig {
    /// Its id.
    pub store_id: StoreId,
    /// The cluster that it belongs to: data of another one is refused.
    pub cluster_id: u64,
    /// Where its data lies.
    pub path: PathBuf,
    /// Ticks, lease and the like; the same for all stores.
    pub config: Config,
    /// The regions of a new cluster, for a folder without data.
    pub regions: Vec<Region>,
    /// The clock that leases are measured with.
    pub clock: Arc<dyn Clock>,
    /// Memory for blocks read from disk; the stores of one process share it.
    pub block_cache: BlockCache,
    /// Carries traces across queues and stores.
    pub tracer: Tracer,
    /// The placement driver.
    pub pd: Pd,
    /// Decides election timeouts and read ids; another one for each start.
    pub seed: u64,
}

/// How long a stopped store waits for the last reads to let go of its data.
const CLOSING_MAX: Duration = Duration::from_millis(500);

/// A running store. [`Store::stop`] ends it; dropping it tells its threads to end.
pub struct Store {
    store_id: StoreId,
    kv: RaftKv<RocksEngine>,
    router: Router<<RocksEngine as Engine>::Snapshot>,
    network: LocalNetwork<<RocksEngine as Engine>::Snapshot>,
    scheduler: mpsc::UnboundedSender<Scheduled>,
    gate: ApplyGate,
    failure: Arc<OnceLock<Error>>,
    refused: Arc<RefusedMessages>,
    ticker: JoinHandle<()>,
    threads: Vec<JoinHandle<()>>,
    /// Resolves when the last handle to the data is gone.
    closed: oneshot::Receiver<()>,
}

impl Store {
    /// Its id.
    pub fn store_id(&self) -> StoreId {
        self.store_id
    }

    /// A door to the store; each thread that reads should have its own.
    pub fn kv(&self) -> RaftKv<RocksEngine> {
        self.kv.clone()
    }

    /// Lets this store's replica of a region campaign, for the first election of a new region.
    pub fn campaign(&self, region: RegionId) {
        self.router.post(region, PeerMsg::Casual(CasualMessage::Campaign));
    }

    /// Stops and resumes the apply loop, to see what waits for it.
    pub fn apply_gate(&self) -> &ApplyGate {
        &self.gate
    }

    /// What ended the store, if something did: a full disk, damaged data.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.get()
    }

    /// The messages that it has refused, by kind.
    pub fn refused_messages(&self) -> &RefusedMessages {
        &self.refused
    }

    /// Stops the store as a crash would: what waits is answered with [`Error::Stopped`], nothing
    /// is handed over. Returns when its threads have ended and its data may be opened again.
    ///
    /// A snapshot or [`RaftKv`] of this store that is still held keeps the data open. Those of
    /// reads that are just being answered are waited for, half a second at most.
    pub async fn stop(mut self) {
        self.signal_stop();
        for thread in std::mem::take(&mut self.threads) {
            if let Err(error) = thread.await {
                tracing::error!(%error, store = self.store_id.0, "a thread of the store");
            }
        }
        let closed = std::mem::replace(&mut self.closed, oneshot::channel().1);
        drop(self);
        // The sender is dropped, not used: an error is the signal.
        let _ = tokio::time::timeout(CLOSING_MAX, closed).await;
    }

    fn signal_stop(&self) {
        self.ticker.abort();
        self.network.unregister(self.store_id);
        self.gate.open_for_good();
        self.router.close();
        // The pollers may have ended by themselves.
        let _ = self.scheduler.send(Scheduled::Stop);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.signal_stop();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({}, regions {:?})", self.store_id, self.router)
    }
}
