//! The leader's lease as its peer keeps it: until when no other leader can have been elected.
//!
//! A lease starts when the message that renews it is sent, not when its acknowledgement comes back
//! (rule L1): a voter's promise not to vote starts when that message reaches it. Readers on other
//! threads see the lease through a [`RemoteLease`], which this one renews and ends.

use std::time::Duration;

use crate::clock::{Clock, Instant};
use crate::remote_lease::RemoteLease;
use crate::rules::{Rule, Rules};
use crate::spans::{case, enter_function, function_span, variable};

/// What a lease says at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// The leadership may be gone sooner than the lease's end: a transfer or merge is on its way.
    Suspect,
    /// No other leader can exist: a local read is safe.
    Valid,
    /// Another leader may exist.
    Expired,
}

impl LeaseState {
    /// The box of a chart that stands for this state.
    pub fn title(self) -> &'static str {
        match self {
            LeaseState::Suspect => "LeaseState::Suspect",
            LeaseState::Valid => "LeaseState::Valid",
            LeaseState::Expired => "LeaseState::Expired",
        }
    }
}

/// What renewed a lease last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RenewedBy {
    /// Nothing yet.
    #[default]
    Nothing,
    /// The election that made this peer the leader.
    Election,
    /// A committed write.
    Write,
    /// A confirmed read index.
    Read,
}

impl RenewedBy {
    /// The value of the attribute `lease.renewed_by`.
    pub fn as_str(self) -> &'static str {
        match self {
            RenewedBy::Nothing => "nothing",
            RenewedBy::Election => "election",
            RenewedBy::Write => "write",
            RenewedBy::Read => "read",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Suspect(Instant),
    Valid(Instant),
}

/// A leader's lease.
#[derive(Debug)]
pub struct Lease {
    /// `None`: expired. A suspect bound is the moment that a renewal must reach beyond.
    bound: Option<Bound>,
    max_lease: Duration,
    /// The remote lease is refreshed only when the bound has moved by more than this; it bounds no
    /// clock drift, whatever its name in the charts suggests (rule L3).
    max_drift: Duration,
    last_update: Instant,
    remote: Option<RemoteLease>,
    renewed_by: RenewedBy,
    rules: Rules,
}

impl Lease {
    /// An expired lease that lasts for `max_lease` from each renewal.
    pub fn new(max_lease: Duration) -> Self {
        Lease {
            bound: None,
            max_lease,
            max_drift: max_lease / 3,
            last_update: Instant::default(),
            remote: None,
            renewed_by: RenewedBy::Nothing,
            rules: Rules::ALL_ON,
        }
    }

    /// The same lease under other rules, for simulations.
    pub(crate) fn with_rules(self, rules: Rules) -> Self {
        Lease { rules, ..self }
    }

    /// Until when a lease lasts whose renewing message is sent at `send_at` (rule L1).
    pub fn next_expired_time(&self, send_at: Instant) -> Instant {
        send_at + self.max_lease
    }

    /// Renews the lease from the moment when the renewing message was sent.
    ///
    /// A suspect lease is lifted only by something sent after the suspicion (rule L5): its bound
    /// was set one lease after that moment, so an earlier renewal cannot reach beyond it.
    pub fn renew(&mut self, send_at: Instant, by: RenewedBy) {
        let next = self.next_expired_time(send_at);
        let longer = match self.bound {
            None => true,
            Some(Bound::Valid(bound)) => next >= bound,
            Some(Bound::Suspect(bound)) => next > bound || !self.rules.holds(Rule::L5b),
        };
        if !longer {
            return;
        }
        self.bound = Some(Bound::Valid(next));
        self.renewed_by = by;
        // A reader that asked for a renewal gets it, however little it moves the bound: until then
        // no other one asks.
        if let Some(remote) = &self.remote
            && (next.saturating_since(self.last_update) > self.max_drift || remote.is_renewing())
        {
            self.last_update = next;
            remote.renew(next, by);
        }
    }

    /// Lets readers see the whole bound, of which they may be told less after small renewals.
    pub(crate) fn refresh_remote(&mut self) {
        if let (Some(remote), Some(Bound::Valid(bound))) = (&self.remote, self.bound) {
            self.last_update = bound;
            remote.renew(bound, self.renewed_by);
        }
    }

