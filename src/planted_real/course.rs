//! The course of a real planted run: stores start and elect leaders, clients come, and at their times
//! the steps of the ailment happen.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use raftlens_core::sim::plant::{Ailment, Planted};
use raftlens_core::{Cluster, ClusterConfig, Tracer};
use raftlens_tracer::MemoryHandle;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::planted_real::fill::{SMALL_CACHE_BYTES, fill};
use crate::planted_real::load::{Kind, Load, STORES, leader};
use crate::planted_real::plan::plan;
use crate::planted_real::shape::{Filling, Shape};
use crate::planted_real::step::{Filters, Hop, Step};
use crate::propagation::OtelPropagator;

/// How long leaders may take to be elected before the run fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests come for so long before any is recorded, so that nothing is read for the first time.
const WARM_UP: Duration = Duration::from_millis(250);
/// The last steps of an ailment are at its end; what they set free is answered by then.
const FINAL: Duration = Duration::from_millis(300);

/// A run under way.
#[derive(Debug)]
pub(super) struct Course {
    seed: u64,
    shape: Shape,
    rng: SmallRng,
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) planted: Vec<Planted>,
}

impl Course {
    pub(super) fn new(seed: u64, shape: Shape, rng: SmallRng) -> Course {
        Course { seed, shape, rng }
    }

    /// Runs it in the folder `data`. What `memory` has afterwards are the traces from the first
    /// request after the warm-up on.
    pub(super) async fn run(mut self, data: &Path, memory: &MemoryHandle) -> Result<Ran> {
        let mut config = ClusterConfig::new(data, self.shape.split_keys());
        config.config = self.shape.config.clone();
        config.tracer = Tracer::new(OtelPropagator);
        config.seed = self.seed;
        if matches!(self.shape.filling, Filling::Values(_)) {
            config.block_cache_bytes = SMALL_CACHE_BYTES;
        }
        let cluster = Cluster::start(config).await.context("the cluster did not start")?;
        let ran = self.drive(&cluster, memory).await;
        // Also after a failure: nothing may go on in the folder.
        cluster.network().heal();
        cluster.stop().await;
        Ok(Ran { planted: ran? })
    }

    async fn drive(&mut self, cluster: &Cluster, memory: &MemoryHandle) -> Result<Vec<Planted>> {
        cluster.wait_for_leaders(PATIENCE).await.context("no leaders were elected")?;
        fill(cluster, self.shape.filling).await.context("the region could not be filled")?;
        let mut warm = self.load(cluster);
        let end = Instant::now() + WARM_UP;
        for region in 1..=self.shape.regions {
            warm.request(Kind::Write, region, 1);
            for store in 1..=STORES {
                warm.request(Kind::Replica, region, store);
            }
        }
        while Instant::now() < end {
            warm.arrive();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        warm.finish().await;
        drop(memory.take());
        let mut load = self.load(cluster);
        let planted = self.follow(cluster, &mut load).await;
        tokio::time::sleep(FINAL).await;
        load.finish().await;
        Ok(planted)
    }

    /// Clients of their own chance, so that they come as they do whatever is planted.
    fn load(&self, cluster: &Cluster) -> Load {
        let rng = SmallRng::seed_from_u64(self.seed ^ 0x10ad);
        Load::new(cluster.client(), self.shape.regions, rng)
    }

    /// Lets clients come, and the ailment. What it does is decided when it begins, by who leads then.
    async fn follow(&mut self, cluster: &Cluster, load: &mut Load) -> Vec<Planted> {
        let start = Instant::now();
        let mut coming = self.shape.ailment;
        let (mut steps, mut planted) = (VecDeque::<Step>::new(), Vec::<Planted>::new());
        let (mut filters, mut hop) = (Filters::default(), Hop::default());
        let (mut arrival, mut turn) = (Duration::ZERO, Duration::ZERO);
        loop {
            let begin = coming.map_or(Duration::MAX, |_| self.shape.ails_at);
            let step = steps.front().map_or(Duration::MAX, |step| step.at);
            let turns = self.shape.hop.map_or(Duration::MAX, |_| turn);
            let next = arrival.min(begin).min(step).min(turns);
            if next >= self.shape.lasts {
                // Whatever still ails is ended, so that the last requests are answered.
                steps.into_iter().for_each(|step| step.act.happen(cluster, load, &mut filters));
                hop.end(cluster);
                return planted;
            }
            tokio::time::sleep_until(start + next).await;
            if next == begin {
                let Some(ailment) = coming.take() else { continue };
                let (what, plan) = self.begin(ailment, cluster);
                let now_ns = now_ns();
                planted.push(Planted { span_ns: now_ns..now_ns, ..what });
                steps.extend(plan);
            } else if next == step {
                let Some(step) = steps.pop_front() else { continue };
                step.act.happen(cluster, load, &mut filters);
                if let Some(last) = planted.last_mut() {
                    last.span_ns.end = now_ns();
                }
            } else if next == turns {
                hop.turn(cluster);
                turn = start.elapsed() + self.shape.hop.unwrap_or_default();
            } else {
                load.arrive();
                arrival += load.next_gap();
            }
        }
    }

    /// What the ailment is, and its steps. The place is where the seed wants it.
    fn begin(&mut self, ailment: Ailment, cluster: &Cluster) -> (Planted, Vec<Step>) {
        let region = self.rng.random_range(1..=self.shape.regions);
        let leader = leader(cluster.pd(), region).unwrap_or(1);
        let planned = plan(ailment, &self.shape, (region, leader), &mut self.rng);
        let (node, strength_ns) = (planned.store, planned.strength.as_nanos() as u64);
        let planted = Planted { ailment, node, region, span_ns: 0..0, strength_ns };
        (planted, planned.steps)
    }
}

/// Nanoseconds since 1970, as the traces have them.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
