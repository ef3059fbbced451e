//! What a script can do inside a node: set its election timeouts, and stop a read between its steps.

use crate::callback::{Callback, Place};
use crate::command::RaftCmdRequest;
use crate::ids::RegionId;
use crate::local_reader::{Asked, Checked};
use crate::sim::requests::{AskRead, OpId, Request, What};
use crate::sim::waiting::Receiver;
use crate::sim::world::World;

/// A read on a reader's thread that has passed its checks, and stands still before its snapshot.
pub struct StoppedRead {
    op: OpId,
    request: RaftCmdRequest,
    checked: Checked,
}

impl std::fmt::Debug for StoppedRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoppedRead({})", self.op)
    }
}

impl World {
    /// Sets after how many ticks of silence a node's replica of a region campaigns, until its role
    /// or its term changes.
    pub fn set_election_timeout(&mut self, node: u64, region: u64, ticks: usize) {
        let running = self.node_mut(node).running.as_mut();
        let Some(running) = running else { return };
        if let Some(fsm) = running.fsms.get_mut(&RegionId(region)) {
            fsm.peer.set_election_timeout(&running.ctx.config, ticks);
        }
    }

    /// From now on nothing is wrong: a read that is ended by its deadline long after is one that was
    /// lost.
    pub fn calm_down(&mut self) {
        let now_ns = self.now_ns();
        self.nemesis.calms_down(now_ns);
    }

    /// Asks a node's leader to read, and stops the read once its checks are done, before it takes
    /// its snapshot. `None` if the node does not run.
    pub fn start_read_and_stop(&mut self, node: u64, key: &[u8]) -> Option<StoppedRead> {
        let region = self.region_for(key);
        self.run_until(self.now_ns() + 1);
        let request = Request::new(node, region, key, What::Read(AskRead::Leader));
        let op = self.new_request(request);
        self.note_request(op);
        let request = self.command(self.request(op))?;
        let door = self.node(node).running.as_ref()?.doors.first()?;
        let checked = door.router().reader().check(&request);
        Some(StoppedRead { op, request, checked })
    }

    /// Lets a stopped read go on.
    pub fn go_on_with(&mut self, stopped: StoppedRead) -> OpId {
        self.run_until(self.now_ns() + 1);
        let StoppedRead { op, request, checked } = stopped;
        self.await_one_answer(op);
        let (node, region) = (self.request(op).node, RegionId(self.request(op).region));
        let (callback, receiver) = Callback::read(region);
        if let Some(running) = &self.node(node).running {
            let deadline = Some(self.config.core.deadline);
            let place = &mut Place::Gone;
            let asked = Asked { request: &request, read_id: None, place, callback, deadline };
            running.doors[0].router().reader().answer(checked, asked);
        }
        self.wait_for(op, Receiver::Read(receiver, tracing::Span::none()));
        op
    }
}
