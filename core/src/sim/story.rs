//! What mattered in a run, as data: who led, what the leases were, what was asked and answered, which
//! messages went where. For whoever explains a violation to people.
//!
//! The log of a world (`trace_log`) has everything, in lines; a story has less, with its causes: each
//! message knows when it was sent, each answer what its node believed at that moment. It is kept for
//! a span of time only, and only when asked for: see [`World::keep_story`]. Keeping it changes
//! nothing of what happens.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::clock::Clock;
use crate::history::Op;
use crate::lease::{LeaseState, RenewedBy};
use crate::message::{MessageKind, Payload, RaftMessage};
use crate::sim::network::MessageLine;
use crate::sim::requests::{AskRead, OpId, OpResult, Request, What};
use crate::sim::world::World;

/// A story: scenes in the order of true time, and the operations that they speak of.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What happened.
    pub scenes: Vec<Scene>,
    /// What was asked, by whom, and what became of it.
    pub operations: BTreeMap<OpId, Operation>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// When, in true nanoseconds.
    pub at_ns: u64,
    /// On which node; none for what happened to the whole network.
    pub node: Option<u64>,
    /// In which region, or zero.
    pub region: u64,
    /// What it was.
    pub what: Happening,
}

/// The kinds of scenes.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// An operation was handed to the node.
    Called(OpId),
    /// An operation was answered, by a node that was in this state.
    Answered(OpId, ReplicaState),
    /// The node became the leader of a term.
    Leads {
        /// The term.
        term: u64,
    },
    /// The node leads no more, and knows it.
    StepsDown {
        /// The term that it is in now.
        term: u64,
    },
    /// The lease of a leader was renewed, put under suspicion, or ended before its time.
    Lease {
        /// What it is worth now.
        state: LeaseState,
        /// How long it lasts yet by the node's own clock, in nanoseconds.
        left_ns: i64,
        /// What renewed it last.
        by: RenewedBy,
    },
    /// A message left.
    Sent(Message),
    /// A message arrived.
    Received(Message),
    /// The node has applied its log up to this index.
    Applied {
        /// The index.
        index: u64,
    },
    /// A fault began or ended.
    Fault(String),
    /// The node lost its power.
    Crashed,
    /// The node started again.
    Started,
    /// What a script says of itself.
    Remark(String),
}

/// A message between nodes. The same number stands at its sending and at its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Counts sendings, from 1; zero if the sending lies before the story.
    pub number: u64,
    /// When it was sent, in true nanoseconds.
    pub sent_ns: u64,
    /// From which node.
    pub from: u64,
    /// To which node.
    pub to: u64,
    /// Its type.
    pub kind: MessageKind,
    /// Its term.
    pub term: u64,
    /// How many log entries it carries.
    pub entries: usize,
    /// Its log index; of a response to a read index the index to read at.
    pub index: u64,
    /// Whether it carries the id of a read.
    pub is_for_read: bool,
    /// Whether it says no.
    pub rejects: bool,
}

/// What a replica believed at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReplicaState {
    /// Its term.
    pub term: u64,
    /// Whether it led.
    pub is_leader: bool,
    /// The largest index that anybody outside can have seen committed.
    pub commit: u64,
    /// The index up to which it had applied.
    pub applied: u64,
    /// What its lease was worth on the raft thread.
    pub lease: Option<LeaseState>,
    /// How long the lease lasted yet on the raft thread, in nanoseconds.
    pub lease_left_ns: Option<i64>,
    /// How long it lasted yet for the reader threads.
    pub reader_lease_left_ns: Option<i64>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked, or none for a script.
    pub client: Option<usize>,
    /// Which node.
    pub node: u64,
    /// Of which region.
    pub region: u64,
    /// Which key; empty for a transfer.
    pub key: Vec<u8>,
    /// What.
    pub asked: Asked,
    /// What became of it.
    pub result: OpResult,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To write this value.
    Write(Vec<u8>),
    /// To read.
    Read(AskRead),
    /// To hand over to the replica on this node.
    Transfer(u64),
    /// To change the region, by the name of the command.
    Change(&'static str),
}

/// What the story of each replica was told last.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    is_leader: bool,
    lease: Option<LeaseState>,
    /// When the lease ends, by the node's own clock, in nanoseconds.
    until_ns: i128,
}

