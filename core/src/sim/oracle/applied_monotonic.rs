//! What a replica has applied does not go back while its store runs, and after a crash not below
//! what was on the disk.
//!
//! Source: Raft, figure 2 ("lastApplied ... increases monotonically"); the second half is what a
//! synced write means. An applied index that went back would show a reader an older state of the
//! data than one it has shown before, which is what rules T4 to T6 wait against.

use std::collections::BTreeMap;

/// What is known of one replica.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    peer: u64,
    incarnation: u32,
    applied: u64,
    /// What was applied before the last synced write began.
    synced: u64,
}

/// Applied indices by node and region.
#[derive(Debug, Default)]
pub(in crate::sim) struct AppliedMonotonic(BTreeMap<(u64, u64), Known>);

impl AppliedMonotonic {
    /// A replica of `node` says how far it has applied.
    pub(in crate::sim) fn seen(
        &mut self,
        (node, region): (u64, u64),
        (peer, incarnation): (u64, u32),
        applied: u64,
    ) -> Result<(), String> {
        let known = self.0.entry((node, region)).or_default();
        if known.peer != peer {
            // The one before was removed: this one begins with nothing.
            *known = Known { peer, incarnation, applied, synced: 0 };
            return Ok(());
        }
        let (floor, why) = match known.incarnation == incarnation {
            true => (known.applied, "had applied"),
            false => (known.synced, "had synced before it crashed"),
        };
        (known.incarnation, known.applied) = (incarnation, applied);
        if applied >= floor {
            return Ok(());
        }
        Err(format!("n{node} has applied region {region} up to {applied}, but {why} {floor}"))
    }

    /// A synced write of `node` has succeeded, behind the apply loop's write up to `applied`.
    pub(in crate::sim) fn synced(&mut self, node: u64, region: u64, applied: u64) {
        let known = self.0.entry((node, region)).or_default();
        known.synced = known.synced.max(applied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_is_allowed_only_across_a_crash_and_not_below_the_disk() {
        let mut oracle = AppliedMonotonic::default();
        let replica = (1, 7);
        assert_eq!(oracle.seen(replica, (17, 0), 5), Ok(()));
        assert_eq!(oracle.seen(replica, (17, 0), 9), Ok(()));
        oracle.synced(1, 7, 6);
        assert_eq!(oracle.seen(replica, (17, 1), 6), Ok(()), "7 to 9 were not synced");
        let words = oracle.seen(replica, (17, 1), 5).unwrap_err();
        assert!(words.contains("up to 5, but had applied 6"), "{words}");
        let words = oracle.seen(replica, (17, 2), 4).unwrap_err();
        assert!(words.contains("had synced before it crashed 6"), "{words}");
        assert_eq!(oracle.seen(replica, (18, 2), 0), Ok(()), "another replica");
    }
}