    /// Marks the lease as not to be trusted: something sent at `send_at` lets another peer campaign
    /// at once (rule L6). The remote lease ends with it (rule L7).
    pub fn suspect(&mut self, send_at: Instant) {
        if self.rules.holds(Rule::L7) {
            self.expire_remote_lease();
        }
        self.bound = Some(Bound::Suspect(self.next_expired_time(send_at)));
    }

    /// Reads the clock and says what the lease is worth.
    pub fn inspect(&self, clock: &dyn Clock) -> LeaseState {
        let span = function_span!(
            "inspect",
            "Lease",
            "Lease::inspect",
            lease.state = tracing::field::Empty
        );
        let _entered = span.enter();
        variable!("Lease::bound", "Lease");
        let now = {
            let _span = enter_function!("monotonic_raw_now", "Lease", "monotonic_raw_now");
            clock.monotonic_raw_now()
        };
        let state = self.state_at(now);
        span.record("lease.state", state.title());
        state
    }

    /// What the lease is worth at `now`.
    pub fn state_at(&self, now: Instant) -> LeaseState {
        match self.bound {
            Some(Bound::Suspect(_)) => LeaseState::Suspect,
            Some(Bound::Valid(bound)) if now < bound => LeaseState::Valid,
            Some(Bound::Valid(_)) | None => LeaseState::Expired,
        }
    }

    /// Nanoseconds until the bound, negative when it has passed; `None` without one.
    pub fn remaining_ns(&self, now: Instant) -> Option<i64> {
        match self.bound {
            Some(Bound::Suspect(bound) | Bound::Valid(bound)) => Some(bound.signed_ns_since(now)),
            None => None,
        }
    }

    /// What renewed it last.
    pub fn renewed_by(&self) -> RenewedBy {
        self.renewed_by
    }

    /// Ends the lease and its remote copy: on step-down (rule L8) and when it was found expired.
    pub fn expire(&mut self) {
        self.expire_remote_lease();
        self.bound = None;
    }

    /// Whether it is under suspicion.
    pub fn is_suspect(&self) -> bool {
        matches!(self.bound, Some(Bound::Suspect(_)))
    }

    /// Whether less than `advance` is left of a valid lease, or nothing (rule L17, liveness only).
    pub fn needs_renewal(&self, now: Instant, advance: Duration) -> bool {
        match self.bound {
            Some(Bound::Valid(bound)) => bound.saturating_since(now) <= advance,
            Some(Bound::Suspect(_)) => false,
            None => true,
        }
    }

    /// A remote lease for readers if they have none for `term`; one per term, and one that was ended
    /// is never revived (rule L10).
    pub fn maybe_new_remote_lease(&mut self, term: u64) -> Option<RemoteLease> {
        if let Some(remote) = &self.remote {
            if remote.term() == term {
                return None;
            }
            self.expire_remote_lease();
        }
        let Some(Bound::Valid(bound)) = self.bound else { return None };
        let remote = RemoteLease::new(bound, term, self.renewed_by);
        self.last_update = bound;
        self.remote = Some(remote.clone());
        Some(remote)
    }