/// Keeps a story while the world runs.
#[derive(Debug, Default)]
pub(super) struct StoryKeeper {
    span: Option<Range<u64>>,
    scenes: Vec<Scene>,
    told: BTreeMap<(u64, u64), Told>,
    sent: u64,
    /// Messages on their way, each in its printed form.
    on_their_way: Vec<(String, Message)>,
}

impl StoryKeeper {
    fn keeps(&self, now_ns: u64) -> bool {
        self.span.as_ref().is_some_and(|span| span.contains(&now_ns))
    }

    fn push(&mut self, at_ns: u64, node: Option<u64>, region: u64, what: Happening) {
        if self.keeps(at_ns) {
            self.scenes.push(Scene { at_ns, node, region, what });
        }
    }

    /// A message leaves; it may be lost, held back or repeated afterwards.
    pub(super) fn sent(&mut self, now_ns: u64, message: &RaftMessage) {
        if !self.keeps(now_ns) {
            return;
        }
        self.sent += 1;
        let told = told_of(message, self.sent, now_ns);
        self.on_their_way.push((MessageLine(message).to_string(), told.clone()));
        let (node, region) = (Some(told.from), message.region_id.0);
        self.push(now_ns, node, region, Happening::Sent(told));
    }

    /// The message that was sent last is lost at once.
    pub(super) fn lost_last(&mut self) {
        self.on_their_way.pop();
    }

    /// A message that was held back is lost: the oldest one that looks the same.
    pub(super) fn lost(&mut self, message: &RaftMessage) {
        if self.span.is_some() {
            let line = MessageLine(message).to_string();
            let found = self.on_their_way.iter().position(|(sent, _)| *sent == line);
            found.map(|place| self.on_their_way.remove(place));
        }
    }

    /// A message arrives: the oldest one that looks the same.
    pub(super) fn received(&mut self, now_ns: u64, message: &RaftMessage) {
        if !self.keeps(now_ns) {
            return;
        }
        let line = MessageLine(message).to_string();
        let found = self.on_their_way.iter().position(|(sent, _)| *sent == line);
        let told = match found {
            Some(place) => self.on_their_way.remove(place).1,
            None => told_of(message, 0, now_ns),
        };
        let (node, region) = (Some(told.to), message.region_id.0);
        self.push(now_ns, node, region, Happening::Received(told));
    }
}

fn told_of(message: &RaftMessage, number: u64, sent_ns: u64) -> Message {
    let mut told = Message {
        number,
        sent_ns,
        from: message.from.store_id,
        to: message.to.store_id,
        kind: message.kind(),
        term: 0,
        entries: 0,
        index: 0,
        is_for_read: false,
        rejects: false,
    };
    if let Payload::Raft(raft) = &message.payload {
        (told.term, told.index, told.rejects) = (raft.term, raft.index, raft.reject);
        told.entries = raft.entries.len();
        let is_asking = ["MsgReadIndex", "MsgReadIndexResp"].contains(&told.kind.as_str());
        told.is_for_read = is_asking || raft.context.len() == 16;
    }
    told
}

/// Keeping a story.
impl World {
    /// Keeps a story of what happens in a span of true time.
    pub fn keep_story(&mut self, span: Range<u64>) {
        self.story.span = Some(span);
        // What is so already is told first.
        (1..=self.nodes.len() as u64).for_each(|node| self.tell_changes(node));
    }

    /// The story so far.
    pub fn story(&self) -> Story {
        let ids = (1..).map(OpId);
        let operations =
            ids.zip(&self.requests).map(|(op, request)| (op, self.told_operation(request)));
        Story { scenes: self.story.scenes.clone(), operations: operations.collect() }
    }

    /// Adds words of a script to the story.
    pub fn remark(&mut self, node: Option<u64>, words: impl Into<String>) {
        let (now_ns, words) = (self.now_ns(), words.into());
        self.story.push(now_ns, node, 0, Happening::Remark(words));
    }

    /// Which requests these operations of the history were.
    pub fn operation_ids(&self, operations: &[Op]) -> Vec<OpId> {
        let is_one = |request: &Request| {
            let op = request.history.and_then(|slot| self.history[slot].as_ref());
            op.is_some_and(|op| operations.contains(op))
        };
        let all = (1..).map(OpId).zip(&self.requests);
        all.filter(|(_, request)| is_one(request)).map(|(op, _)| op).collect()
    }

