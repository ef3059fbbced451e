//! Questions about what calls what: answered by the calls of a few simulated reads.

use anyhow::Result;
use raftlens_core::sim::AskRead;
use raftlens_viz::{FlowGraph, Options};

use super::stage::Stage;

/// Draws the calls among these functions and branches.
fn calls(
    title: &str,
    boxes: &[&str],
    mut stage: Stage,
    reads: fn(&mut Stage) -> Result<()>,
) -> Result<FlowGraph> {
    let traces = stage.recorded(reads)?;
    let options = Options {
        title: title.to_owned(),
        boxes: Some(boxes.iter().map(|name| (*name).to_owned()).collect()),
        ..Options::default()
    };
    Ok(FlowGraph::from_trace(&traces, &options)?)
}

/// A read in the lease, and one when it is over: both pass the check.
pub(super) fn lease_check_of_the_reader(title: &str) -> Result<FlowGraph> {
    let boxes = [
        "LocalReader::propose_raft_command",
        "LocalReader::pre_propose_raft_command",
        "LocalReader::inspect",
        "ReadDelegate::is_in_leader_lease",
        "ReadDelegate::execute",
        "Callback::invoke_read",
        "LocalReader::redirect",
    ];
    calls(title, &boxes, Stage::new(|_| ())?, |stage| {
        stage.write(1, "v2")?;
        stage.read(1, AskRead::Leader);
        stage.pass(90);
        stage.read(1, AskRead::Leader);
        Ok(())
    })
}

/// A read that the reader thread answers, one that it does not dare and the raft thread does, and
/// one that neither dares.
pub(super) fn in_lease_and_read_local(title: &str) -> Result<FlowGraph> {
    let boxes = [
        "ReadDelegate::is_in_leader_lease",
        "ReadDelegate::execute",
        "LocalReader::redirect",
        "Peer::propose",
        "Peer::inspect",
        "Peer::inspect_lease",
        "LeaseState::Valid",
        "LeaseState::Expired",
        "RequestPolicy::ReadLocal",
        "RequestPolicy::ReadIndex",
        "Peer::read_local",
        "Peer::read_index",
    ];
    calls(title, &boxes, Stage::new(|_| ())?, |stage| {
        stage.pass(100);
        stage.write(1, "v2")?;
        stage.read(1, AskRead::Leader);
        // A renewal soon after another one is not told to the readers.
        stage.pass(15);
        stage.write(1, "v3")?;
        stage.pass(78);
        stage.read(1, AskRead::Leader);
        stage.pass(10);
        stage.read(1, AskRead::Leader);
        stage.pass(5);
        Ok(())
    })
}
