//! What a script can do to a world, one call for each line of it, and what it can ask.
//!
//! Nodes and regions go by their numbers, from 1. A node that there is not is a mistake of the
//! script and panics: whoever reads scripts from a file checks their numbers against
//! [`World::nodes`].

use std::time::Duration;

use crate::clock::Clock;
use crate::engine::{Engine, Family};
use crate::error::Error;
use crate::ids::RegionId;
use crate::lease::LeaseState;
use crate::message::{CasualMessage, PeerMsg};
use crate::sim::clock::{SimClock, whole_ns};
use crate::sim::disk::Room;
use crate::sim::network::{MessageLine, MessagePattern, NetworkCounts};
use crate::sim::node::PollStage;
use crate::sim::oracle::{Invariant, linearizability};
use crate::sim::queue::Event;
use crate::sim::requests::{AskRead, OpId, OpResult, Request, What};
use crate::sim::world::World;
use crate::snap_cache::ThreadReadId;

/// Time.
impl World {
    /// Lets everything happen until the true time `until_ns`.
    pub fn run_until(&mut self, until_ns: u64) {
        while self.step(until_ns) {}
    }

    /// Lets everything happen for a span of true time.
    pub fn run_for(&mut self, span: Duration) {
        let span_ns = whole_ns(span);
        self.run_until(self.now_ns().saturating_add(span_ns));
    }

    /// Runs until `done` says so, for `limit` at most; whether it did.
    pub fn run_while(&mut self, limit: Duration, mut done: impl FnMut(&World) -> bool) -> bool {
        let limit_ns = whole_ns(limit);
        let until_ns = self.now_ns().saturating_add(limit_ns);
        while !done(self) {
            if !self.step(until_ns) {
                return done(self);
            }
        }
        true
    }
}

/// The network.
impl World {
    /// Holds back messages of a type between two nodes, from now on. Others overtake them.
    pub fn hold(&mut self, pattern: MessagePattern, from: u64, to: u64) {
        self.network.hold(pattern, from, to);
    }

    /// Ends a hold, and lets what it held back go, in its order; how many that were.
    pub fn release(&mut self, pattern: MessagePattern, from: u64, to: u64) -> usize {
        let released = self.network.end_hold(pattern, from, to);
        let (count, now_ns) = (released.len(), self.now_ns());
        let World { network, rng, queue, incarnations, .. } = self;
        for message in released {
            network.release(now_ns, rng, message, &mut |at_ns, message| {
                let incarnation = incarnations[message.to.store_id as usize - 1];
                let message = Box::new(message);
                queue.push(at_ns, Event::Deliver { message, incarnation });
            });
        }
        count
    }

    /// Ends a hold, and loses what it held back; how many that were.
    pub fn drop_held(&mut self, pattern: MessagePattern, from: u64, to: u64) -> usize {
        let lost = self.network.end_hold(pattern, from, to);
        lost.iter().for_each(|message| self.story.lost(message));
        lost.len()
    }

    /// What is held back, each in its printed form.
    pub fn held(&self) -> Vec<String> {
        self.network.parked().map(|message| MessageLine(message).to_string()).collect()
    }

    /// Loses all messages from one node to another one, not those back.
    pub fn cut(&mut self, from: u64, to: u64) {
        self.network.edge(from, to).cuts = 1;
    }

    /// Lets messages from one node to another one through again.
    pub fn mend(&mut self, from: u64, to: u64) {
        self.network.edge(from, to).cuts = 0;
    }

    /// Makes messages from one node to another one take so much longer; zero ends that.
    pub fn slow(&mut self, from: u64, to: u64, extra: Duration) {
        let extra_ns = whole_ns(extra);
        self.network.edge(from, to).extra_ns = extra_ns;
    }

    /// Loses all messages to and from a node.
    pub fn isolate(&mut self, node: u64) {
        for other in (1..=self.nodes.len() as u64).filter(|other| *other != node) {
            self.cut(node, other);
            self.cut(other, node);
        }
    }

    /// Ends every fault of the network; what is held back stays so.
    pub fn heal(&mut self) {
        self.network.heal();
    }

