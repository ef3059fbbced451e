//! Clients that write and read in every mode, on whichever node they believe leads.
//!
//! A client has its own idea of who leads and changes it only when it is told or left waiting, as
//! real ones do: those that still ask a deposed leader are the ones that could read a stale value.
//! An operation that is refused is closed, and the next one begins soon after; one that nobody
//! answers is given up. A batch of reads shares a read id, and its parts lie apart in time.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::error::Error;
use crate::sim::queue::Event;
use crate::sim::requests::{AskRead, OpId, OpResult, Request, What};
use crate::sim::world::World;
use crate::snap_cache::ThreadReadId;

/// How long a client waits after a refusal, in nanoseconds.
const BACKOFF_NS: std::ops::Range<u64> = 500_000..5_000_000;
/// How far the parts of a batch lie apart, in nanoseconds.
const BATCH_GAP_NS: std::ops::Range<u64> = 0..3_000_000;
/// How long a client waits for an answer, in nanoseconds: mostly less than an election takes, or no
/// client would find the next leader while the last one still believes in its lease.
const PATIENCE_NS: std::ops::Range<u64> = 20_000_000..120_000_000;
/// How long a client that must be quiet waits until it tries again, in nanoseconds.
const LULL_NS: std::ops::Range<u64> = 5_000_000..15_000_000;

/// One client.
#[derive(Debug)]
pub(super) struct SimClient {
    rng: SmallRng,
    id: usize,
    /// Who it believes leads each region.
    leaders: BTreeMap<u64, u64>,
    writes: u64,
    /// How many requests it waits for.
    waiting: usize,
    failed: bool,
    pub(super) is_stopped: bool,
}

impl SimClient {
    pub(super) fn new(seed: u64, id: usize) -> Self {
        let rng = SmallRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ id as u64);
        let (leaders, failed, is_stopped) = (BTreeMap::new(), false, false);
        SimClient { rng, id, leaders, writes: 0, waiting: 0, failed, is_stopped }
    }
}

impl World {
    /// Lets the clients begin.
    pub(super) fn start_clients(&mut self) {
        for client in 0..self.clients.len() {
            let at_ns = self.now_ns() + self.clients[client].rng.random_range(0..10_000_000);
            self.queue.push(at_ns, Event::Client { client });
        }
    }

    /// A client does its next operation.
    pub(super) fn client_step(&mut self, client: usize) {
        if self.clients[client].is_stopped {
            return;
        }
        if self.lulls > 0 {
            let at_ns = self.now_ns() + self.clients[client].rng.random_range(LULL_NS);
            return self.queue.push(at_ns, Event::Client { client });
        }
        let (kind, key) = {
            let rng = &mut self.clients[client].rng;
            (rng.random_range(0..20), rng.random_range(0..self.config.keys.len()))
        };
        // Of the leader instead.
        let kind = if kind >= 15 && !self.config.replica_reads { 8 } else { kind };
        self.clients[client].failed = false;
        if kind < 2 {
            return self.batch(client, key);
        }
        let node = self.target(client, key, kind);
        let what = match kind {
            2..8 => {
                let writer = &mut self.clients[client];
                writer.writes += 1;
                What::Write(format!("{}.{}", writer.id, writer.writes).into_bytes())
            }
            8..12 => What::Read(AskRead::Leader),
            12 => What::Read(AskRead::Scan),
            13..15 => What::Read(AskRead::Quorum),
            15..18 => What::Read(AskRead::Replica),
            _ => {
                let nodes = self.nodes.len() as u64;
                let consumer = self.clients[client].rng.random_range(1..=nodes);
                What::Read(AskRead::Index { consumer })
            }
        };
        let op = self.client_request(client, node, key, what);
        self.submit(op);
        self.await_answer(client, op);
    }

    /// Whom a client asks.
    fn target(&mut self, client: usize, key: usize, kind: u32) -> u64 {
        let region = self.region_of(key);
        let nodes = self.nodes.len() as u64;
        let SimClient { rng, leaders, .. } = &mut self.clients[client];
        let any = rng.random_range(1..=nodes);
        // Any replica is now and then asked for what only a leader may answer: a deposed one must
        // refuse. A write is not lost on those.
        let strays = if (2..8).contains(&kind) { 20 } else { 5 };
        if kind >= 15 || rng.random_range(0..strays) == 0 {
            return any;
        }
        *leaders.entry(region).or_insert(any)
    }

    fn region_of(&self, key: usize) -> u64 {
        self.region_for(&self.config.keys[key])
    }

    fn client_request(&mut self, client: usize, node: u64, key: usize, what: What) -> OpId {
        let region = self.region_of(key);
        let request = Request::new(node, region, &self.config.keys[key], what);
        self.clients[client].waiting += 1;
        self.new_request(Request { client: Some(client), ..request })
    }

    /// Two or three reads under one read id. All of them are called now, the first one is read now.
    fn batch(&mut self, client: usize, key: usize) {
        let node = self.target(client, key, 0);
        let read_id = ThreadReadId::new(self.node(node).clock.as_ref());
        let count = self.clients[client].rng.random_range(2..=3);
        let mut ops = Vec::with_capacity(count);
        for part in 0..count {
            let key = match part {
                0 => key,
                _ => self.clients[client].rng.random_range(0..self.config.keys.len()),
            };
            let op = self.client_request(client, node, key, What::Read(AskRead::Leader));
            self.set_batch(op, read_id.clone(), part + 1 == count);
            ops.push(op);
        }
        let mut at_ns = self.now_ns();
        for op in &ops[1..] {
            at_ns += self.clients[client].rng.random_range(BATCH_GAP_NS);
            self.queue.push(at_ns, Event::BatchNext { op: *op });
        }
        self.submit(ops[0]);
        ops.iter().for_each(|op| self.await_answer(client, *op));
    }

    /// Plans to give up; what is answered by then is left alone.
    fn await_answer(&mut self, client: usize, op: OpId) {
        if self.request(op).result != OpResult::Pending {
            return;
        }
        let patience_ns = self.clients[client].rng.random_range(PATIENCE_NS);
        self.queue.push(self.now_ns() + patience_ns, Event::GiveUp { op });
    }

    /// One of a client's requests has come to its end.
    pub(super) fn client_answered(&mut self, client: usize, op: OpId) {
        let request = self.request(op);
        let (region, node) = (request.region, request.node);
        let nodes = self.nodes.len() as u64;
        let (failed, hint) = match &request.result {
            OpResult::Failed(Error::NotLeader { leader, .. }) => {
                (true, Some(leader.map(|leader| leader.store_id)))
            }
            OpResult::Failed(Error::ServerIsBusy { .. } | Error::ReadIndexNotReady { .. }) => {
                (true, None)
            }
            OpResult::Failed(_) | OpResult::GivenUp => (true, Some(None)),
            OpResult::Value { .. } | OpResult::Written | OpResult::Pending => (false, None),
        };
        let think = self.config.think_ns.clone();
        let state = &mut self.clients[client];
        state.waiting = state.waiting.saturating_sub(1);
        state.failed |= failed;
        if let Some(hint) = hint
            && state.leaders.get(&region) == Some(&node)
        {
            let other = hint.unwrap_or_else(|| state.rng.random_range(1..=nodes));
            state.leaders.insert(region, other);
        }
        if state.waiting == 0 && !state.is_stopped {
            let span = if state.failed { BACKOFF_NS } else { think };
            let at_ns = super::poll::random_span(&mut state.rng, &span);
            self.queue.push(self.now_ns() + at_ns, Event::Client { client });
        }
    }
}
