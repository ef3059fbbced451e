//! Questions about what calls what: answered by the calls of a few simulated reads.

use anyhow::Result;
use raftlens_core::sim::AskRead;
use raftlens_tracer::model::TraceSet;
use raftlens_viz::{Arrow, BoxId, FlowBox, FlowGraph, Latency, Options};

use super::stage::Stage;

/// Draws the calls among these functions and branches: how often, not how long, since simulated
/// functions take no time.
fn calls(title: &str, boxes: &[&str], traces: &TraceSet) -> Result<FlowGraph> {
    let options = Options {
        title: title.to_owned(),
        boxes: Some(boxes.iter().map(|name| (*name).to_owned()).collect()),
        ..Options::default()
    };
    let timed = FlowGraph::from_trace(traces, &options)?;
    let mut graph = FlowGraph::new(title);
    // Without lines: a picture that is kept must not change when code above it does.
    let ids: Vec<BoxId> = timed
        .boxes()
        .map(|(_, it)| FlowBox { latency: Latency::new(), line: None, ..it.clone() })
        .map(|flow_box| graph.add_box(flow_box))
        .collect();
    for (_, from, to, arrow) in timed.arrows() {
        let arrow = Arrow { latency: Latency::new(), ..arrow.clone() };
        graph.add_arrow(ids[from.index()], ids[to.index()], arrow);
    }
    Ok(graph)
}

/// A read in the lease, and one when it is over: both pass the check.
pub(super) fn lease_check_of_the_reader(title: &str) -> Result<FlowGraph> {
    let boxes = [
        "LocalReader::propose_raft_command",
        "LocalReader::pre_propose_raft_command",
        "ReadDelegate::is_in_leader_lease",
        "ReadDelegate::execute",
        "LocalReader::redirect",
    ];
    let mut stage = Stage::new(|_| ())?;
    let recorder = stage.recorder();
    stage.write(1, "v2")?;
    recorder.record(|| stage.read(1, AskRead::Leader));
    stage.pass(90);
    recorder.record(|| stage.read(1, AskRead::Leader));
    calls(title, &boxes, &recorder.take("raftlens sim"))
}

/// A read that the reader thread answers, one that it does not dare and the raft thread does, and
/// one that neither dares.
pub(super) fn in_lease_and_read_local(title: &str) -> Result<FlowGraph> {
    let boxes = [
        "LocalReader::propose_raft_command",
        "ReadDelegate::is_in_leader_lease",
        "ReadDelegate::execute",
        "LocalReader::redirect",
        "RaftRouter::send",
        "Peer::propose",
        "Peer::inspect",
        "Peer::inspect_lease",
        "LeaseState::Valid",
        "LeaseState::Expired",
        "RequestPolicy::ReadLocal",
        "RequestPolicy::ReadIndex",
    ];
    let mut stage = Stage::new(|_| ())?;
    let recorder = stage.recorder();
    stage.pass(100);
    stage.write(1, "v2")?;
    recorder.record(|| stage.read(1, AskRead::Leader));
    // A renewal soon after another one is not told to the readers.
    stage.pass(15);
    stage.write(1, "v3")?;
    stage.pass(78);
    recorder.record(|| stage.read(1, AskRead::Leader));
    stage.pass(10);
    recorder.record(|| stage.read(1, AskRead::Leader));
    calls(title, &boxes, &recorder.take("raftlens sim"))
}
