//! The cause of a read's time in one sentence, with evidence and a next step.
//!
//! The state with the most time says where to look; what the spans record there says why. A cause is
//! given only with something that was recorded and shows it; else the verdict is
//! [`Cause::Unknown`]. A lost message leaves no span, so it cannot be told from a late one.

use std::collections::BTreeMap;

use crate::duration::write_duration;
use crate::explain::attribution::Attribution;
use crate::explain::causes::Cause;
use crate::explain::engine_use::{EngineUse, of_engine};
use crate::explain::facts::{Ack, Asked, Facts, Held, Stay};
use crate::explain::held_up::{of_quorum, of_stay};
use crate::explain::surroundings::{Leaders, Surroundings};
use crate::explain::wait_states::WaitState;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// The median wait for a quorum, in nanoseconds, of the reads that waited for one.
    pub quorum_ns: Option<u64>,
    /// The median duration, in nanoseconds, of the answered reads of each kind.
    pub answered_ns: BTreeMap<Asked, u64>,
    /// Who led when, and which ways between stores were slow.
    pub around: Surroundings,
}

/// So many reads must have waited for a quorum before a median says what is usual.
const ENOUGH: usize = 8;
/// A quorum that takes so many times the usual is itself slow.
pub(super) const SLOW_QUORUM: u64 = 3;

impl Usual {
    /// What is usual among `reads`.
    pub fn of(reads: &[Attribution]) -> Usual {
        let mut gathered = Gathered::default();
        reads.iter().for_each(|read| gathered.add(read));
        gathered.usual()
    }
}

/// What is needed of reads to say what is usual among them; taken from each while it is at hand.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    quorum_waits_ns: Vec<u64>,
    /// How long the reads took that were answered.
    answered_ns: BTreeMap<Asked, Vec<u64>>,
    around: Surroundings,
}

impl Gathered {
    pub(super) fn add(&mut self, read: &Attribution) {
        let wait_ns = read.in_state_ns(WaitState::Quorum);
        if wait_ns > 0 {
            self.quorum_waits_ns.push(wait_ns);
        }
        if read.facts.error.is_none() {
            self.answered_ns.entry(read.facts.asked).or_default().push(read.duration_ns);
        }
        self.around.add(read);
    }

    pub(super) fn usual(self) -> Usual {
        let is_enough = self.quorum_waits_ns.len() >= ENOUGH;
        let answered = self.answered_ns.into_iter();
        Usual {
            quorum_ns: median(self.quorum_waits_ns).filter(|_| is_enough),
            answered_ns: answered.filter_map(|(asked, all)| Some((asked, median(all)?))).collect(),
            around: self.around.sorted(),
        }
    }

    /// What the reads say of each other, alone.
    pub(super) fn around(self) -> Surroundings {
        self.around.sorted()
    }
}

/// The one in the middle, the larger one of two.
pub fn median(mut values: Vec<u64>) -> Option<u64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
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
            of_error(read, error, usual)
        }
        None => match (state, &read.facts.waits_in) {
            (Some(WaitState::Unattributed) | None, Some(span)) => still_waits(&read.facts, span),
            (Some(state), _) => of_state(read, state, usual),
            (None, None) => unknown(),
        },
    };
    if let Some(span) = &read.facts.waits_in {
        evidence.push(format!("it had not ended when this was recorded: `{span}` was open"));
    }
    add_evidence(&read.facts, &mut evidence);
    if cause == Cause::Unknown {
        evidence.clear();
    }
    Verdict { cause, state, state_ns, sentence, evidence }
}

/// What comes after the last stage that is there has not come.
fn still_waits(facts: &Facts, open: &str) -> (Cause, String) {
    let (stage, store) = match &facts.last {
        Some((stage, store)) => (&**stage, store.or(facts.store)),
        None => (open, facts.store),
    };
    let on = store.map(|store| format!(" on store {store}")).unwrap_or_default();
    (Cause::StillWaits, format!("it still waited; the last that is known of it is `{stage}`{on}"))
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
    ("waits for a snapshot", Cause::SnapshotInstall, "the replica was getting a snapshot"),
    ("waits for its data", Cause::SnapshotInstall, "the replica had no data yet"),
    ("lags too far behind", Cause::ApplyLagReplica, "the replica lagged too far behind"),
];