    /// What the network has done so far.
    pub fn network_counts(&self) -> NetworkCounts {
        self.network.counts
    }
}

/// Nodes.
impl World {
    /// Stops a node's raft thread; its readers, its apply loop and its ticks go on.
    pub fn pause_raft(&mut self, node: u64) {
        self.node_mut(node).paused_raft += 1;
    }

    /// Lets a node's raft thread go on: what has come meanwhile is one batch.
    pub fn resume_raft(&mut self, id: u64) {
        let now_ns = self.now_ns();
        let node = self.node_mut(id);
        node.paused_raft = node.paused_raft.saturating_sub(1);
        if node.paused_raft > 0 {
            return;
        }
        let incarnation = node.incarnation;
        if let Some(running) = &mut node.running
            && running.stage == PollStage::PersistedWhilePaused
        {
            running.stage = PollStage::Persisting;
            self.queue.push(now_ns, Event::Persisted { node: id, incarnation });
        }
        self.wake(id);
    }

    /// Stops a node's apply loop.
    pub fn pause_apply(&mut self, node: u64) {
        self.node_mut(node).paused_apply += 1;
    }

    /// Lets a node's apply loop go on.
    pub fn resume_apply(&mut self, node: u64) {
        let paused = &mut self.node_mut(node).paused_apply;
        *paused = paused.saturating_sub(1);
        self.plan_apply(node);
    }

    /// Stops a node's reader threads: reads asked of it wait, and so do the next parts of batches.
    pub fn pause_reader(&mut self, node: u64) {
        self.node_mut(node).paused_reader += 1;
    }

    /// Lets a node's reader threads go on.
    pub fn resume_reader(&mut self, id: u64) {
        let node = self.node_mut(id);
        node.paused_reader = node.paused_reader.saturating_sub(1);
        if node.paused_reader == 0 {
            let waiting = std::mem::take(&mut node.waiting_reads);
            waiting.into_iter().for_each(|op| self.submit(op));
        }
    }

    /// A node loses its power, and some or all of what was not synced.
    pub fn crash(&mut self, node: u64) {
        self.crash_node(node);
    }

    /// Starts a node that has crashed. One that does not start is a violation, unless its disk is
    /// full.
    pub fn restart(&mut self, node: u64) {
        if let Err(error) = self.start_node(node) {
            if matches!(error, Error::DiskFull(_)) {
                return self.note(node, "stops", "its disk is full");
            }
            let words = format!("n{node} does not start: {error}");
            self.violate(Invariant::StoreStopped, words, Vec::new());
        }
    }

    /// Makes synced writes of a node take so much longer; zero ends that.
    pub fn stall_disk(&mut self, node: u64, extra: Duration) {
        self.node_mut(node).disk_extra_ns = whole_ns(extra);
    }

    /// Makes a snapshot of a node's engine take its readers so long; zero ends that.
    pub fn slow_snapshots(&mut self, node: u64, span: Duration) {
        self.node_mut(node).hardship.snapshot_ns = whole_ns(span);
    }

    /// Makes each get and each scan of a node's readers fetch so many blocks, which take so long
    /// each; zero ends that.
    pub fn lose_cache(&mut self, node: u64, blocks: u64, each: Duration) {
        let hardship = &mut self.node_mut(node).hardship;
        (hardship.blocks, hardship.block_ns) = (blocks, whole_ns(each));
    }

    /// Makes each scan of a node's readers pass so many deleted keys, which take so long each; zero
    /// ends that.
    pub fn litter(&mut self, node: u64, tombstones: u64, each: Duration) {
        let hardship = &mut self.node_mut(node).hardship;
        (hardship.tombstones, hardship.tombstone_ns) = (tombstones, whole_ns(each));
    }

    /// Makes each round of a region take a node's raft thread so long, which then serves no other
    /// region; zero ends that.
    pub fn burden_raft(&mut self, node: u64, region: u64, span: Duration) {
        let span_ns = whole_ns(span);
        let burdens = &mut self.node_mut(node).burdens;
        match span_ns {
            0 => burdens.remove(&RegionId(region)),
            _ => burdens.insert(RegionId(region), span_ns),
        };
    }

