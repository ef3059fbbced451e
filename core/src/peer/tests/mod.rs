//! Three peers without threads: messages are carried by hand, and time passes when a test says so.
//!
//! Everything the peers do follows from their seed and from the order of calls here, so a test can
//! hold back one message, look, and let it go.

mod determinism;
mod leader_reads;
mod leases;
mod nonsense;
mod replica_reads;
mod role_changes;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::MessageType;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::*;
use crate::apply::{ApplyTask, apply};
use crate::callback::{Callback, ReadMode, ReadResponse, ReadValue, WriteResponse};
use crate::clock::{Clock, ManualClock};
use crate::command::{Body, Mutation, RaftCmdRequest, ReadCommand, RequestHeader};
use crate::engine::{Durability, MemoryEngine, MemorySnapshot, WriteBatch};
use crate::ids::{ReadIdGen, StoreId};
use crate::lease::LeaseState;
use crate::message::{CasualMessage, MessageKind, PeerMsg, RaftMessage};
use crate::poll_context::{ClockHandle, Effects};
use crate::read_delegate::StoreMeta;
use crate::region::RegionEpoch;
use crate::rules::Rules;
use crate::trace_context::Tracer;

const REGION: RegionId = RegionId(1);
const NODES: usize = 3;

type Reading = oneshot::Receiver<ReadResponse<MemorySnapshot>>;
type Writing = oneshot::Receiver<WriteResponse>;

/// A store with its one peer.
struct Node {
    fsm: PeerFsm<MemoryEngine>,
    ctx: PollContext<MemoryEngine>,
    /// What waits for the apply loop while that is paused.
    to_apply: VecDeque<ApplyTask>,
    is_apply_paused: bool,
    /// What it has asked of the placement driver.
    asked: Vec<PdTask>,
}

/// What happens to messages that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lost,
    Held,
}

/// Matches messages by sender, receiver and type; `None` is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rule {
    from: Option<u64>,
    to: Option<u64>,
    kind: Option<MessageType>,
}

/// Three nodes, 1 to 3, and the network between them.
struct Group {
    nodes: Vec<Node>,
    clock: ManualClock,
    network: VecDeque<RaftMessage>,
    rules: Vec<(Rule, Fate)>,
    held: Vec<RaftMessage>,
    /// Every message that was sent, whatever became of it.
    sent: Vec<RaftMessage>,
    config: Config,
    seed: u64,
}

fn region() -> Region {
    let peer = |id| PeerMeta { id, store_id: id, ..PeerMeta::default() };
    Region {
        id: REGION.0,
        epoch: RegionEpoch { conf_ver: 1, version: 1 },
        peers: (1..=NODES as u64).map(peer).collect(),
        ..Region::default()
    }
}

impl Node {
    fn new(id: u64, engine: MemoryEngine, group: &Group, votes_from: Instant) -> Node {
        let ctx = PollContext {
            store_id: StoreId(id),
            config: Arc::new(group.config.clone()),
            cluster: Default::default(),
            refused: Arc::default(),
            disk_room: Default::default(),
            engine: engine.clone(),
            clock: ClockHandle(Arc::new(group.clock.clone())),
            now: group.clock.monotonic_raw_now(),
            ids: ReadIdGen::new(group.seed ^ id << 32),
            meta: StoreMeta::default(),
            tracer: Tracer::default(),
            log: Default::default(),
            votes_from,
            rules: Rules::ALL_ON,
            seeds: SmallRng::seed_from_u64(1),
            effects: Effects::default(),
        };
        let storage = PeerStorage::load(engine, REGION, PeerId(id)).unwrap().unwrap();
        let meta = *region().peer(PeerId(id)).unwrap();
        let peer = Peer::new(meta, storage, false, &ctx, group.seed).unwrap();
        let fsm = PeerFsm { peer, has_ready: true };
        let (to_apply, asked) = (VecDeque::new(), Vec::new());
        Node { fsm, ctx, to_apply, is_apply_paused: false, asked }
    }
}

impl Group {
    /// Three nodes without a leader. Leases are renewed by reads and writes alone, not by ticks.
    fn new(seed: u64) -> Group {
        let config = Config { renew_lease_by_tick: false, ..Config::default() };
        config.validate().unwrap();
        let clock = ManualClock::new(Instant::from_ns(1_000_000_000));
        let mut group = Group {
            nodes: Vec::new(),
            clock,
            network: VecDeque::new(),
            rules: Vec::new(),
            held: Vec::new(),
            sent: Vec::new(),
            config,
            seed,
        };
        for id in 1..=NODES as u64 {
            let engine = MemoryEngine::new();
            let mut batch = WriteBatch::new();
            PeerStorage::<MemoryEngine>::bootstrap(&mut batch, &region());
            engine.write(&batch, Durability::Synced).unwrap();
            let node = Node::new(id, engine, &group, Instant::default());
            group.nodes.push(node);
        }
        group
    }

