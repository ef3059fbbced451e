//! Why a reader's thread did not answer a read itself: the reasons of READ_PATH.md section 4.3,
//! with those that TiKV leaves without a label, each counted and recorded as `reject.reason`.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $label:literal,)*) => {
        /// Why a local read was refused, or sent on to the raft thread.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RejectReason {
            $($(#[$doc])* $variant,)*
        }

        impl RejectReason {
            /// Every reason.
            pub const ALL: &[RejectReason] = &[$(RejectReason::$variant,)*];

            /// The value of the attribute `reject.reason`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(RejectReason::$variant => $label,)*
                }
            }
        }
    };
}

reasons! {
    /// The request names another store: error.
    StoreIdMismatch = "store_id_mismatch",
    /// The delegate was not in the reader's cache, or out of date: loaded again, no rejection.
    CacheMiss = "cache_miss",
    /// No delegate for the region: sent on.
    NoRegion = "no_region",
    /// The replica here has another id: error.
    PeerIdMismatch = "peer_id_mismatch",
    /// The header's term is too old: error. Or the lease is of another term: sent on (rule L9).
    TermMismatch = "term_mismatch",
    /// The region's version differs: sent on (rule M5).
    Epoch = "epoch",
    /// The replica has no data: error.
    Witness = "witness",
    /// The replica still waits for its data: error.
    WaitData = "wait_data",
    /// Only flashback requests pass: error.
    FlashbackInProgress = "flashback_in_progress",
    /// A flashback request without a prepared flashback: error.
    FlashbackNotPrepared = "flashback_not_prepared",
    /// No entry of the term is applied yet: sent on (rule T1).
    AppliedTerm = "applied_term",
    /// The delegate has no lease: sent on.
    NoLease = "no_lease",
    /// The lease has run out: sent on.
    LeaseExpire = "lease_expire",
    /// A stale read without a safe timestamp: error.
    SafeTs = "safe_ts",
    /// The mailbox is full: error.
    ChannelFull = "channel_full",
    /// The request asks for a quorum: sent on. TiKV has no label for it.
    ReadQuorum = "read_quorum",
    /// The request may be served by a replica: sent on. TiKV has no label for it.
    ReplicaRead = "replica_read",
    /// The lease is under suspicion: sent on. TiKV counts it as `lease_expire`.
    Suspect = "suspect",
    /// Committed entries are not applied yet: sent on (rule X1).
    ApplyLag = "apply_lag",
}

/// How often each reason occurred, shared by the readers of a store.
#[derive(Debug)]
pub struct RejectCounters([AtomicU64; RejectReason::ALL.len()]);

impl Default for RejectCounters {
    fn default() -> Self {
        RejectCounters(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl RejectCounters {
    pub(crate) fn count(&self, reason: RejectReason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often `reason` occurred since the store started.
    pub fn get(&self, reason: RejectReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_counted_apart() {
        let labels: std::collections::BTreeSet<_> =
            RejectReason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(labels.len(), RejectReason::ALL.len());
        let counters = RejectCounters::default();
        counters.count(RejectReason::Suspect);
        let counts: Vec<_> = RejectReason::ALL.iter().map(|&reason| counters.get(reason)).collect();
        assert_eq!(counts.iter().sum::<u64>(), 1);
        assert_eq!(counters.get(RejectReason::Suspect), 1);
    }
}
