//! Questions about leaders: what a new one may read, what an old one still owes.

use std::time::Duration;

use anyhow::Result;
use raftlens_core::sim::AskRead;
use raftlens_core::{Consistency, Rule, Rules};
use raftlens_viz::FlowGraph;

use super::stage::{KEY, Stage};

/// n2 has the entry of v2 but does not know that it is committed, and becomes the leader.
pub(super) fn commit_index_of_a_new_leader(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|config| {
        config.rules = Rules::ALL_ON.without(Rule::T1);
        config.core.consistency = Consistency::Tikv;
    })?;
    stage.begin();
    stage.write(1, "v2")?;
    // Its own first entry, which would tell it, goes nowhere yet.
    stage.hold("MsgAppend", 2, 1)?;
    stage.hold("MsgAppend", 2, 3)?;
    stage.world.transfer(1, 2);
    stage.elect_another()?;
    stage.say(2, "its first entry is on its way: it has not learned what is committed");
    stage.read(2, AskRead::Leader);
    stage.picture(title, &["MsgTimeoutNow"], true)
}

/// The apply loop of the leader stands still, and a write is acknowledged when it is committed.
pub(super) fn leader_waits_for_the_term_only(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|config| {
        config.rules = Rules::ALL_ON.without(Rule::T5);
        config.core.consistency = Consistency::Tikv;
    })?;
    stage.begin();
    stage.say(1, "its apply loop stands still");
    stage.world.pause_apply(1);
    stage.write(1, "v2")?;
    stage.read(1, AskRead::Leader);
    stage.picture(title, &[], true)
}

/// A replica applies a write, and shows it, before the leader does.
pub(super) fn mixed_reads(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|config| config.core.consistency = Consistency::Tikv)?;
    stage.begin();
    stage.say(1, "its apply loop stands still");
    stage.world.pause_apply(1);
    stage.world.start_write(1, KEY, b"v2");
    stage.pass(25);
    stage.read(3, AskRead::Replica);
    stage.read(1, AskRead::Leader);
    stage.picture(title, &["MsgReadIndex", "MsgReadIndexResp"], true)
}

/// A read waits for its quorum when its leader is deposed.
pub(super) fn role_change_clears_reads(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.pass_to_a_fresh_quorum_window();
    stage.begin();
    stage.hold("MsgHeartbeatResponse", 2, 1)?;
    stage.hold("MsgHeartbeatResponse", 3, 1)?;
    let waiting = stage.world.start_read(1, KEY, AskRead::Quorum);
    stage.pass(2);
    stage.world.transfer(1, 2);
    stage.world.wait(waiting, Duration::from_millis(50));
    stage.elect_another()?;
    stage.pass(2);
    stage.read(2, AskRead::Leader);
    stage.picture(title, &["MsgHeartbeat", "MsgTimeoutNow"], false)
}
