//! Why something lay in a mailbox, or a quorum was slow: the parts of the verdict that look at what the
//! raft threads did meanwhile.

use crate::explain::attribution::Attribution;
use crate::explain::causes::Cause;
use crate::explain::facts::{Ack, Held, Stay};
use crate::explain::verdict::{SLOW_QUORUM, Usual};
use crate::explain::wait_states::WaitState;

/// Why something lay in a mailbox for long.
pub(super) fn of_stay(stay: Option<&Stay>) -> (Cause, String) {
    let Some(stay) = stay else {
        return (Cause::PollerBusy, "no poller took it out of its mailbox".to_owned());
    };
    let store = stay.store.map_or_else(String::new, |store| format!(" of store {store}"));
    match stay.largest().0 {
        Held::Disk => (Cause::DiskSync, format!("the raft thread{store} waited for its disk")),
        Held::Poller => {
            let region = stay.region.map_or_else(String::new, |it| format!(" region {it}"));
            (Cause::PollerBusy, format!("the raft thread{store} was busy with{region}"))
        }
        Held::Nobody if stay.with_sender => (
            Cause::ReadIndexLate,
            format!(
                "its message was kept back by the raft thread{store}, which knew nobody to send it to or asked again"
            ),
        ),
        Held::Nobody => (Cause::RuntimeStall, format!("the raft thread{store} did not run")),
        Held::Unknown => {
            (Cause::PollerBusy, format!("the raft thread{store} did not take it in time"))
        }
    }
}

/// A read that waited for a quorum: either the quorum was slow, or it should have needed none.
pub(super) fn of_quorum(read: &Attribution, usual: &Usual) -> (Cause, String) {
    let facts = &read.facts;
    let wait = read.in_state_ns(WaitState::Quorum);
    let is_slow = usual.quorum_ns.is_some_and(|usual| wait > usual.saturating_mul(SLOW_QUORUM));
    let reject = facts.reject.as_deref();
    if !is_slow {
        if reject == Some("suspect") || facts.lease.as_deref() == Some("suspect") {
            let words = "its lease was suspect, so it needed a quorum";
            return (Cause::LeaseSuspect, words.to_owned());
        }
        if matches!(reject, Some("lease_expire" | "no_lease")) {
            let words = "its lease had run out, so it needed a quorum";
            return (Cause::LeaseExpired, words.to_owned());
        }
    }
    if reject == Some("applied_term") {
        return (Cause::NewLeader, "its leader had applied nothing of its term yet".to_owned());
    }
    let started_ns = read.quorum_from_ns().unwrap_or(read.start_ns);
    let ack = facts.acks.first();
    match ack.and_then(|ack| Some((ack, ack.asked_ns?))) {
        Some((ack, asked_ns)) => of_ack(ack, started_ns, asked_ns),
        None => of_round_on_its_way(read, ack, usual),
    }
}

/// A round whose heartbeats nobody traced, such as that of a renewal, which a read has joined: what
/// others say of the same time, and the last of its way.
fn of_round_on_its_way(read: &Attribution, ack: Option<&Ack>, usual: &Usual) -> (Cause, String) {
    let leader = read.facts.leader.or(read.facts.store);
    let share = read.shares.iter().find(|share| share.state == WaitState::Quorum);
    let took = share.map_or(0, |share| share.to_ns - share.from_ns);
    let at_leader = ack.and_then(|ack| ack.at_leader).filter(|stay| stay.wait_ns > took / 2);
    if let Some(stay) = at_leader {
        return of_stay(Some(&stay));
    }
    let way = leader.zip(share).and_then(|(leader, share)| {
        usual.around.slow_way_of(leader, &(share.from_ns..share.to_ns))
    });
    if let Some((from, to)) = way {
        let words = format!("messages from store {from} to store {to} were long on their way");
        return (Cause::QuorumNetwork, words);
    }
    let by = ack.map_or_else(String::new, |ack| format!(", completed by store {},", ack.store));
    (Cause::QuorumSlow, format!("the quorum{by} was slow"))
}

/// Where the time of a round went, from `started_ns` over the voter, which handled the heartbeat at
/// `asked_ns`, until the leader handled the acknowledgement.
fn of_ack(ack: &Ack, started_ns: u64, asked_ns: u64) -> (Cause, String) {
    let store = ack.store;
    let wait = |stay: Option<Stay>| stay.map_or(0, |stay| stay.wait_ns);
    let (kept, at_voter) = (wait(ack.kept_by_leader), wait(ack.at_voter));
    let (kept_back, at_leader) = (wait(ack.kept_by_voter), wait(ack.at_leader));
    let there = asked_ns.saturating_sub(started_ns).saturating_sub(kept).saturating_sub(at_voter);
    let back =
        ack.at_ns.saturating_sub(asked_ns).saturating_sub(kept_back).saturating_sub(at_leader);
    let by_voter = at_voter.saturating_add(kept_back);
    let by_leader = kept.saturating_add(at_leader);
    let longest = there.max(back).max(by_voter).max(by_leader);
    let longer =
        |one: Option<Stay>, two| one.into_iter().chain(two).max_by_key(|it: &Stay| it.wait_ns);
    if longest == by_leader && by_leader > 0 {
        return match of_stay(longer(ack.kept_by_leader, ack.at_leader).as_ref()) {
            // That is what is said of a replica's question.
            (Cause::ReadIndexLate, _) => {
                let words = "the leader kept its heartbeat back, and recorded no reason";
                (Cause::QuorumSlow, words.to_owned())
            }
            other => other,
        };
    }
    if longest == by_voter && by_voter > 0 {
        return match longer(ack.at_voter, ack.kept_by_voter).map(|stay| stay.largest().0) {
            Some(Held::Disk) => {
                (Cause::DiskSync, format!("the raft thread of store {store} waited for its disk"))
            }
            _ => {
                (Cause::QuorumVoter, format!("the raft thread of store {store} was slow to answer"))
            }
        };
    }
    if ack.at_leader.is_none() && longest == back {
        // Where it lay was not recorded: the voter's thread or the way back.
        return (Cause::QuorumVoter, format!("store {store} acknowledged late"));
    }
    let way = if longest == there { "heartbeat to" } else { "acknowledgement of" };
    (Cause::QuorumNetwork, format!("the {way} store {store} was long on its way"))
}
