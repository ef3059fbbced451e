//! What is asked of the simulated stores, through the same door as in a real one, and what became of
//! it.

use std::fmt;
use std::time::Duration;

use crate::admin_command::AdminCommand;
use crate::callback::{Callback, Place, ReadMode, ReadValue};
use crate::command::{Body, Mutation, RaftCmdRequest, ReadCommand, RequestHeader, ScanRange};
use crate::engine::{Engine, Family};
use crate::error::Error;
use crate::history::{Op, OpKind};
use crate::ids::{PeerId, RegionId, StoreId};
use crate::raft_kv::{AskedRead, RaftKv, SnapContext};
use crate::region::Region;
use crate::sim::clock::whole_ns;
use crate::sim::disk::{Disk, Hardship};
use crate::sim::oracle::{Invariant, not_hung};
use crate::sim::queue::Event;
use crate::sim::waiting::{Answer, Found, Receiver};
use crate::sim::world::World;
use crate::snap_cache::ThreadReadId;
use crate::spans::stage_span;

/// One request, in the order of asking, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op{}", self.0)
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a read is asked for; how it is then served is the store's decision, see [`ReadMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskRead {
    /// Of the leader: from its lease if it has one (modes 1 to 5).
    Leader,
    /// All keys of the region, of the leader, as [`AskRead::Leader`]; the value is that of the key.
    Scan,
    /// Of the leader, after it asked its quorum (mode 6).
    Quorum,
    /// Of whatever replica the node has (modes 7, 8, 12).
    Replica,
    /// Only the index, of the node's replica (mode 13); the value is then read on the node
    /// `consumer`, as soon as that has applied so much.
    Index {
        /// Where the value is read.
        consumer: u64,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpResult {
    /// Not answered yet.
    Pending,
    /// A read's answer.
    Value {
        /// The value; `None` if the key has none.
        value: Option<Vec<u8>>,
        /// How it was served.
        mode: ReadMode,
        /// The term of the replica that answered.
        term: u64,
    },
    /// A write is applied.
    Written,
    /// It was refused.
    Failed(Error),
    /// The client has stopped waiting.
    GivenUp,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum What {
    Write(Vec<u8>),
    Read(AskRead),
    Transfer(PeerId),
    Admin(Box<AdminCommand>),
}

impl What {
    fn is_scan(&self) -> bool {
        matches!(self, What::Read(AskRead::Scan))
    }
}

/// A request and what is known of it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) node: u64,
    pub(super) region: u64,
    pub(super) key: Vec<u8>,
    pub(super) what: What,
    /// Whose it is; scripts have none.
    pub(super) client: Option<usize>,
    /// The batch that a read belongs to, and whether it is the last one of it.
    pub(super) batch: Option<(ThreadReadId, bool)>,
    /// How long its caller waits; as the store is set, if it does not say.
    pub(super) deadline: Option<Duration>,
    /// The region as it was once, for a client that has not heard since.
    pub(super) as_known: Option<Box<Region>>,
    /// The node's incarnation when it got the request.
    pub(super) incarnation: u32,
    pub(super) history: Option<usize>,
    /// The index that the consumer of a read index has to apply.
    pub(super) index: u64,
    pub(super) result: OpResult,
}

impl Request {
    /// A request of a script, in no batch.
    pub(super) fn new(node: u64, region: u64, key: &[u8], what: What) -> Self {
        Request {
            node,
            region,
            key: key.to_vec(),
            what,
            client: None,
            batch: None,
            deadline: None,
            as_known: None,
            incarnation: 0,
            history: None,
            index: 0,
            result: OpResult::Pending,
        }
    }
}

impl World {
    /// Notes a request that will be submitted now or, as a later part of a batch, soon.
    pub(super) fn new_request(&mut self, mut request: Request) -> OpId {
        let client = request.client.map_or(u64::MAX, |client| client as u64);
        let kind = match &request.what {
            What::Write(value) => Some(OpKind::Write(value.clone())),
            What::Read(_) => Some(OpKind::Read(None)),
            What::Transfer(_) | What::Admin(_) => None,
        };
        if let Some(kind) = kind {
            let (key, invoked_ns) = (request.key.clone(), self.now_ns());
            request.history = Some(self.history.len());
            self.history.push(Some(Op { client, key, kind, invoked_ns, returned_ns: None }));
        }
        self.requests.push(request);
        OpId(self.requests.len() as u64)
    }

    /// Makes a read part of a batch.
    pub(super) fn set_batch(&mut self, op: OpId, id: ThreadReadId, is_last: bool) {
        self.request_mut(op).batch = Some((id, is_last));
    }

    pub(super) fn request(&self, op: OpId) -> &Request {
        &self.requests[op.0 as usize - 1]
    }

    pub(super) fn request_mut(&mut self, op: OpId) -> &mut Request {
        &mut self.requests[op.0 as usize - 1]
    }

    /// Hands a request to its node, at this very moment.
    pub(super) fn submit(&mut self, op: OpId) {
        let (node, is_read) = {
            let request = self.request(op);
            if request.result != OpResult::Pending {
                return;
            }
            (request.node, matches!(request.what, What::Read(_)))
        };
        if is_read && self.node(node).paused_reader > 0 {
            return self.node_mut(node).waiting_reads.push(op);
        }
        self.await_one_answer(op);
        self.note_request(op);
        self.hand_over(op);
        if let Some(span) = self.request(op).deadline.filter(|_| is_read) {
            let at_ns = self.now_ns() + whole_ns(span);
            self.queue.push(at_ns, Event::TimeOut { op });
        }
        self.wake(node);
        self.take_answers();
    }

    /// From now on a request is one that must get its answer.
    pub(super) fn await_one_answer(&mut self, op: OpId) {
        self.oracles.one_answer.asked(op, self.now_ns() + self.answer_max_ns());
        let incarnation = self.node(self.request(op).node).incarnation;
        self.request_mut(op).incarnation = incarnation;
    }

    /// Waits for the answer to a request that its node has got.
    pub(super) fn wait_for(&mut self, op: OpId, receiver: Receiver) {
        self.waiting.add(op, receiver);
        self.wake(self.request(op).node);
        self.take_answers();
    }

    fn hand_over(&mut self, op: OpId) {
        let request = self.request(op);
        let (node, region) = (request.node, RegionId(request.region));
        // What an operation causes is one trace, which begins at its client.
        let span = stage_span!(
            root: "operation", "client", "World::hand_over",
            sim.op = op.0, raft.store_id = node, raft.region_id = region.0
        )
        .entered();
        // What holds up a reader's thread holds up nobody else.
        self.node(node).disk.set_hardship(self.node(node).hardship);
        let receiver = match (&self.node(node).running, self.command(request)) {
            (Some(running), Some(command)) => {
                let door = &running.doors[request.client.map_or(0, |client| client + 1)];
                self.enter(door, request, command)
            }
            // Nobody listens: the connection is refused, nothing has happened.
            (None, _) | (_, None) => {
                let (callback, receiver) = Callback::read(region);
                callback.fail(Error::RegionNotFound(region), 0);
                Receiver::Read(receiver, tracing::Span::none())
            }
        };
        drop(span);
        self.node(node).disk.set_hardship(Hardship::default());
        let held_up_ns = self.truth.let_go();
        if held_up_ns > 0 {
            self.queue.push(self.now_ns() + held_up_ns, Event::HeldUpNoMore);
        }
        self.waiting.add(op, receiver);
    }

    fn enter(&self, door: &RaftKv<Disk>, request: &Request, command: RaftCmdRequest) -> Receiver {
        let region = RegionId(request.region);
        let deadline = request.deadline.unwrap_or(self.config.core.deadline);
        match &request.what {
            What::Read(_) => {
                let read_id = request.batch.as_ref().map(|(id, _)| id.clone());
                let RaftCmdRequest { header, body: Body::Read(read) } = command else {
                    return Receiver::Answered(Box::default(), 0);
                };
                let context = SnapContext { header, read_id, deadline: Some(deadline) };
                let mut place = Place::Gone;
                let AskedRead { span, .. } = door.ask(&context, read, &mut place);
                let is_scan = request.what.is_scan();
                if let Some((_, true)) = request.batch {
                    door.end_batch();
                }
                match place {
                    Place::Here(mut response) => {
                        if is_scan {
                            response = door.scanned(&span, response, &ScanRange::all());
                        }
                        Receiver::Answered(Box::new(Answer::of_read(response)), self.now_ns())
                    }
                    Place::Elsewhere(receiver) => Receiver::Read(receiver, span),
                    // A callback answers even when it is dropped, so this one was leaked.
                    Place::Gone => Receiver::Answered(Box::default(), self.now_ns()),
                }
            }
            What::Write(_) | What::Transfer(_) | What::Admin(_) => {
                let (callback, receiver) = Callback::write(region);
                let at = door.now() + deadline;
                door.router().send(command, callback, Some(at));
                Receiver::Write(receiver)
            }
        }
    }

    pub(super) fn command(&self, request: &Request) -> Option<RaftCmdRequest> {
        let region = match &request.as_known {
            Some(region) => region.as_ref(),
            None => self.regions.iter().find(|region| region.id == request.region)?,
        };
        let mut header = header(region, request.node)?;
        let body = match &request.what {
            What::Write(value) => {
                let mutation = Mutation { key: request.key.clone(), value: Some(value.clone()) };
                Body::Write(vec![mutation])
            }
            What::Transfer(to) => Body::TransferLeader(*to),
            What::Admin(admin) => Body::Admin(admin.as_ref().clone()),
            What::Read(ask) => {
                header.read_quorum = *ask == AskRead::Quorum;
                header.replica_read = matches!(ask, AskRead::Replica | AskRead::Index { .. });
                Body::Read(match ask {
                    AskRead::Index { .. } => ReadCommand::ReadIndex,
                    // Both kinds of reads take part: a value, and a snapshot.
                    _ if request.batch.is_some() => ReadCommand::Snap,
                    AskRead::Scan => ReadCommand::Snap,
                    AskRead::Leader | AskRead::Quorum | AskRead::Replica => {
                        ReadCommand::Get { key: request.key.clone() }
                    }
                })
            }
        };
        Some(RaftCmdRequest { header, body })
    }

    /// Handles the answers that callbacks have got since the last time.
    pub(super) fn take_answers(&mut self) {
        let now_ns = self.now_ns();
        for (op, answer) in self.waiting.take_answered(now_ns, &self.config.tracer) {
            let request = self.request(op);
            let node = self.node(request.node);
            let runs = node.running.is_some() && node.incarnation == request.incarnation;
            let lost = runs && matches!(answer.result, Err(Error::Stopped(_)));
            let is_read = matches!(request.what, What::Read(_));
            let is_late = matches!(answer.result, Err(Error::DeadlineExceeded { .. }));
            if is_read && is_late {
                self.judge_hung_read(op);
            }
            if let Err(words) = self.oracles.one_answer.answered(op, lost) {
                let operations = self.operation(op);
                self.violate(Invariant::OneAnswer, words, operations);
            }
            if self.request(op).result == OpResult::Pending {
                self.on_answer(op, answer);
            }
        }
    }

    /// A deadline must not be what ends a read when nothing has been wrong for long. Writes are not
    /// judged: one whose leader was deposed waits until its place in the log is taken.
    fn judge_hung_read(&mut self, op: OpId) {
        let calm_ns = self.nemesis.calm_ns(self.now_ns());
        let patience_ns = HUNG_TIMEOUTS * self.config.core.election_timeout().as_nanos() as u64;
        if let Err(words) = not_hung(op, calm_ns, patience_ns) {
            let operations = self.operation(op);
            self.violate(Invariant::OneAnswer, words, operations);
        }
    }

    fn on_answer(&mut self, op: OpId, answer: Answer) {
        let Answer { result, term, mode } = answer;
        let mode = mode.unwrap_or(ReadMode::ReadIndex);
        let value = match result {
            Ok(Found::Written) => return self.finish(op, OpResult::Written),
            Ok(Found::Value(ReadValue::Index(index))) => {
                self.request_mut(op).index = index;
                return self.await_applied(op);
            }
            Ok(Found::Value(ReadValue::Value(value))) => Ok(value),
            Ok(Found::Value(ReadValue::Snapshot(snapshot))) => snapshot.get(&self.request(op).key),
            Ok(Found::Value(ReadValue::Pairs(pairs))) => {
                let key = &self.request(op).key;
                Ok(pairs.into_iter().find(|(found, _)| found == key).map(|(_, value)| value))
            }
            Ok(Found::Value(ReadValue::Nothing)) => Ok(None),
            Err(error) => Err(error),
        };
        self.finish(
            op,
            match value {
                Ok(value) => OpResult::Value { value, mode, term },
                Err(error) => OpResult::Failed(error),
            },
        );
    }

    /// The consumer of a read index reads its own data as soon as it has applied so much.
    pub(super) fn await_applied(&mut self, op: OpId) {
        let request = self.request(op);
        let What::Read(AskRead::Index { consumer }) = request.what else { return };
        if request.result != OpResult::Pending {
            return;
        }
        let running = self.node(consumer).running.as_ref();
        let value = running.and_then(|running| {
            let region = RegionId(request.region);
            // A consumer lives beside a replica that has its data: not one that is gone or coming.
            let peer = &running.fsms.get(&region)?.peer;
            if !peer.is_initialized() || peer.snapshots.installing.is_some() {
                return None;
            }
            let applied = running.applied.get(&region)?;
            if *applied < request.index {
                return None;
            }
            running.ctx.engine.get(Family::Data, &request.key).ok()
        });
        match value {
            Some(value) => {
                let mode = ReadMode::ReadIndex;
                self.finish(op, OpResult::Value { value, mode, term: 0 });
            }
            None => {
                let at_ns = self.now_ns() + AWAIT_APPLIED_NS;
                self.queue.push(at_ns, Event::AwaitApplied { op });
            }
        }
    }

    /// The time of a read is over: its caller gets the error that `RaftKv` gives it then.
    pub(super) fn time_out(&mut self, op: OpId) {
        let request = self.request(op);
        if request.result != OpResult::Pending {
            return;
        }
        let waited = request.deadline.unwrap_or(self.config.core.deadline);
        let response = RaftKv::<Disk>::late_answer(RegionId(request.region), waited);
        if let Some(Receiver::Read(_, span)) = self.waiting.take(op) {
            RaftKv::<Disk>::answered(&self.config.tracer, &span, &response);
        }
        if let Err(words) = self.oracles.one_answer.answered(op, false) {
            let operations = self.operation(op);
            self.violate(Invariant::OneAnswer, words, operations);
        }
        self.on_answer(op, Answer::of_read(response));
    }

    /// A client stops waiting: what it asked for may still happen.
    pub(super) fn give_up(&mut self, op: OpId) {
        if self.request(op).result == OpResult::Pending {
            self.finish(op, OpResult::GivenUp);
        }
    }

    fn finish(&mut self, op: OpId, result: OpResult) {
        let now_ns = self.now_ns();
        self.note_result(op, &result);
        self.count(op, &result);
        let history = self.request(op).history;
        if let Some(slot) = history {
            match &result {
                OpResult::Value { value, .. } => {
                    if let Some(op) = &mut self.history[slot] {
                        op.kind = OpKind::Read(value.clone());
                        op.returned_ns = Some(now_ns);
                    }
                }
                OpResult::Written => {
                    if let Some(op) = &mut self.history[slot] {
                        op.returned_ns = Some(now_ns);
                    }
                }
                // Certain to have had no effect, or a read that says nothing.
                OpResult::Failed(error) if !error.is_undetermined() => self.history[slot] = None,
                // Open: a write may take effect at any time.
                OpResult::Failed(_) | OpResult::GivenUp | OpResult::Pending => {}
            }
        }
        let client = self.request(op).client;
        self.request_mut(op).result = result;
        if let Some(client) = client {
            self.client_answered(client, op);
        }
    }

    /// The operation of a request, for the proof of a violation.
    pub(super) fn operation(&self, op: OpId) -> Vec<Op> {
        let slot = self.request(op).history;
        slot.and_then(|slot| self.history[slot].clone()).into_iter().collect()
    }
}

/// After so many election timeouts without a fault no read waits any more that was not lost.
const HUNG_TIMEOUTS: u64 = 5;

/// How often the consumer of a read index looks whether it has applied enough.
const AWAIT_APPLIED_NS: u64 = 500_000;

/// The header of a request to the replica of `region` on `node`.
pub(super) fn header(region: &Region, node: u64) -> Option<RequestHeader> {
    let peer = region.peer_on(StoreId(node))?;
    Some(RequestHeader {
        region_id: region.region_id(),
        peer_id: peer.peer_id(),
        store_id: peer.store(),
        epoch: region.epoch,
        ..RequestHeader::default()
    })
}