    /// Three nodes, of which node 1 leads and all have applied its first entry.
    fn led() -> Group {
        let mut group = Group::new(7);
        group.elect(1);
        group.settle();
        group
    }

    fn node(&mut self, id: u64) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    fn peer(&mut self, id: u64) -> &mut Peer<MemoryEngine> {
        &mut self.node(id).fsm.peer
    }

    fn now(&self) -> Instant {
        self.clock.monotonic_raw_now()
    }

    fn elect(&mut self, id: u64) {
        self.tell(id, PeerMsg::Casual(CasualMessage::Campaign));
        assert!(self.peer(id).is_leader());
    }

    /// Two heartbeat rounds: everybody has heard of the last commit and applied it. The clock
    /// stands still meanwhile.
    fn settle(&mut self) {
        for _ in 0..2 * self.config.heartbeat_ticks {
            for id in 1..=NODES as u64 {
                self.tell(id, PeerMsg::Tick);
            }
        }
    }

    /// Time passes with its ticks.
    fn pass_ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.clock.advance(self.config.base_tick);
            for id in 1..=NODES as u64 {
                self.tell(id, PeerMsg::Tick);
            }
        }
    }

    /// One round of polling at a node, and all that it leads to.
    fn tell(&mut self, id: u64, message: PeerMsg<MemorySnapshot>) {
        self.poll(id, vec![message]);
        self.carry();
    }

    fn carry(&mut self) {
        loop {
            if let Some(message) = self.network.pop_front() {
                let to = message.to.store_id;
                self.poll(to, vec![PeerMsg::RaftMessage(Box::new(message))]);
                continue;
            }
            let applying = self
                .nodes
                .iter()
                .position(|node| !node.is_apply_paused && !node.to_apply.is_empty());
            let Some(place) = applying else { return };
            let node = &mut self.nodes[place];
            let task = node.to_apply.pop_front().unwrap();
            if let Some(result) = apply(&node.ctx.engine, task).unwrap() {
                self.poll(place as u64 + 1, vec![PeerMsg::ApplyRes(result)]);
            }
        }
    }

    fn poll(&mut self, id: u64, mut messages: Vec<PeerMsg<MemorySnapshot>>) {
        let now = self.now();
        let node = self.node(id);
        node.ctx.now = now;
        PeerFsmDelegate { fsm: &mut node.fsm, ctx: &mut node.ctx }.handle_msgs(&mut messages);
        loop {
            let node = self.node(id);
            let is_ready =
                PeerFsmDelegate { fsm: &mut node.fsm, ctx: &mut node.ctx }.collect_ready();
            self.flush(id);
            if !is_ready {
                return;
            }
            let node = self.node(id);
            PeerFsmDelegate { fsm: &mut node.fsm, ctx: &mut node.ctx }.post_persist();
            self.flush(id);
        }
    }

    fn flush(&mut self, id: u64) {
        let node = self.node(id);
        let effects = std::mem::take(&mut node.ctx.effects);
        assert_eq!(effects.fault, None);
        let durability = if effects.must_sync { Durability::Synced } else { Durability::Unsynced };
        node.ctx.engine.write(&effects.writes, durability).unwrap();
        node.to_apply.extend(effects.apply);
        node.asked.extend(effects.pd);
        for message in effects.messages {
            self.check_leaving(&message);
            self.sent.push(message.clone());
            let fate = self.rules.iter().find(|(rule, _)| rule.matches(&message));
            match fate.map(|(_, fate)| fate) {
                Some(Fate::Lost) => {}
                Some(Fate::Held) => self.held.push(message),
                None => self.network.push_back(message),
            }
        }
    }

    /// What must hold at the moment when a message leaves.
    fn check_leaving(&mut self, message: &RaftMessage) {
        let sender = self.peer(message.from.id);
        if message.kind() == MessageKind::Raft(MessageType::MsgTimeoutNow) {
            assert!(sender.leader_lease.is_suspect(), "rule L6");
        }
        let crate::message::Payload::Raft(raft) = &message.payload else { return };
        // What is seen of a commit elsewhere was published here before (rule X1).
        assert!(sender.storage().commit_index() >= raft.commit.min(sender.storage().last_index()));
    }

    fn rule(&mut self, rule: Rule, fate: Fate) {
        self.rules.push((rule, fate));
    }

    /// From now on messages of this type to this node wait.
    fn hold(&mut self, kind: MessageType, to: u64) {
        self.rule(Rule { to: Some(to), kind: Some(kind), ..Rule::default() }, Fate::Held);
    }

    /// From now on nothing reaches or leaves this node.
    fn cut(&mut self, id: u64) {
        self.rule(Rule { from: Some(id), ..Rule::default() }, Fate::Lost);
        self.rule(Rule { to: Some(id), ..Rule::default() }, Fate::Lost);
    }

    fn cut_between(&mut self, one: u64, other: u64) {
        for (from, to) in [(one, other), (other, one)] {
            self.rule(Rule { from: Some(from), to: Some(to), kind: None }, Fate::Lost);
        }
    }

    /// Ends all rules, and delivers what they held.
    fn release(&mut self) {
        self.rules.clear();
        self.network.extend(self.held.drain(..));
        self.carry();
    }

    fn pause_apply(&mut self, id: u64) {
        self.node(id).is_apply_paused = true;
    }

    fn resume_apply(&mut self, id: u64) {
        self.node(id).is_apply_paused = false;
        self.carry();
    }

    /// The node's process dies and starts again on what its disk has kept.
    fn restart(&mut self, id: u64) {
        let engine = self.node(id).ctx.engine.clone();
        engine.crash();
        self.node(id).fsm.peer.stop();
        let votes_from = self.now() + self.config.election_timeout();
        let node = Node::new(id, engine, self, votes_from);
        *self.node(id) = node;
    }

    fn command(
        &mut self,
        id: u64,
        change: impl FnOnce(&mut RequestHeader),
        body: Body,
        callback: Callback<MemorySnapshot>,
    ) {
        let mut header = RequestHeader {
            region_id: REGION,
            peer_id: PeerId(id),
            store_id: StoreId(id),
            epoch: region().epoch,
            ..RequestHeader::default()
        };
        change(&mut header);
        let request = RaftCmdRequest { header, body };
        let sent_at = self.now();
        let deadline = Some(sent_at + self.config.deadline);
        let command = RaftCommand { request, callback, sent_at, trace: None, deadline };
        self.tell(id, PeerMsg::RaftCommand(Box::new(command)));
    }

    /// A read of `k` at a node, past the reader's thread.
    fn read(&mut self, id: u64) -> Reading {
        self.read_with(id, |_| {})
    }

    fn replica_read(&mut self, id: u64) -> Reading {
        self.read_with(id, |header| header.replica_read = true)
    }

    fn read_with(&mut self, id: u64, change: impl FnOnce(&mut RequestHeader)) -> Reading {
        let (callback, reading) = Callback::read(REGION);
        self.command(id, change, Body::Read(ReadCommand::Get { key: b"k".to_vec() }), callback);
        reading
    }

    fn write(&mut self, id: u64, value: &str) -> Writing {
        let (callback, writing) = Callback::write(REGION);
        let mutation = Mutation { key: b"k".to_vec(), value: Some(value.into()) };
        self.command(id, |_| {}, Body::Write(vec![mutation]), callback);
        writing
    }

    fn transfer(&mut self, from: u64, to: u64) {
        let (callback, _asked) = Callback::write(REGION);
        self.command(from, |_| {}, Body::TransferLeader(PeerId(to)), callback);
    }

    fn lease_state(&mut self, id: u64) -> LeaseState {
        let now = self.now();
        self.peer(id).leader_lease.state_at(now)
    }

    /// How many rounds for a read index a leader has sent: heartbeats to node 2 or 3 that carry one.
    fn rounds(&self, leader: u64) -> usize {
        let to = leader % NODES as u64 + 1;
        let carries_read = |message: &&RaftMessage| match &message.payload {
            crate::message::Payload::Raft(raft) => {
                raft.msg_type() == MessageType::MsgHeartbeat && !raft.context.is_empty()
            }
            _ => false,
        };
        let mine = |message: &&RaftMessage| message.from.id == leader && message.to.id == to;
        self.sent.iter().filter(mine).filter(carries_read).count()
    }

    fn count_sent(&self, kind: MessageType) -> usize {
        self.sent.iter().filter(|message| message.kind() == MessageKind::Raft(kind)).count()
    }
}

impl Rule {
    fn matches(&self, message: &RaftMessage) -> bool {
        self.from.is_none_or(|from| from == message.from.id)
            && self.to.is_none_or(|to| to == message.to.id)
            && self.kind.is_none_or(|kind| MessageKind::Raft(kind) == message.kind())
    }
}

/// The answer to a read of `k`: how it was served, and the value.
fn answer(reading: &mut Reading) -> (ReadMode, Option<String>) {
    let response = reading.try_recv().expect("an answer");
    match response.result.expect("no error") {
        ReadValue::Value(value) => {
            let mode = response.mode.expect("a mode");
            (mode, value.map(|value| String::from_utf8(value).unwrap()))
        }
        other => panic!("{other:?}"),
    }
}

fn mode(reading: &mut Reading) -> ReadMode {
    answer(reading).0
}

fn error(reading: &mut Reading) -> Error {
    reading.try_recv().expect("an answer").result.expect_err("an error")
}

/// No answer yet, and not lost either.
fn waits(reading: &mut Reading) -> bool {
    matches!(reading.try_recv(), Err(TryRecvError::Empty))
}
