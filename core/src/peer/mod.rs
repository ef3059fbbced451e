//! One replica of a region: a state machine fed with messages, commands, ticks and apply results.
//!
//! It owns raft-rs's group, the lease and the reads that wait. It is given time and ids, and leaves
//! what it wants done in the context's effects, so a tokio driver and a simulator run the same
//! code. A read passes through these files in this order: `fsm`, `propose`, `inspect`, then
//! `read_local` or `read_index`; back through `ready`, `apply_reads` and `response_read`.

mod apply_reads;
mod compact;
mod forwarded_reads;
mod fsm;
mod hibernate;
mod inspect;
mod membership;
mod merge;
mod propose;
mod read_index;
mod read_local;
mod ready;
mod renew_lease;
mod response_read;
mod snapshot;
mod split;
mod step;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use raft::{RawNode, StateRole};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

pub(crate) use self::forwarded_reads::ForwardedReads;
pub(crate) use self::fsm::{PeerFsm, PeerFsmDelegate};
pub(crate) use self::hibernate::Hibernation;
pub(crate) use self::inspect::can_amend_read;
pub(crate) use self::merge::{Merging, TAKES_OVER};
pub(crate) use self::snapshot::{Installing, Snapshots};
use crate::clock::Instant;
use crate::command::RaftCommand;
use crate::config::{Config, Consistency};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::{PeerId, RegionId};
use crate::lease::Lease;
use crate::pd::PdTask;
use crate::peer_storage::PeerStorage;
use crate::poll_context::PollContext;
use crate::read_delegate::{Progress, ReadDelegate, ReadProgress};
use crate::read_queue::ReadIndexQueue;
use crate::region::{PeerMeta, Region};
use crate::rules::{Rule, Rules};
use crate::trace_context::TraceContext;

/// A write that waits for its log entry to be applied.
#[derive(Debug)]
pub(crate) struct Proposal<S> {
    pub(crate) index: u64,
    pub(crate) term: u64,
    /// The poll round's time, taken before the entry went to raft-rs (rule L1).
    pub(crate) propose_time: Instant,
    pub(crate) kind: ProposalKind,
    /// `None` for entries of our own, such as the one that lifts a suspicion.
    pub(crate) command: Option<RaftCommand<S>>,
}

/// What a committed entry means for reads, before it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProposalKind {
    Normal,
    /// Rule M2.
    Split,
    /// Rule M3.
    PrepareMerge,
    CommitMerge,
    RollbackMerge,
    CompactLog,
}

/// A local read that waits until all that was committed when it arrived is applied (rule X1).
#[derive(Debug)]
pub(crate) struct LaggingRead<S> {
    pub(crate) index: u64,
    pub(crate) since: Instant,
    pub(crate) mailbox_wait: std::time::Duration,
    pub(crate) command: RaftCommand<S>,
}

/// A confirmed read that those behind it wait for, whether they must or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFront {
    pub(crate) id: uuid::Uuid,
    pub(crate) trace: Option<TraceContext>,
    /// What was applied then.
    pub(crate) applied_index: u64,
    /// When that was.
    pub(crate) at: Instant,
}

/// What a message that a read caused carries on, until the answer has left.
#[derive(Debug, Default)]
pub(crate) struct MessageTraces(BTreeMap<Vec<u8>, Carried>);

/// The trace of a read index, and since when it has been on its way out of this replica.
#[derive(Clone, Copy, Debug)]
struct Carried {
    trace: TraceContext,
    /// `None` once a message has left with it.
    since: Option<Instant>,
    /// A message leaves with it in this round.
    leaves: bool,
}

impl MessageTraces {
    /// More than reads can be on their way between two Readies; beyond it traces lose a hop.
    const MAX: usize = 4096;

    pub(crate) fn insert(&mut self, read_context: &[u8], trace: TraceContext, now: Instant) {
        self.put(read_context, Carried { trace, since: Some(now), leaves: false });
    }

    /// The same for a read index whose first messages have left without a trace.
    pub(crate) fn adopt(&mut self, read_context: &[u8], trace: TraceContext) {
        self.put(read_context, Carried { trace, since: None, leaves: false });
    }

    fn put(&mut self, read_context: &[u8], carried: Carried) {
        if self.0.len() >= Self::MAX {
            self.0.pop_first();
        }
        self.0.insert(read_context.to_vec(), carried);
    }

    pub(crate) fn has(&self, read_context: &[u8]) -> bool {
        self.0.contains_key(read_context)
    }

