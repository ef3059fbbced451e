//! The cause of a read's time in one sentence, with evidence and a next step.
//!
//! The state with the most time says where to look; what the spans record there says why. A cause is
//! given only with something that was recorded and shows it; else the verdict is
//! [`Cause::Unknown`]. A lost message leaves no span, so it cannot be told from a late one.

use crate::duration::write_duration;
use crate::explain::attribution::{Attribution, Facts};
use crate::explain::wait_states::WaitState;

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $next:literal;)*) => {
        /// Why a read took its time, or failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $($(#[$doc])* $variant,)*
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &[Cause] = &[$(Cause::$variant,)*];

            /// The word for it in tables, in JSON and in truth files.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$variant => $word,)* }
            }

            /// What to do next.
            pub fn next_step(self) -> &'static str {
                match self { $(Cause::$variant => $next,)* }
            }
        }
    };
}

causes! {
    /// Taking a snapshot of the engine was slow.
    Engine = "engine", "look at the store's engine: stalls, block cache, compaction";
    /// The raft thread had other work.
    PollerBusy = "poller_busy", "find the region that the poller served meanwhile; more pollers, or smaller batches";
    /// The mailbox took no more.
    MailboxFull = "mailbox_full", "spread the load over more regions, or let clients back off";
    /// The lease had run out, so the read needed a quorum.
    LeaseExpired = "lease_expired", "renew the lease in advance, or read more often than it lasts";
    /// The lease was under suspicion.
    LeaseSuspect = "lease_suspect", "see which transfer, split or merge was under way";
    /// A leader that had not applied an entry of its term.
    NewLeader = "new_leader", "see why the leader changed; the read may be asked again at once";
    /// The leader or its term changed while the read waited.
    LeaderChange = "leader_change", "see why there was an election";
    /// The replica knew no leader.
    NoLeader = "no_leader", "check whether a majority of the voters is up and connected";
    /// One split or merge refused it.
    SplitOrMerge = "split_or_merge", "ask again when the region has changed";
    /// The quorum was slow: the way to the voter.
    QuorumRequest = "quorum_request", "check the network from the leader to the named voter";
    /// The quorum was slow: the voter, or the way back.
    QuorumVoter = "quorum_voter", "check the named voter's disk and load, and the network from it";
    /// The quorum was slow, and the trace does not say through whom.
    QuorumSlow = "quorum_slow", "record `step` spans on the voters too";
    /// The leader had not applied what the read had to see.
    ApplyLagLeader = "apply_lag_leader", "check the leader's apply threads and its disk";
    /// The replica had not applied what the read had to see.
    ApplyLagReplica = "apply_lag_replica", "check the replica's apply threads and whether it gets its log in time";
    /// It was confirmed and had its data, but waited behind something.
    HeadOfLine = "head_of_line", "look at the reads in front in the same region";
    /// A message of a replica's read index was lost or late.
    ReadIndexLate = "read_index_late", "check the network between the replica and its leader";
    /// The region had changed.
    EpochChange = "epoch_change", "let the client refresh its regions";
    /// The read's time was up, and the trace does not say why.
    Deadline = "deadline", "record all stages, or raise the deadline";
    /// The code ran where it waits for nothing, or rather did not run.
    RuntimeStall = "runtime_stall", "check for too few processors, long polls, or a stopped process";
    /// The request itself was wrong.
    Refused = "refused", "correct the request as the error says";
    /// Nothing recorded says why.
    Unknown = "unknown", "record all stages of the read path";
}

/// The verdict on one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why.
    pub cause: Cause,
    /// The state that most of the time went to; none if no time passed.
    pub state: Option<WaitState>,
    /// Nanoseconds in that state.
    pub state_ns: u64,
    /// The cause in words.
    pub sentence: String,
    /// What was recorded that shows it; never empty but for [`Cause::Unknown`].
    pub evidence: Vec<String>,
}

/// What is usual among the reads of the same set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// The median wait for a quorum, in nanoseconds, of the reads that waited for one.
    pub quorum_ns: Option<u64>,
}