    /// Fills a node's disk up, or frees room on it. A store that had stopped has to be started.
    pub fn set_disk_room(&mut self, node: u64, room: Room) {
        self.node(node).disk.set_room(room);
    }

    /// Whether a node's store runs.
    pub fn is_running(&self, node: u64) -> bool {
        self.node(node).running.is_some()
    }

    /// A node's clock.
    pub fn clock(&self, node: u64) -> &SimClock {
        &self.node(node).clock
    }

    /// Lets a node's replica of a region campaign.
    pub fn campaign(&mut self, node: u64, region: u64) {
        if let Some(running) = &self.node(node).running {
            running.router.post(RegionId(region), PeerMsg::Casual(CasualMessage::Campaign));
        }
        self.wake(node);
    }
}

/// Requests. Each is tried once, and submitted a nanosecond later than whatever was before: moments
/// that are equal order nothing, and a script's lines are meant to be in order.
impl World {
    /// Asks the leader of a region to hand over to the replica on `to`.
    pub fn transfer(&mut self, region: u64, to: u64) -> OpId {
        let from = self.leader(region).unwrap_or(to);
        let to = self.peer_meta(region, to).map(|peer| peer.peer_id()).unwrap_or_default();
        self.ask(Request::new(from, region, b"", What::Transfer(to)))
    }

    /// Asks a node to write a value, which must be a new one.
    pub fn start_write(&mut self, node: u64, key: &[u8], value: &[u8]) -> OpId {
        let region = self.region_for(key);
        self.ask(Request::new(node, region, key, What::Write(value.to_vec())))
    }

    /// Asks a node to read.
    pub fn start_read(&mut self, node: u64, key: &[u8], ask: AskRead) -> OpId {
        let region = self.region_for(key);
        self.ask(Request::new(node, region, key, What::Read(ask)))
    }

    /// A name for a batch of reads on a node.
    pub fn begin_batch(&self, node: u64) -> ThreadReadId {
        ThreadReadId::new(self.node(node).clock.as_ref())
    }

    /// Asks a node for a read of a batch; the last one lets the batch's snapshot go.
    pub fn start_batch_read(
        &mut self,
        node: u64,
        key: &[u8],
        batch: &ThreadReadId,
        is_last: bool,
    ) -> OpId {
        let region = self.region_for(key);
        let request = Request::new(node, region, key, What::Read(AskRead::Leader));
        self.ask(Request { batch: Some((batch.clone(), is_last)), ..request })
    }

    pub(super) fn ask(&mut self, request: Request) -> OpId {
        self.run_until(self.now_ns() + 1);
        let op = self.new_request(request);
        self.submit(op);
        op
    }

    /// What became of a request so far.
    pub fn result(&self, op: OpId) -> &OpResult {
        &self.request(op).result
    }

    /// Runs until a request has its answer, for `limit` at most.
    pub fn wait(&mut self, op: OpId, limit: Duration) -> OpResult {
        self.run_while(limit, |world| *world.result(op) != OpResult::Pending);
        self.result(op).clone()
    }
}

