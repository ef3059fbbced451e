//! How many traces may be kept for each reason: an incident that gives thousands of slow traces must
//! not crowd out the one with the error.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::reasons::{Reason, Reasons};

/// A bucket of tokens for each reason, filled as time passes.
pub(super) struct Quotas([Quota; Reason::ALL.len()]);

struct Quota {
    /// Traces that may still be kept, times [`ONE`]; below zero is none.
    tokens: AtomicI64,
    /// How many tokens come each second; no limit if `None`.
    per_second: Option<u32>,
    refused: AtomicU64,
    kept: AtomicU64,
}

/// Tokens are counted in thousandths, so that short pauses fill them too.
const ONE: i64 = 1000;

impl Quotas {
    /// Quotas by reason; those that are not named have no limit.
    pub(super) fn new(per_second: impl Fn(Reason) -> Option<u32>) -> Self {
        Quotas(Reason::ALL.map(|reason| {
            let per_second = per_second(reason);
            let tokens = AtomicI64::new(i64::from(per_second.unwrap_or(0)) * ONE);
            Quota { tokens, per_second, refused: AtomicU64::new(0), kept: AtomicU64::new(0) }
        }))
    }

    /// The reasons of `reasons` for which one more trace may be kept.
    #[inline]
    pub(super) fn admit(&self, reasons: Reasons) -> Reasons {
        if reasons.is_empty() { reasons } else { self.admit_some(reasons) }
    }

    #[cold]
    fn admit_some(&self, reasons: Reasons) -> Reasons {
        let mut admitted = Reasons::default();
        for reason in reasons.iter() {
            let quota = &self.0[reason as usize];
            if quota.take() {
                quota.kept.fetch_add(1, Ordering::Relaxed);
                admitted.add(reason);
            }
        }
        if admitted.is_empty() {
            for reason in reasons.iter() {
                self.0[reason as usize].refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        admitted
    }

    /// Fills the tokens of so much time; at most a second's worth is saved up.
    pub(super) fn refill(&self, passed: Duration) {
        for quota in &self.0 {
            let Some(per_second) = quota.per_second.map(i64::from) else { continue };
            let most = per_second * ONE;
            let new = (passed.as_secs_f64() * most as f64) as i64;
            let add = |tokens: i64| Some((tokens.max(0) + new).min(most));
            // The closure always gives a value.
            let _ = quota.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// How many traces were kept for a reason, and how many were not since it had no tokens left.
    pub(super) fn counts(&self, reason: Reason) -> (u64, u64) {
        let quota = &self.0[reason as usize];
        (quota.kept.load(Ordering::Relaxed), quota.refused.load(Ordering::Relaxed))
    }
}

impl Quota {
    fn take(&self) -> bool {
        if self.per_second.is_none() {
            return true;
        }
        if self.tokens.load(Ordering::Relaxed) < ONE {
            return false;
        }
        self.tokens.fetch_sub(ONE, Ordering::Relaxed) >= ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_does_not_use_up_the_other() {
        let quotas = Quotas::new(|reason| (reason == Reason::Slow).then_some(2));
        let slow = Reasons::of(Reason::Slow);
        let mut both = slow;
        both.add(Reason::Error);
        assert_eq!((quotas.admit(slow), quotas.admit(slow)), (slow, slow));
        assert!(quotas.admit(slow).is_empty());
        assert_eq!(quotas.admit(both), Reasons::of(Reason::Error));
        assert_eq!((quotas.counts(Reason::Slow), quotas.counts(Reason::Error)), ((2, 1), (1, 0)));
        quotas.refill(Duration::from_millis(500));
        assert!(!quotas.admit(slow).is_empty() && quotas.admit(slow).is_empty());
        quotas.refill(Duration::from_secs(60));
        assert!((0..2).all(|_| !quotas.admit(slow).is_empty()) && quotas.admit(slow).is_empty());
    }
}