/// So many reads must have waited for a quorum before a median says what is usual.
const ENOUGH: usize = 8;
/// A quorum that takes so many times the usual is itself slow.
const SLOW_QUORUM: u64 = 3;

impl Usual {
    /// What is usual among `reads`.
    pub fn of(reads: &[Attribution]) -> Usual {
        let waits = reads.iter().map(|read| read.in_state_ns(WaitState::Quorum));
        let mut waits: Vec<u64> = waits.filter(|wait| *wait > 0).collect();
        waits.sort_unstable();
        let median = waits.get(waits.len() / 2).copied();
        Usual { quorum_ns: median.filter(|_| waits.len() >= ENOUGH) }
    }
}

/// Why the read took its time, or failed.
pub fn judge(read: &Attribution, usual: &Usual) -> Verdict {
    let largest = read.largest();
    let (state, state_ns) = largest.map_or((None, 0), |(state, ns)| (Some(state), ns));
    let mut evidence = Vec::new();
    if let Some((state, ns)) = largest {
        let (part, whole) = (write_duration(ns), write_duration(read.duration_ns));
        evidence.push(format!("{part} of {whole} went to {state} ({})", state.shown_by()));
    }
    let (cause, sentence) = match &read.facts.error {
        Some(error) => {
            evidence.push(format!("it ended with: {error}"));
            of_error(read, error)
        }
        None => state.map_or_else(unknown, |state| of_state(read, state, usual)),
    };
    add_evidence(&read.facts, &mut evidence);
    if cause == Cause::Unknown {
        evidence.clear();
    }
    Verdict { cause, state, state_ns, sentence, evidence }
}

fn unknown() -> (Cause, String) {
    (Cause::Unknown, "nothing that was recorded says where its time went".to_owned())
}

/// Parts of the errors of `core`, and what they mean.
const ERRORS: &[(&str, Cause, &str)] = &[
    ("has not committed an entry of its term", Cause::NewLeader, "its leader was new"),
    ("none is known", Cause::NoLeader, "the replica knew no leader"),
    ("leader or term changed", Cause::LeaderChange, "the leader changed while it waited"),
    ("led when the read arrived", Cause::LeaderChange, "the leader changed while it waited"),
    ("not the leader", Cause::LeaderChange, "the client asked a former leader"),
    ("being split", Cause::SplitOrMerge, "its region was being split"),
    ("being merged", Cause::SplitOrMerge, "its region was being merged"),
    ("is at epoch", Cause::EpochChange, "its region had changed"),
    ("busy", Cause::MailboxFull, "its region's mailbox was full"),
    ("lags too far behind", Cause::ApplyLagReplica, "the replica lagged too far behind"),
];

fn of_error(read: &Attribution, error: &str) -> (Cause, String) {
    if let Some((_, cause, words)) = ERRORS.iter().find(|(part, ..)| error.contains(part)) {
        return (*cause, (*words).to_owned());
    }
    if !error.contains("no answer within") {
        return (Cause::Refused, "the request was refused".to_owned());
    }
    let facts = &read.facts;
    if read.in_state_ns(WaitState::Mailbox) > read.duration_ns / 2 {
        return (Cause::PollerBusy, "no poller took it out of its mailbox in time".to_owned());
    }
    let asked_leader = facts.role.as_deref() == Some("follower");
    if asked_leader && facts.questions_ns.is_empty() {
        let words = "the leader never saw the replica's question, or recorded nothing of it";
        return (Cause::ReadIndexLate, words.to_owned());
    }
    if asked_leader {
        return (Cause::ReadIndexLate, "the replica never saw the leader's answer".to_owned());
    }
    if facts.role.is_some() && facts.acks.is_empty() {
        return (Cause::QuorumSlow, "no voter acknowledged its round".to_owned());
    }
    (Cause::Deadline, "its time was up".to_owned())
}

