//! The stage of a question: three nodes, n1 leads, the key `k` is `v1` everywhere, and nothing renews
//! a lease but what the script does.

use std::time::Duration;

use anyhow::{Result, bail};
use raftlens_core::Tracer;
use raftlens_core::sim::{AskRead, MessagePattern, OpId, OpResult, SimConfig, World};
use raftlens_tracer::simulated::Recorder;
use raftlens_viz::FlowGraph;

use crate::sim::propagation::RecordedPropagator;
use crate::sim::scripted::{Shown, told};

pub(super) const KEY: &[u8] = b"k";
/// With this seed the election timeouts of n2 and n3 leave n1 some time as a deposed leader.
const SEED: u64 = 7;
const SECOND_NS: u64 = 1_000_000_000;

/// A world on which a script plays.
pub(super) struct Stage {
    pub(super) world: World,
    /// From when on the story is told.
    since_ns: u64,
}

impl Stage {
    pub(super) fn new(change: impl FnOnce(&mut SimConfig)) -> Result<Stage> {
        let mut config = SimConfig::scripted(SEED);
        config.core.renew_lease_by_tick = false;
        config.tracer = Tracer::new(RecordedPropagator);
        change(&mut config);
        let mut world = World::new_unchecked(config)?;
        world.elect(1, 1)?;
        let mut stage = Stage { world, since_ns: 0 };
        stage.write(1, "v1")?;
        // Commit indexes get around with the next heartbeats.
        stage.pass(25);
        Ok(stage)
    }

    /// The story begins here.
    pub(super) fn begin(&mut self) {
        self.since_ns = self.world.now_ns();
        self.world.keep_story(self.since_ns..u64::MAX);
    }

    /// Lets so many milliseconds pass.
    pub(super) fn pass(&mut self, ms: u64) {
        self.world.run_for(Duration::from_millis(ms));
    }

    /// Runs to where the leader has just found its quorum alive, so that it remains one for the
    /// better part of two election timeouts when it is cut off.
    pub(super) fn pass_to_a_fresh_quorum_window(&mut self) {
        let next = self.world.now_ns().next_multiple_of(SECOND_NS / 10);
        self.world.run_until(next + 15_000_000);
    }

    pub(super) fn say(&mut self, node: u64, words: &str) {
        self.world.remark(Some(node), words);
    }

    pub(super) fn hold(&mut self, kind: &str, from: u64, to: u64) -> Result<()> {
        self.world.hold(MessagePattern::parse(kind)?, from, to);
        Ok(())
    }

    pub(super) fn release(&mut self, kind: &str, from: u64, to: u64) -> Result<()> {
        self.world.release(MessagePattern::parse(kind)?, from, to);
        Ok(())
    }

    pub(super) fn lose(&mut self, kind: &str, from: u64, to: u64) -> Result<()> {
        self.world.drop_held(MessagePattern::parse(kind)?, from, to);
        Ok(())
    }

    /// Writes, and waits until it is acknowledged.
    pub(super) fn write(&mut self, node: u64, value: &str) -> Result<OpId> {
        let op = self.world.start_write(node, KEY, value.as_bytes());
        match self.world.wait(op, Duration::from_millis(20)) {
            OpResult::Written => Ok(op),
            other => bail!("writing {value} on n{node}: {other:?}"),
        }
    }

    /// Reads, and waits for the answer for a while.
    pub(super) fn read(&mut self, node: u64, ask: AskRead) -> OpId {
        let op = self.world.start_read(node, KEY, ask);
        self.world.wait(op, Duration::from_millis(20));
        op
    }

    /// Waits until another node than n1 leads, by its own election timeout.
    pub(super) fn elect_another(&mut self) -> Result<u64> {
        let leader = |world: &World| {
            [2, 3].into_iter().find(|node| world.replica(*node, 1).is_some_and(|it| it.is_leader))
        };
        self.world.run_while(Duration::from_millis(400), |world| leader(world).is_some());
        match leader(&self.world) {
            Some(node) => Ok(node),
            None => bail!("nobody else was elected"),
        }
    }

    /// The picture of what has happened since the beginning: everything asked, every change of
    /// leaders, every suspicion, what the script says, and the messages of some types. If clients
    /// have seen a contradiction, its arrow is red; whether they have must be as `is_wrong` says.
    pub(super) fn picture(
        mut self,
        title: &str,
        shown: Shown<'_>,
        is_wrong: bool,
    ) -> Result<FlowGraph> {
        let is_sound = self.world.check_history();
        if is_sound == is_wrong {
            bail!("{title}: the experiment came out otherwise: {:?}", self.world.violations());
        }
        let story = self.world.story();
        let picture = told(&self.world, &story, self.since_ns, shown);
        Ok(picture.graph(title))
    }

    /// What records the spans of this world.
    pub(super) fn recorder(&self) -> Recorder {
        let time = self.world.true_time();
        Recorder::new(move || time.now_ns(), 0..u64::MAX)
    }
}