/// What there is to see.
impl World {
    /// How many nodes there are.
    pub fn nodes(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// The node that leads a region, as it says itself; the one of the highest term if two do.
    pub fn leader(&self, region: u64) -> Option<u64> {
        let leads = |node: &super::node::Node| {
            let peer = &node.running.as_ref()?.fsms.get(&RegionId(region))?.peer;
            peer.is_leader().then(|| (peer.term(), node.id))
        };
        self.nodes.iter().filter_map(leads).max().map(|(_, node)| node)
    }

    /// What a node's lease of a region is worth now, if its replica leads.
    pub fn lease_state(&self, node: u64, region: u64) -> Option<LeaseState> {
        let node = self.nodes.get(node as usize - 1)?;
        let peer = &node.running.as_ref()?.fsms.get(&RegionId(region))?.peer;
        let state = peer.leader_lease.state_at(node.clock.monotonic_raw_now());
        peer.is_leader().then_some(state)
    }

    /// Until when a node's lease of a region lasts, in nanoseconds from now by its own clock.
    pub fn lease_left_ns(&self, node: u64, region: u64) -> Option<i64> {
        let node = self.nodes.get(node as usize - 1)?;
        let peer = &node.running.as_ref()?.fsms.get(&RegionId(region))?.peer;
        peer.leader_lease.remaining_ns(node.clock.monotonic_raw_now())
    }

    /// A node's term of a region, whether it leads, and its commit and applied index.
    pub fn replica(&self, node: u64, region: u64) -> Option<ReplicaView> {
        let running = self.nodes.get(node as usize - 1)?.running.as_ref()?;
        let peer = &running.fsms.get(&RegionId(region))?.peer;
        Some(ReplicaView {
            term: peer.term(),
            is_leader: peer.is_leader(),
            commit: peer.storage().commit_index(),
            applied: peer.storage().applied_index(),
            last: peer.storage().last_index(),
            pending_reads: peer.raft_group.raft.pending_read_count(),
            has_leader: peer.raft_group.raft.leader_id != raft::INVALID_ID,
            is_asleep: peer.hibernation.is_asleep(),
        })
    }

    /// What a node has in its data for a key, however old.
    pub fn applied_value(&self, node: u64, key: &[u8]) -> Option<Vec<u8>> {
        let running = self.nodes.get(node as usize - 1)?.running.as_ref()?;
        running.ctx.engine.get(Family::Data, key).ok().flatten()
    }

    /// The last lines of the log, oldest first; all of them after [`World::keep_log`].
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.log.lines()
    }

    /// Keeps every line of the log from now on.
    pub fn keep_log(&mut self) {
        self.log.keep_all();
    }

    /// Keeps the lines of the log of a span of true time, in nanoseconds, and no others.
    pub fn keep_log_of(&mut self, span: std::ops::Range<u64>) {
        self.log.keep_span(span);
    }

    /// A number that stands for every line of the log.
    pub fn trace_hash(&self) -> u64 {
        self.log.hash()
    }

    /// How many lines the log has had.
    pub fn events(&self) -> u64 {
        self.log.events()
    }

    /// How many leaders there have been.
    pub fn elections(&self) -> u64 {
        self.oracles.elections.elections()
    }

    /// Judges what clients have seen so far, and notes it if it is a violation; whether it is sound.
    pub fn check_history(&mut self) -> bool {
        match linearizability(&self.history()) {
            Ok(()) => true,
            Err((words, operations)) => {
                self.violate(Invariant::Linearizability, words, operations);
                false
            }
        }
    }

    /// The region of a key, as the placement driver has last heard; 0, which is none, while it has
    /// heard of one part of a split and not yet of the other.
    pub fn region_for(&self, key: &[u8]) -> u64 {
        self.pd.region_for(key).map_or(0, |(region, _)| region.id)
    }

    /// Runs until a region has a leader that answers a read, with `node` campaigning for it.
    ///
    /// # Errors
    /// [`Error::NotLeader`] when that takes more than ten election timeouts.
    pub fn elect(&mut self, node: u64, region: u64) -> Result<(), Error> {
        let region_id = RegionId(region);
        let limit = self.config.core.election_timeout();
        self.campaign(node, region);
        for _ in 0..10 {
            let is_ready = self.run_while(limit, |world| {
                let applied = world.node(node).running.as_ref().and_then(|running| {
                    let peer = &running.fsms.get(&region_id)?.peer;
                    Some(peer.is_leader() && peer.has_applied_to_current_term())
                });
                applied == Some(true)
            });
            if is_ready {
                return Ok(());
            }
            self.campaign(node, region);
        }
        Err(Error::NotLeader { region: region_id, leader: None })
    }
}

/// What a script sees of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// Its term.
    pub term: u64,
    /// Whether it leads.
    pub is_leader: bool,
    /// The largest index that anybody outside can have seen committed.
    pub commit: u64,
    /// The index up to which it has applied.
    pub applied: u64,
    /// The index of its last log entry.
    pub last: u64,
    /// How many read indexes wait for its quorum, if it leads.
    pub pending_reads: usize,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// Whether it sleeps.
    pub is_asleep: bool,
}