fn of_state(read: &Attribution, state: WaitState, usual: &Usual) -> (Cause, String) {
    let (cause, words) = match state {
        WaitState::EngineSnapshot => (Cause::Engine, "taking the snapshot was slow"),
        WaitState::Mailbox => (Cause::PollerBusy, "it waited in the mailbox for its poller"),
        WaitState::PollBatch => (Cause::PollerBusy, "the poller served other messages first"),
        WaitState::AskLeader => (Cause::ReadIndexLate, "its question reached the leader late"),
        WaitState::LeaderAnswer => (Cause::ReadIndexLate, "the leader's answer came late"),
        WaitState::Quorum => return of_quorum(read, usual),
        WaitState::ApplyLag if read.facts.role.as_deref() == Some("follower") => {
            (Cause::ApplyLagReplica, "the replica had not applied what it had to see")
        }
        WaitState::ApplyLag => {
            (Cause::ApplyLagLeader, "the leader had not applied what it had to see")
        }
        WaitState::HeadOfLine => (Cause::HeadOfLine, "it was confirmed and waited in line"),
        WaitState::LocalReader => (Cause::RuntimeStall, "the caller's thread did not run"),
        WaitState::Propose => (Cause::RuntimeStall, "the raft thread was held up deciding on it"),
        WaitState::Answer => (Cause::RuntimeStall, "the raft thread was held up answering it"),
        WaitState::Wake => (Cause::RuntimeStall, "it was answered but its caller did not run"),
        WaitState::NoAnswer | WaitState::Unattributed => return unknown(),
    };
    (cause, words.to_owned())
}

/// A read that waited for a quorum: either the quorum was slow, or it should have needed none.
fn of_quorum(read: &Attribution, usual: &Usual) -> (Cause, String) {
    let facts = &read.facts;
    let wait = read.in_state_ns(WaitState::Quorum);
    let is_slow = usual.quorum_ns.is_some_and(|usual| wait > usual.saturating_mul(SLOW_QUORUM));
    let reject = facts.reject.as_deref();
    if reject == Some("suspect") || facts.lease.as_deref() == Some("suspect") {
        return (Cause::LeaseSuspect, "its lease was suspect, so it needed a quorum".to_owned());
    }
    if reject == Some("applied_term") {
        return (Cause::NewLeader, "its leader had applied nothing of its term yet".to_owned());
    }
    let expired = matches!(reject, Some("lease_expire" | "no_lease"));
    if expired && !is_slow {
        return (Cause::LeaseExpired, "its lease had run out, so it needed a quorum".to_owned());
    }
    let Some(ack) = facts.acks.first() else {
        return (Cause::QuorumSlow, "the quorum was slow".to_owned());
    };
    let started = read.shares.iter().find(|share| share.state == WaitState::Quorum);
    let started = started.map_or(0, |share| share.from_ns);
    let store = ack.store;
    match ack.asked_ns {
        Some(asked) if asked.saturating_sub(started) > ack.at_ns.saturating_sub(asked) => {
            (Cause::QuorumRequest, format!("the heartbeat reached store {store} late"))
        }
        Some(_) => (Cause::QuorumVoter, format!("store {store} acknowledged late")),
        None => (Cause::QuorumSlow, format!("the quorum, completed by store {store}, was slow")),
    }
}

fn add_evidence(facts: &Facts, evidence: &mut Vec<String>) {
    if let Some(reject) = &facts.reject {
        evidence.push(format!("the reader's thread sent it on: {reject}"));
    }
    if let Some(lease) = &facts.lease {
        let by = facts.lease_renewed_by.as_deref().map(|by| format!(", last renewed by {by}"));
        evidence.push(format!("the lease was {lease}{}", by.unwrap_or_default()));
    }
    if let Some((trace, span)) = facts.carrier {
        evidence.push(format!("it shared the round of its carrier, span {span} of trace {trace}"));
    }
    if let (Some(index), Some(applied)) = (facts.read_index, facts.applied_index) {
        evidence.push(format!("it had to see index {index}; {applied} was applied when it came"));
    }
}