    pub(crate) fn get(&self, read_context: &[u8]) -> Option<TraceContext> {
        self.0.get(read_context).map(|carried| carried.trace)
    }

    pub(crate) fn remove(&mut self, read_context: &[u8]) -> Option<TraceContext> {
        self.0.remove(read_context).map(|carried| carried.trace)
    }

    /// The trace that a message leaves with, and since when it has waited to leave; an answer is the
    /// last message of its read index. The messages of one round leave together.
    pub(crate) fn leave(
        &mut self,
        read_context: &[u8],
        is_last: bool,
    ) -> Option<(TraceContext, Option<Instant>)> {
        let Carried { trace, since, .. } = match is_last {
            true => self.0.remove(read_context)?,
            false => {
                let carried = self.0.get_mut(read_context)?;
                carried.leaves = true;
                *carried
            }
        };
        Some((trace, since))
    }

    /// What leaves next is not the first message of the read indexes whose messages have left now.
    pub(crate) fn have_left(&mut self) {
        for carried in self.0.values_mut().filter(|carried| carried.leaves) {
            *carried = Carried { since: None, leaves: false, ..*carried };
        }
    }

    /// Forgets all: what they belong to has ended with the leader or term (rule T9).
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// One replica of a region.
pub(crate) struct Peer<E: Engine> {
    pub(crate) meta: PeerMeta,
    pub(crate) raft_group: RawNode<PeerStorage<E>>,
    pub(crate) leader_lease: Lease,
    pub(crate) pending_reads: ReadIndexQueue<E::Snapshot>,
    /// Writes in the order of their log index.
    pub(crate) proposals: VecDeque<Proposal<E::Snapshot>>,
    /// Local reads that wait for the apply loop, in the order of their index.
    pub(crate) lagging_reads: VecDeque<LaggingRead<E::Snapshot>>,
    /// The confirmed read in front that could not be answered when it was last tried.
    pub(crate) in_front: Option<InFront>,
    pub(crate) progress: Arc<ReadProgress>,
    pub(crate) message_traces: MessageTraces,
    /// How many entries of the log were given to the apply loop.
    pub(crate) last_applying_index: u64,
    /// The index of the last split that is known to be committed (rule M1).
    pub(crate) last_committed_split_index: u64,
    /// What this region keeps of merges with its neighbours.
    pub(crate) merging: Merging,
    /// The snapshots that it gets.
    pub(crate) snapshots: Snapshots,
    /// It was removed or merged: the driver lets it go after this round.
    pub(crate) is_gone: bool,
    /// Until then it votes for nobody: the replica that it has replaced may have promised that.
    pub(crate) votes_from: Instant,
    /// Who has sent it messages while it did not know its region.
    pub(crate) senders: BTreeMap<u64, PeerMeta>,
    /// The Ready whose writes are on their way to the disk.
    pub(crate) unpersisted: Option<raft::Ready>,
    /// Read contexts that were answered from the lease, for the outgoing response (rule P13).
    pub(crate) lease_answers: Vec<Vec<u8>>,
    /// What other replicas have asked this leader for (hole H5).
    pub(crate) forwarded_reads: ForwardedReads,
    pub(crate) hibernation: Hibernation,
    /// The replica still waits for its data, so it answers no read (rule P12).
    pub(crate) wait_data: bool,
    /// Ticks until a leader reports itself again.
    ticks_to_report: usize,
    /// Election timeouts are drawn from here, not from raft-rs's thread-local source.
    rng: SmallRng,
    election_timeout_ticks: usize,
    last_term_and_role: (u64, StateRole),
    /// The safety rules that hold: all of them, outside a simulation.
    rules: Rules,
    strict: bool,
}

impl<E: Engine> Peer<E> {
    /// A replica on top of what `storage` has kept, which may still wait for its data. `seed`
    /// decides its election timeouts.
    pub(crate) fn new(
        meta: PeerMeta,
        storage: PeerStorage<E>,
        wait_data: bool,
        ctx: &PollContext<E>,
        seed: u64,
    ) -> Result<Self, Error> {
        let (config, rules) = (&ctx.config, ctx.rules);
        // The longest that a lease may be is what validation allows (rule L2).
        let max_lease =
            if rules.holds(Rule::L2) { config.max_leader_lease } else { config.election_timeout() };
        let mut rng = SmallRng::seed_from_u64(seed ^ meta.id);
        let election_timeout_ticks = random_election_timeout(&mut rng, config, rules);
        let applied_index = storage.applied_index();
        let raft_config = raft::Config {
            // Rule L13: without it voters keep no promise and there is no lease (rule L14).
            check_quorum: rules.holds(Rule::L13),
            ..raft_config(&meta, applied_index, config)
        };
        let raft_config = if rules.holds(Rule::L16) {
            raft_config
        } else {
            // As long as it takes a voter to forget its leader.
            let election_tick = config.election_ticks / 2;
            raft::Config { election_tick, min_election_tick: election_tick, ..raft_config }
        };
        let progress = Arc::new(ReadProgress::default());
        progress.set_applied(applied_index);
        let (region, commit) = (Arc::clone(storage.region()), storage.commit_index());
        progress.set_commit(commit);
        let mut raft_group = RawNode::new(&raft_config, storage, &crate::raft_log::logger())
            .map_err(|error| Error::Engine(format!("raft: {error}")))?;
        raft_group.skip_bcast_commit(config.skip_bcast_commit);
        raft_group.raft.set_randomized_election_timeout(election_timeout_ticks);
        let mut delegate =
            ReadDelegate::new(Arc::clone(&region), meta.peer_id(), Arc::clone(&progress), ctx.now);
        delegate.wait_data = wait_data;
        if !region.peers.is_empty() {
            ctx.meta.insert(region.region_id(), delegate);
        }
        let last_term_and_role = (raft_group.raft.term, raft_group.raft.state);
        Ok(Peer {
            meta,
            raft_group,
            leader_lease: Lease::new(max_lease).with_rules(rules),
            pending_reads: ReadIndexQueue::default().with_rules(rules),
            proposals: VecDeque::new(),
            lagging_reads: VecDeque::new(),
            in_front: None,
            progress,
            message_traces: MessageTraces::default(),
            last_applying_index: applied_index,
            last_committed_split_index: 0,
            merging: Merging::default(),
            snapshots: Snapshots::default(),
            is_gone: false,
            votes_from: Instant::default(),
            senders: BTreeMap::new(),
            unpersisted: None,
            lease_answers: Vec::new(),
            forwarded_reads: ForwardedReads::default(),
            hibernation: Hibernation::default(),
            wait_data,
            ticks_to_report: config.election_ticks,
            rng,
            election_timeout_ticks,
            last_term_and_role,
            rules,
            strict: config.consistency == Consistency::Strict && rules.holds(Rule::X1),
        })
    }

