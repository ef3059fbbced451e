//! Questions about reads that join a pending one, and about the suspicion that forbids it.

use anyhow::Result;
use raftlens_core::sim::AskRead;
use raftlens_core::{Rule, Rules};
use raftlens_viz::FlowGraph;

use super::stage::{KEY, Stage};

const ROUND: [&str; 2] = ["MsgHeartbeat", "MsgHeartbeatResponse"];

/// Two reads, one round.
pub(super) fn read_joins_a_young_carrier(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.pass(90);
    stage.begin();
    stage.world.start_read(1, KEY, AskRead::Leader);
    stage.world.start_read(1, KEY, AskRead::Leader);
    stage.pass(2);
    stage.picture(title, &ROUND, false)
}

/// A carrier whose acknowledgements are late, and a read that comes more than a lease behind it.
pub(super) fn read_joins_an_old_carrier(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|config| config.rules = Rules::ALL_ON.without(Rule::B1))?;
    stage.pass_to_a_fresh_quorum_window();
    stage.begin();
    for voter in [2, 3] {
        stage.hold("MsgHeartbeatResponse", voter, 1)?;
    }
    stage.pass(1);
    stage.world.start_read(1, KEY, AskRead::Quorum);
    stage.pass(2);
    stage.say(1, "is cut off; what has been said to it is on its way");
    for voter in [2, 3] {
        stage.hold("*", voter, 1)?;
        stage.world.cut(1, voter);
    }
    let other = stage.elect_another()?;
    stage.write(other, "v2")?;
    stage.world.start_read(1, KEY, AskRead::Quorum);
    stage.pass(1);
    stage.say(1, "the old acknowledgements arrive: a quorum");
    for voter in [2, 3] {
        stage.release("MsgHeartbeatResponse", voter, 1)?;
    }
    stage.pass(5);
    stage.picture(title, &[], true)
}

/// The suspicion is lifted by a read, and MsgTimeoutNow arrives after that.
pub(super) fn suspect_is_not_expired(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|config| config.rules = Rules::ALL_ON.without(Rule::L5a))?;
    stage.pass_to_a_fresh_quorum_window();
    stage.write(1, "v2")?;
    stage.begin();
    stage.hold("MsgTimeoutNow", 1, 2)?;
    stage.world.transfer(1, 2);
    stage.pass(1);
    stage.read(1, AskRead::Quorum);
    stage.say(1, "is cut off; only MsgTimeoutNow is on its way");
    stage.world.isolate(1);
    stage.world.mend(1, 2);
    stage.release("MsgTimeoutNow", 1, 2)?;
    stage.world.cut(1, 2);
    let other = stage.elect_another()?;
    stage.write(other, "v3")?;
    stage.read(1, AskRead::Leader);
    stage.picture(title, &["MsgTimeoutNow"], true)
}

/// A transfer makes the lease suspect; a read joins the carrier of before, whose acknowledgements
/// are late.
pub(super) fn no_joining_while_suspect(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|config| config.rules = Rules::ALL_ON.without(Rule::B2))?;
    stage.pass_to_a_fresh_quorum_window();
    stage.write(1, "v2")?;
    stage.begin();
    for voter in [2, 3] {
        stage.hold("MsgHeartbeatResponse", voter, 1)?;
    }
    stage.world.start_read(1, KEY, AskRead::Quorum);
    stage.pass(2);
    for voter in [2, 3] {
        stage.hold("*", voter, 1)?;
    }
    stage.world.transfer(1, 2);
    let other = stage.elect_another()?;
    stage.write(other, "v3")?;
    stage.world.start_read(1, KEY, AskRead::Quorum);
    stage.pass(1);
    stage.say(1, "the old acknowledgements arrive: a quorum");
    for voter in [2, 3] {
        stage.release("MsgHeartbeatResponse", voter, 1)?;
    }
    stage.pass(5);
    stage.picture(title, &["MsgTimeoutNow"], true)
}