    fn told_operation(&self, request: &Request) -> Operation {
        let asked = match &request.what {
            What::Write(value) => Asked::Write(value.clone()),
            What::Read(ask) => Asked::Read(*ask),
            What::Admin(admin) => Asked::Change(admin.as_str()),
            What::Transfer(to) => {
                let region = self.regions.iter().find(|region| region.id == request.region);
                let peer = region.and_then(|it| it.peers.iter().find(|peer| peer.peer_id() == *to));
                Asked::Transfer(peer.map_or(0, |peer| peer.store_id))
            }
        };
        Operation {
            client: request.client,
            node: request.node,
            region: request.region,
            key: request.key.clone(),
            asked,
            result: request.result.clone(),
        }
    }

    /// What a node's replica of a region believes now.
    fn replica_state(&self, id: u64, region: u64) -> ReplicaState {
        let node = self.node(id);
        let now = node.clock.monotonic_raw_now();
        let region = crate::ids::RegionId(region);
        let Some(running) = &node.running else { return ReplicaState::default() };
        let Some(fsm) = running.fsms.get(&region) else { return ReplicaState::default() };
        let peer = &fsm.peer;
        let delegate = running.ctx.meta.delegate(region);
        ReplicaState {
            term: peer.term(),
            is_leader: peer.is_leader(),
            commit: peer.storage().commit_index(),
            applied: peer.storage().applied_index(),
            lease: peer.is_leader().then(|| peer.leader_lease.state_at(now)),
            lease_left_ns: peer.leader_lease.remaining_ns(now),
            reader_lease_left_ns: delegate
                .and_then(|delegate| delegate.leader_lease.as_ref()?.remaining_ns(now)),
        }
    }

    pub(super) fn tell_called(&mut self, op: OpId) {
        let (node, region) = (self.request(op).node, self.request(op).region);
        self.story.push(self.truth.now_ns(), Some(node), region, Happening::Called(op));
    }

    pub(super) fn tell_answered(&mut self, op: OpId) {
        if !self.story.keeps(self.now_ns()) {
            return;
        }
        let request = self.request(op);
        // The consumer of a read index reads its own data.
        let node = match request.what {
            What::Read(AskRead::Index { consumer }) => consumer,
            What::Read(_) | What::Write(_) | What::Transfer(_) | What::Admin(_) => request.node,
        };
        let (region, state) = (request.region, self.replica_state(node, request.region));
        self.story.push(self.now_ns(), Some(node), region, Happening::Answered(op, state));
    }

    pub(super) fn tell(&mut self, node: Option<u64>, region: u64, what: Happening) {
        self.story.push(self.truth.now_ns(), node, region, what);
    }

    /// Tells what has become of a node's leaderships and leases since it was looked at last.
    pub(super) fn tell_changes(&mut self, id: u64) {
        let now_ns = self.now_ns();
        if !self.story.keeps(now_ns) {
            return;
        }
        let World { nodes, story, .. } = self;
        let node = &nodes[id as usize - 1];
        let now = node.clock.monotonic_raw_now();
        let mut changes = Vec::new();
        for (region, fsm) in node.running.iter().flat_map(|running| &running.fsms) {
            let (peer, region) = (&fsm.peer, region.0);
            let before = story.told.get(&(id, region)).copied().unwrap_or_default();
            let is_leader = peer.is_leader();
            let lease = &peer.leader_lease;
            let left_ns = lease.remaining_ns(now).unwrap_or_default();
            let state = is_leader.then(|| lease.state_at(now));
            let until_ns = i128::from(now.as_ns()) + i128::from(left_ns);
            match (before.is_leader, is_leader) {
                (false, true) => changes.push((region, Happening::Leads { term: peer.term() })),
                (true, false) => changes.push((region, Happening::StepsDown { term: peer.term() })),
                (true, true) | (false, false) => {}
            }
            if let Some(state) = state {
                // That a lease runs out is no event: it was known when it was renewed.
                let is_renewed = state == LeaseState::Valid && until_ns > before.until_ns;
                let is_other = before.lease != Some(state) && state == LeaseState::Suspect;
                if is_renewed || is_other {
                    let by = lease.renewed_by();
                    changes.push((region, Happening::Lease { state, left_ns, by }));
                }
            }
            let told = Told { is_leader, lease: state, until_ns };
            story.told.insert((id, region), told);
        }
        for (region, what) in changes {
            self.story.push(now_ns, Some(id), region, what);
        }
    }
}