    pub(crate) fn storage(&self) -> &PeerStorage<E> {
        self.raft_group.store()
    }

    pub(crate) fn region(&self) -> &Arc<Region> {
        self.storage().region()
    }

    pub(crate) fn region_id(&self) -> RegionId {
        self.region().region_id()
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.raft_group.raft.state == StateRole::Leader
    }

    pub(crate) fn term(&self) -> u64 {
        self.raft_group.raft.term
    }

    /// The leader's replica, if one is known.
    pub(crate) fn leader(&self) -> Option<PeerMeta> {
        self.region().peer(PeerId(self.raft_group.raft.leader_id)).copied()
    }

    pub(crate) fn role_name(&self) -> &'static str {
        match self.raft_group.raft.state {
            StateRole::Follower => "follower",
            StateRole::Candidate => "candidate",
            StateRole::Leader => "leader",
            StateRole::PreCandidate => "pre_candidate",
        }
    }

    /// Whether this replica may have forgotten a promise not to vote (rule L15).
    pub(crate) fn may_have_promised(&self, ctx: &PollContext<E>) -> bool {
        ctx.maybe_in_unsafe_vote_period() || ctx.monotonic_raw_now() < self.votes_from
    }

    /// Tells readers of a changed fact.
    pub(crate) fn publish(&self, ctx: &PollContext<E>, progress: Progress) {
        ctx.meta.update(self.region_id(), ctx.monotonic_raw_now(), progress);
    }

    /// Draws a new election timeout at every change of term or role, and puts it in place of the one
    /// that raft-rs has drawn from its thread's random source, which no seed reaches.
    pub(crate) fn redraw_election_timeout(&mut self, config: &Config) {
        let now = (self.raft_group.raft.term, self.raft_group.raft.state);
        if now != self.last_term_and_role {
            self.last_term_and_role = now;
            self.election_timeout_ticks =
                random_election_timeout(&mut self.rng, config, self.rules);
        }
        let ticks = self.election_timeout_ticks;
        if self.raft_group.raft.randomized_election_timeout() != ticks {
            self.raft_group.raft.set_randomized_election_timeout(ticks);
        }
    }