    /// Ends the remote copy alone; the next renewal makes a new one (rules L7, L10, M4).
    pub fn expire_remote_lease(&mut self) {
        if let Some(remote) = &self.remote {
            remote.expire();
        }
        if self.rules.holds(Rule::L10) {
            self.remote = None;
        }
    }
}

/// The `case` event of a lease state, as the charts draw it.
pub(crate) fn trace_lease_state(state: LeaseState) {
    case!(state.title(), "Peer");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const LEASE: Duration = Duration::from_nanos(900);

    fn at(ns: u64) -> Instant {
        Instant::from_ns(ns)
    }

    #[test]
    fn a_lease_starts_when_its_message_is_sent() {
        let mut lease = Lease::new(LEASE);
        assert_eq!(lease.state_at(at(0)), LeaseState::Expired);
        lease.renew(at(100), RenewedBy::Write);
        assert_eq!(lease.state_at(at(999)), LeaseState::Valid);
        assert_eq!(lease.state_at(at(1000)), LeaseState::Expired);
        assert_eq!(lease.remaining_ns(at(400)), Some(600));
        // An older renewal does not shorten it.
        lease.renew(at(50), RenewedBy::Read);
        assert_eq!(lease.state_at(at(999)), LeaseState::Valid);
        assert_eq!(lease.renewed_by(), RenewedBy::Write);
    }

    #[test]
    fn suspicion_is_lifted_only_by_what_was_sent_after_it() {
        let mut lease = Lease::new(LEASE);
        lease.renew(at(100), RenewedBy::Election);
        lease.suspect(at(200));
        for sent_ns in [0, 150, 200] {
            lease.renew(at(sent_ns), RenewedBy::Write);
            assert_eq!(lease.state_at(at(250)), LeaseState::Suspect, "sent at {sent_ns}");
        }
        lease.renew(at(201), RenewedBy::Write);
        assert_eq!(lease.state_at(at(250)), LeaseState::Valid);
    }

    #[test]
    fn suspicion_and_expiry_end_the_remote_lease_for_good() {
        let mut lease = Lease::new(LEASE);
        lease.renew(at(0), RenewedBy::Election);
        let first = lease.maybe_new_remote_lease(3).unwrap();
        assert!(lease.maybe_new_remote_lease(3).is_none(), "one per term");
        assert_eq!(first.inspect(at(10)), LeaseState::Valid);

        lease.suspect(at(20));
        assert_eq!(first.inspect(at(20)), LeaseState::Expired);
        assert!(lease.maybe_new_remote_lease(3).is_none(), "none while suspect");

        lease.renew(at(30), RenewedBy::Write);
        let second = lease.maybe_new_remote_lease(3).unwrap();
        assert_eq!(second.inspect(at(40)), LeaseState::Valid);
        assert_eq!(first.inspect(at(40)), LeaseState::Expired, "never revived");

        lease.expire();
        assert_eq!(second.inspect(at(40)), LeaseState::Expired);
        assert_eq!(lease.state_at(at(40)), LeaseState::Expired);
    }

    #[test]
    fn a_new_term_gets_a_new_remote_lease() {
        let mut lease = Lease::new(LEASE);
        lease.renew(at(0), RenewedBy::Election);
        let old = lease.maybe_new_remote_lease(3).unwrap();
        let new = lease.maybe_new_remote_lease(4).unwrap();
        assert_eq!(
            (old.inspect(at(1)), new.inspect(at(1))),
            (LeaseState::Expired, LeaseState::Valid)
        );
        assert_eq!((old.term(), new.term()), (3, 4));
    }

    #[test]
    fn the_remote_lease_is_refreshed_when_the_bound_has_moved_far_enough() {
        let mut lease = Lease::new(LEASE);
        lease.renew(at(0), RenewedBy::Election);
        let remote = lease.maybe_new_remote_lease(1).unwrap();
        lease.renew(at(100), RenewedBy::Write);
        assert_eq!(remote.inspect(at(950)), LeaseState::Expired, "moved by less than a third");
        lease.renew(at(400), RenewedBy::Write);
        assert_eq!(remote.inspect(at(950)), LeaseState::Valid);
    }

    #[test]
    fn a_reader_that_asks_for_a_renewal_is_told_of_it() {
        let mut lease = Lease::new(LEASE);
        lease.renew(at(0), RenewedBy::Election);
        let remote = lease.maybe_new_remote_lease(1).unwrap();
        lease.renew(at(100), RenewedBy::Write);
        assert!(remote.claims_renewal(at(850), 225));
        // The peer finds that its own bound is far enough off: nothing to propose, all to tell.
        assert!(!lease.needs_renewal(at(750), Duration::from_nanos(225)));
        lease.refresh_remote();
        assert_eq!(remote.inspect(at(950)), LeaseState::Valid);
        assert!(remote.claims_renewal(at(950), 225), "the next one may ask again");
        // A renewal that moves the bound by less than a third counts when it was asked for.
        lease.renew(at(150), RenewedBy::Read);
        assert_eq!(remote.inspect(at(1040)), LeaseState::Valid);
        lease.suspect(at(200));
        lease.refresh_remote();
        assert_eq!(remote.inspect(at(210)), LeaseState::Expired, "never revived");
    }

    #[test]
    fn inspecting_reads_the_clock_it_is_given() {
        let clock = ManualClock::new(at(0));
        let mut lease = Lease::new(LEASE);
        lease.renew(at(0), RenewedBy::Election);
        assert_eq!(lease.inspect(&clock), LeaseState::Valid);
        clock.advance(LEASE);
        assert_eq!(lease.inspect(&clock), LeaseState::Expired);
        assert!(lease.needs_renewal(at(800), Duration::from_nanos(100)));
        assert!(!lease.needs_renewal(at(700), Duration::from_nanos(100)));
    }
}
