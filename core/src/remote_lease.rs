//! The lease as reader threads see it: one atomic moment, shared by all delegates of a term.
//!
//! Only the peer's thread renews or ends it; any number of readers inspect it. Ending is final:
//! a lease that is trusted again gets a new `RemoteLease` (rule L10), so a reader that still holds
//! the old one, with an old region epoch beside it, can never be let through by a later renewal.

// `core/loom` compiles this file with loom's atomics, and tries every interleaving.
#[cfg(loom)]
use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
};
#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
};

use crate::clock::Instant;
use crate::lease::{LeaseState, RenewedBy};

#[derive(Debug)]
struct Shared {
    /// Nanoseconds; zero is "ended", which no clock reading lies before.
    expires_at_ns: AtomicU64,
    /// Set while a renewal ahead of time is on its way, so that readers do not all ask for one.
    renewing: AtomicBool,
    renewed_by: AtomicU8,
}

/// A reader's view of a leader's lease.
#[derive(Clone, Debug)]
pub struct RemoteLease {
    shared: Arc<Shared>,
    term: u64,
}

impl RemoteLease {
    pub(crate) fn new(bound: Instant, term: u64, by: RenewedBy) -> Self {
        let shared = Shared {
            expires_at_ns: AtomicU64::new(bound.as_ns()),
            renewing: AtomicBool::new(false),
            renewed_by: AtomicU8::new(by as u8),
        };
        RemoteLease { shared: Arc::new(shared), term }
    }

    /// Whether a read whose snapshot was taken before `now` may be answered locally.
    #[inline]
    pub fn inspect(&self, now: Instant) -> LeaseState {
        // Acquire pairs with the Release of `expire`: a reader that still sees the lease as valid
        // took its snapshot before whatever the peer did after ending it.
        let expires_at_ns = self.shared.expires_at_ns.load(Ordering::Acquire);
        if now.as_ns() < expires_at_ns { LeaseState::Valid } else { LeaseState::Expired }
    }

    /// The term it belongs to; a delegate of another term must not use it (rule L9).
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Nanoseconds until it ends, negative when it has; `None` when it was ended early.
    pub fn remaining_ns(&self, now: Instant) -> Option<i64> {
        match self.shared.expires_at_ns.load(Ordering::Acquire) {
            0 => None,
            ns => Some(Instant::from_ns(ns).signed_ns_since(now)),
        }
    }

    /// What renewed it last.
    pub fn renewed_by(&self) -> RenewedBy {
        match self.shared.renewed_by.load(Ordering::Relaxed) {
            by if by == RenewedBy::Election as u8 => RenewedBy::Election,
            by if by == RenewedBy::Write as u8 => RenewedBy::Write,
            by if by == RenewedBy::Read as u8 => RenewedBy::Read,
            _ => RenewedBy::Nothing,
        }
    }

    /// True for the one reader that should ask for a renewal, when less than `advance_ns` is left.
    #[inline]
    pub fn claims_renewal(&self, now: Instant, advance_ns: u64) -> bool {
        let expires_at_ns = self.shared.expires_at_ns.load(Ordering::Acquire);
        expires_at_ns != 0
            && expires_at_ns.saturating_sub(now.as_ns()) <= advance_ns
            && !self.shared.renewing.swap(true, Ordering::AcqRel)
    }

    /// Whether a reader has asked for a renewal that has not come yet.
    pub(crate) fn is_renewing(&self) -> bool {
        self.shared.renewing.load(Ordering::Acquire)
    }

    pub(crate) fn renew(&self, bound: Instant, by: RenewedBy) {
        self.shared.expires_at_ns.store(bound.as_ns(), Ordering::Release);
        self.shared.renewed_by.store(by as u8, Ordering::Relaxed);
        self.shared.renewing.store(false, Ordering::Release);
    }

    pub(crate) fn expire(&self) {
        self.shared.expires_at_ns.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reader_claims_a_renewal_until_it_came() {
        let lease = RemoteLease::new(Instant::from_ns(1000), 1, RenewedBy::Election);
        let now = Instant::from_ns(800);
        assert!(!lease.claims_renewal(now, 100), "enough is left");
        assert!(lease.claims_renewal(now, 300));
        assert!(!lease.claims_renewal(now, 300), "already asked for");
        lease.renew(Instant::from_ns(1100), RenewedBy::Read);
        assert!(lease.claims_renewal(now, 300));
        assert_eq!(lease.renewed_by(), RenewedBy::Read);
    }

    #[test]
    fn an_ended_lease_is_expired_at_any_time() {
        let lease = RemoteLease::new(Instant::from_ns(1000), 1, RenewedBy::Write);
        assert_eq!(lease.remaining_ns(Instant::from_ns(1)), Some(999));
        lease.expire();
        assert_eq!(lease.inspect(Instant::from_ns(0)), LeaseState::Expired);
        assert_eq!(lease.remaining_ns(Instant::from_ns(1)), None);
        assert!(!lease.claims_renewal(Instant::from_ns(1), 5000), "nothing to renew");
    }
}
