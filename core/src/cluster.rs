//! An embedded cluster: several stores in one process, each with its own RocksDB, joined by a
//! network whose messages can be held and dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::client::Client;
use crate::clock::{Clock, MonotonicRawClock};
use crate::config::Config;
use crate::engine::{BlockCache, Engine, RocksEngine};
use crate::error::Error;
use crate::ids::{RegionId, StoreId};
use crate::pd::Pd;
use crate::raft_kv::RaftKv;
use crate::region::{PeerMeta, PeerRole, Region, RegionEpoch};
use crate::store::{Store, StoreConfig, StoreError};
use crate::trace_context::Tracer;
use crate::transport::LocalNetwork;

/// The doors of the stores that run, shared with clients.
pub(crate) type Doors = Arc<RwLock<BTreeMap<StoreId, RaftKv<RocksEngine>>>>;

/// How much all stores of a cluster together keep of what they have read from disk.
const BLOCK_CACHE_BYTES: usize = 64 << 20;

/// What a cluster is made of.
#[derive(Clone)]
pub struct ClusterConfig {
    /// The folder that holds one folder for each store.
    pub path: PathBuf,
    /// How many stores, with ids from 1.
    pub stores: u64,
    /// The keys at which the key space is split: one region more than keys.
    pub split_keys: Vec<Vec<u8>>,
    /// Ticks, lease and the like.
    pub config: Config,
    /// The clock of all stores.
    pub clock: Arc<dyn Clock>,
    /// Carries traces across queues and stores.
    pub tracer: Tracer,
    /// Memory for blocks read from disk, which the stores share, in bytes.
    pub block_cache_bytes: usize,
    /// Decides election timeouts and read ids.
    pub seed: u64,
}

impl ClusterConfig {
    /// Three stores with one region each led by another one, on the machine's clock.
    pub fn new(path: impl Into<PathBuf>, split_keys: Vec<Vec<u8>>) -> Self {
        ClusterConfig {
            path: path.into(),
            stores: 3,
            split_keys,
            config: Config::default(),
            clock: Arc::new(MonotonicRawClock),
            tracer: Tracer::default(),
            block_cache_bytes: BLOCK_CACHE_BYTES,
            seed: 0,
        }
    }

    /// The regions of a new cluster, each with a replica on every store.
    fn regions(&self) -> Vec<Region> {
        let bounds: Vec<Vec<u8>> = std::iter::once(Vec::new())
            .chain(self.split_keys.iter().cloned())
            .chain(std::iter::once(Vec::new()))
            .collect();
        let region = |(number, range): (usize, &[Vec<u8>])| {
            let id = number as u64 + 1;
            // Peer ids are unique in the cluster: 11, 12, 13 for region 1.
            let peer = |store_id| PeerMeta {
                id: id * 10 + store_id,
                store_id,
                role: PeerRole::Voter as i32,
                is_witness: false,
            };
            Region {
                id,
                start_key: range[0].clone(),
                end_key: range[1].clone(),
                epoch: RegionEpoch { conf_ver: 1, version: 1 },
                peers: (1..=self.stores).map(peer).collect(),
                is_in_flashback: false,
            }
        };
        bounds.windows(2).enumerate().map(region).collect()
    }
}

/// A running embedded cluster.
pub struct Cluster {
    config: ClusterConfig,
    regions: Vec<Region>,
    stores: BTreeMap<StoreId, Store>,
    doors: Doors,
    network: LocalNetwork<<RocksEngine as Engine>::Snapshot>,
    pd: Pd,
    block_cache: BlockCache,
    /// Counts starts, so that no store gets the same read ids twice.
    starts: u64,
}

impl Cluster {
    /// Starts every store on the current tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`] of the first store that does not start; the others are stopped again.
    pub async fn start(config: ClusterConfig) -> Result<Cluster, StoreError> {
        let regions = config.regions();
        let pd = Pd::new(regions.iter().cloned());
        let mut cluster = Cluster {
            regions,
            stores: BTreeMap::new(),
            doors: Doors::default(),
            network: LocalNetwork::default(),
            pd,
            block_cache: BlockCache::new(config.block_cache_bytes),
            starts: 0,
            config,
        };
        for id in 1..=cluster.config.stores {
            if let Err(error) = cluster.start_store(StoreId(id)) {
                cluster.stop().await;
                return Err(error);
            }
        }
        // The first leaders need not be left to chance.
        for region in &cluster.regions {
            let store = StoreId((region.id - 1) % cluster.config.stores + 1);
            if let Some(store) = cluster.stores.get(&store) {
                store.campaign(region.region_id());
            }
        }
        Ok(cluster)
    }

    /// Starts a store that does not run, on the data that it has left.
    ///
    /// # Errors
    /// [`StoreError`]; the rest of the cluster goes on.
    pub fn start_store(&mut self, id: StoreId) -> Result<(), StoreError> {
        self.starts += 1;
        let store = StoreConfig {
            store_id: id,
            cluster_id: 1,
            path: self.config.path.join(format!("store-{id}")),
            config: self.config.config.clone(),
            regions: self.regions.clone(),
            clock: Arc::clone(&self.config.clock),
            block_cache: self.block_cache.clone(),
            tracer: self.config.tracer.clone(),
            pd: self.pd.clone(),
            seed: self.config.seed.wrapping_mul(1_000_003) ^ (id.0 << 32) ^ self.starts,
        };
        let store = Store::start(store, &self.network)?;
        self.doors.write().unwrap_or_else(PoisonError::into_inner).insert(id, store.kv());
        self.stores.insert(id, store);
        Ok(())
    }

    /// Stops a store as a crash would. Its data stays.
    pub async fn stop_store(&mut self, id: StoreId) {
        self.doors.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(store) = self.stores.remove(&id) {
            store.stop().await;
        }
    }

    /// Stops all stores.
    pub async fn stop(mut self) {
        let ids: Vec<_> = self.stores.keys().copied().collect();
        for id in ids {
            self.stop_store(id).await;
        }
    }

    /// A client of the cluster.
    pub fn client(&self) -> Client {
        let deadline = self.config.config.deadline;
        Client::new(Arc::clone(&self.doors), self.pd.clone(), deadline)
    }

    /// A running store.
    pub fn store(&self, id: StoreId) -> Option<&Store> {
        self.stores.get(&id)
    }

    /// The network between the stores.
    pub fn network(&self) -> &LocalNetwork<<RocksEngine as Engine>::Snapshot> {
        &self.network
    }

    /// The regions and their leaders.
    pub fn pd(&self) -> &Pd {
        &self.pd
    }

    /// Waits until every region has a leader that answers reads.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`] when that takes longer than `limit`, or what no asking again can
    /// change.
    pub async fn wait_for_leaders(&self, limit: Duration) -> Result<(), Error> {
        let client = self.client();
        let ready = async {
            for region in &self.regions {
                // A client gives up at its own deadline; here only `limit` counts.
                while let Err(error) = client.get(&region.start_key).await {
                    if !error.is_retryable() {
                        return Err(error);
                    }
                }
            }
            Ok(())
        };
        let give_up = Error::DeadlineExceeded {
            region: RegionId(0),
            waited_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        };
        tokio::time::timeout(limit, ready).await.unwrap_or(Err(give_up))
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({:?}, {:?})", self.stores.keys().collect::<Vec<_>>(), self.pd)
    }
}