    /// The next election timeout, instead of the one that was drawn: until the role or term changes.
    /// It is kept within what may be drawn.
    #[cfg(feature = "sim")]
    pub(crate) fn set_election_timeout(&mut self, config: &Config, ticks: usize) {
        let drawn = election_timeouts(config, self.rules);
        let ticks = ticks.clamp(drawn.start, drawn.end - 1);
        self.election_timeout_ticks = ticks;
        self.raft_group.raft.set_randomized_election_timeout(ticks);
    }

    /// Answers what has waited beyond its deadline. Whoever asked is gone; without this a replica
    /// that is cut off would collect commands for as long as it is. A write keeps its place, since
    /// it may still be committed, and its time, which may still renew the lease.
    pub(crate) fn fail_late_commands(&mut self, ctx: &PollContext<E>) {
        let (now, term) = (ctx.now, self.term());
        for read in self.pending_reads.take_late(now) {
            read.command.fail_late(now, term);
        }
        if self.lagging_reads.iter().any(|read| read.command.is_late(now)) {
            let (late, waiting) = std::mem::take(&mut self.lagging_reads)
                .into_iter()
                .partition(|read| read.command.is_late(now));
            self.lagging_reads = waiting;
            let late: VecDeque<LaggingRead<E::Snapshot>> = late;
            late.into_iter().for_each(|read| read.command.fail_late(now, term));
        }
        for proposal in &mut self.proposals {
            if let Some(command) = proposal.command.take_if(|command| command.is_late(now)) {
                command.fail_late(now, term);
            }
        }
    }

    /// A leader reports itself now and then, not only when it is elected: the placement driver may
    /// have been led to believe that another one leads.
    pub(crate) fn report_leadership(&mut self, ctx: &mut PollContext<E>) {
        self.ticks_to_report = self.ticks_to_report.saturating_sub(1);
        if self.ticks_to_report == 0 {
            self.ticks_to_report = ctx.config.election_ticks;
            if self.is_leader() {
                self.send_region_heartbeat(ctx);
            }
        }
    }

    pub(crate) fn send_region_heartbeat(&self, ctx: &mut PollContext<E>) {
        let (region, leader) = (Arc::clone(self.region()), self.meta);
        ctx.effects.pd.push(PdTask::RegionHeartbeat { region, leader, term: self.term() });
    }

    /// Answers everything that waits, when the replica's store stops.
    pub(crate) fn stop(&mut self) {
        let region = self.region_id();
        self.fail_all(|| Error::Stopped(region), || Error::Stopped(region));
        self.leader_lease.expire();
    }

    /// Answers everything that waits, because this replica will not (rule N3). A write that waits may
    /// have been committed.
    pub(crate) fn fail_all(&mut self, error: impl Fn() -> Error, of_write: impl Fn() -> Error) {
        let term = self.term();
        for request in self.pending_reads.take_all() {
            request.reads.into_iter().for_each(|read| read.command.callback.fail(error(), term));
        }
        for read in self.lagging_reads.drain(..) {
            read.command.callback.fail(error(), term);
        }
        for command in self.proposals.drain(..).filter_map(|proposal| proposal.command) {
            command.callback.fail(of_write(), term);
        }
    }
}

/// Between one and two election timeouts (rule L16: never less than one).
fn election_timeouts(config: &Config, rules: Rules) -> std::ops::Range<usize> {
    let ticks = config.election_ticks;
    let least = if rules.holds(Rule::L16) { ticks } else { ticks / 2 };
    least..ticks * 2
}

fn random_election_timeout(rng: &mut SmallRng, config: &Config, rules: Rules) -> usize {
    rng.random_range(election_timeouts(config, rules))
}

fn raft_config(meta: &PeerMeta, applied: u64, config: &Config) -> raft::Config {
    raft::Config {
        id: meta.id,
        election_tick: config.election_ticks,
        heartbeat_tick: config.heartbeat_ticks,
        // Never less than one timeout (rule L16).
        min_election_tick: config.election_ticks,
        max_election_tick: config.election_ticks * 2,
        applied,
        max_size_per_msg: 1024 * 1024,
        // A leader that is cut off refuses writes beyond this instead of collecting them.
        max_uncommitted_size: 64 << 20,
        max_inflight_msgs: 256,
        pre_vote: true,
        ..raft::Config::default()
    }
}
