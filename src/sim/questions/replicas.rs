//! Questions about replicas that ask the leader: how, and what becomes of lost messages.

use std::time::Duration;

use anyhow::Result;
use raftlens_core::sim::AskRead;
use raftlens_viz::FlowGraph;

use super::stage::{KEY, Stage};

const ASKING: [&str; 2] = ["MsgReadIndex", "MsgReadIndexResp"];

/// The asking is lost: nobody but the replica itself can notice.
pub(super) fn replica_asks_again(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.begin();
    stage.hold("MsgReadIndex", 3, 1)?;
    let lost = stage.world.start_read(3, KEY, AskRead::Replica);
    stage.pass(5);
    stage.lose("MsgReadIndex", 3, 1)?;
    stage.world.wait(lost, Duration::from_millis(60));
    stage.picture(title, &ASKING, false)
}

/// Two reads wait on one replica, and the answer to the first one is lost.
pub(super) fn retry_pitfalls(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.begin();
    stage.hold("MsgReadIndexResp", 1, 3)?;
    let first = stage.world.start_read(3, KEY, AskRead::Replica);
    stage.pass(2);
    stage.lose("MsgReadIndexResp", 1, 3)?;
    stage.write(1, "v2")?;
    let second = stage.world.start_read(3, KEY, AskRead::Replica);
    stage.world.wait(second, Duration::from_millis(60));
    stage.world.wait(first, Duration::from_millis(60));
    stage.picture(title, &ASKING, false)
}

/// The leader has a lease: it answers at once.
pub(super) fn follower_read_by_lease(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.begin();
    stage.write(1, "v2")?;
    stage.read(3, AskRead::Replica);
    stage.picture(title, &ASKING, false)
}

/// Its lease is over: it asks its quorum first.
pub(super) fn follower_read_by_quorum(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.pass(100);
    stage.begin();
    stage.say(1, "its lease is over");
    stage.read(3, AskRead::Replica);
    let shown = ["MsgReadIndex", "MsgReadIndexResp", "MsgHeartbeat", "MsgHeartbeatResponse"];
    stage.picture(title, &shown, false)
}

/// Two reads of one request share a snapshot; the next request takes one of its own.
pub(super) fn one_snapshot_for_a_batch(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.begin();
    stage.write(1, "v2")?;
    let batch = stage.world.begin_batch(1);
    stage.say(1, "one request with two reads: one read id");
    stage.world.start_batch_read(1, KEY, &batch, false);
    stage.world.start_batch_read(1, KEY, &batch, true);
    stage.write(1, "v3")?;
    stage.say(1, "the next request: no snapshot is kept for it");
    stage.read(1, AskRead::Leader);
    stage.picture(title, &[], false)
}