fn of_error(read: &Attribution, error: &str, usual: &Usual) -> (Cause, String) {
    if let Some((_, cause, words)) = ERRORS.iter().find(|(part, ..)| error.contains(part)) {
        let around = match cause {
            Cause::NoLeader | Cause::LeaderChange => of_leaderless(read, usual),
            _ => None,
        };
        return around.unwrap_or((*cause, (*words).to_owned()));
    }
    if !error.contains("no answer within") {
        return (Cause::Refused, "the request was refused".to_owned());
    }
    let facts = &read.facts;
    if let Some(median) = usual.answered_ns.get(&facts.asked)
        && read.duration_ns < *median
    {
        let (waited, median) = (write_duration(read.duration_ns), write_duration(*median));
        let words = format!("its caller waited for {waited}; such reads usually take {median}");
        return (Cause::Deadline, words);
    }
    if read.in_state_ns(WaitState::Mailbox) > read.duration_ns / 2 {
        return of_stay(facts.stay.as_ref());
    }
    let asked_leader = facts.asked_leader();
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

/// Whether there was no leader for long, or an election: a read that met nobody who led, or whose leader
/// stepped down, cannot tell.
fn of_leaderless(read: &Attribution, usual: &Usual) -> Option<(Cause, String)> {
    let (region, store) = (read.facts.region?, read.facts.store?);
    let ended = read.start_ns.saturating_add(read.duration_ns);
    let Leaders { before, after, gap_ns, was_long } = usual.around.leaders(region, ended);
    let took = write_duration(gap_ns);
    if was_long && after.is_none() {
        return Some((Cause::NoLeader, "nobody led its region from then on".to_owned()));
    }
    if was_long {
        return Some((Cause::NoLeader, format!("nobody led its region for {took}")));
    }
    let after = after?;
    if before.is_some_and(|before| before != after) {
        let words = format!("store {after} was being elected, {took} after the last answer before");
        return Some((Cause::LeaderChange, words));
    }
    (after != store).then(|| {
        let words = format!("store {store} knew no leader, while store {after} led");
        (Cause::LeaderChange, words)
    })
}

/// A message of a replica's read index that came late: whether all messages did on that way.
fn of_hop(read: &Attribution, state: WaitState, usual: &Usual) -> (Cause, String) {
    let facts = &read.facts;
    let is_question = state == WaitState::AskLeader;
    let share = read.shares.iter().find(|share| share.state == state);
    if let (Some(replica), Some(leader), Some(share)) = (facts.store, facts.leader, share) {
        let way = if is_question { (replica, leader) } else { (leader, replica) };
        if usual.around.is_slow_way(way, share.from_ns..share.to_ns) {
            let (from, to) = way;
            let words = format!("messages from store {from} to store {to} were long on their way");
            return (Cause::QuorumNetwork, words);
        }
    }
    let words = match (is_question, facts.questions_ns.len()) {
        (true, 0) => "the leader never saw its question, and it was confirmed by a later one",
        (true, 1) => "its question reached the leader late",
        (true, _) => "its question was lost, and asked again",
        (false, _) => "the leader's answer was lost or late",
    };
    (Cause::ReadIndexLate, words.to_owned())
}

fn of_state(read: &Attribution, state: WaitState, usual: &Usual) -> (Cause, String) {
    let facts = &read.facts;
    let (cause, words) = match state {
        WaitState::EngineSnapshot => (Cause::EngineSnapshot, "taking the snapshot was slow"),
        WaitState::EngineRead => return of_engine(read),
        WaitState::Mailbox => return of_stay(facts.stay.as_ref()),
        WaitState::HopMailbox => {
            return of_stay(facts.hop_stays.iter().max_by_key(|stay| stay.wait_ns));
        }
        WaitState::PollBatch => (Cause::PollerBusy, "the poller served other messages first"),
        WaitState::AskLeader | WaitState::LeaderAnswer => return of_hop(read, state, usual),
        WaitState::Quorum => return of_quorum(read, usual),
        WaitState::ApplyLag | WaitState::HeadOfLine | WaitState::Answer
            if facts.apply_disk_ns.is_some_and(|disk| disk > read.in_state_ns(state) / 2) =>
        {
            (Cause::DiskSync, "what it had to see was handed on only after a sync of the disk")
        }
        WaitState::ApplyLag if facts.asked_leader() => {
            (Cause::ApplyLagReplica, "the replica had not applied what it had to see")
        }
        WaitState::ApplyLag => {
            (Cause::ApplyLagLeader, "the leader had not applied what it had to see")
        }
        WaitState::Install => (Cause::SnapshotInstall, "the replica was getting a snapshot"),
        WaitState::HeadOfLine => (Cause::HeadOfLine, "it was confirmed and waited in line"),
        WaitState::LocalReader => (Cause::RuntimeStall, "the caller's thread did not run"),
        WaitState::Propose => (Cause::RuntimeStall, "the raft thread was held up deciding on it"),
        WaitState::Answer => (Cause::RuntimeStall, "the raft thread was held up answering it"),
        WaitState::Wake => (Cause::RuntimeStall, "it was answered but its caller did not run"),
        WaitState::NoAnswer | WaitState::Unattributed => return unknown(),
    };
    (cause, words.to_owned())
}

fn add_evidence(facts: &Facts, evidence: &mut Vec<String>) {
    if let Some(reject) = &facts.reject {
        evidence.push(format!("the reader's thread sent it on: {reject}"));
    }
    if let Some(lease) = &facts.lease {
        let by = facts.lease_renewed_by.as_deref().map(|by| format!(", last renewed by {by}"));
        evidence.push(format!("the lease was {lease}{}", by.unwrap_or_default()));
    }
    for stay in facts.stays().chain(facts.acks.iter().flat_map(Ack::stays)) {
        evidence.extend(told_stay(stay));
    }
    evidence.extend(facts.engine.map(EngineUse::told).unwrap_or_default());
    if let Some((trace, span)) = facts.in_front {
        evidence.push(format!("the read in front was that of span {span} of trace {trace}"));
    }
    if let Some((trace, span)) = facts.carrier {
        let reads = facts.batch;
        evidence.push(format!(
            "it shared the round of its carrier, span {span} of trace {trace}, as one of {reads} reads"
        ));
    }
    if facts.joined_renewal {
        evidence.push(
            "it joined a round on its way that no read had begun: a renewal of the lease".into(),
        );
    }
    if let (Some(index), Some(applied)) = (facts.read_index, facts.applied_index) {
        evidence.push(format!("it had to see index {index}; {applied} was applied when it came"));
    }
}

/// A stay in a mailbox as evidence, if it was long enough to matter.
fn told_stay(stay: &Stay) -> Option<String> {
    let (held, ns) = stay.largest();
    let store = stay.store?;
    if stay.wait_ns < STAY_MIN_NS {
        return None;
    }
    let waited = write_duration(stay.wait_ns);
    let part = write_duration(ns);
    let during = match (held, stay.region) {
        (Held::Disk, _) => format!("for {part} of it the raft thread waited for its disk"),
        (Held::Poller, Some(region)) => {
            format!("for {part} of it the raft thread served region {region}")
        }
        (Held::Poller, None) => format!("for {part} of it the raft thread served others"),
        (Held::Nobody, _) if stay.with_sender => return None,
        (Held::Nobody, _) => format!("for {part} of it no raft thread ran"),
        (Held::Unknown, _) => return None,
    };
    Some(format!("{waited} in a mailbox of store {store}; {during}"))
}

/// A shorter stay in a mailbox is no evidence of anything.
const STAY_MIN_NS: u64 = 500_000;
