//! At no true instant may two nodes read under a lease of one region.
//!
//! Source: the purpose of a leader's lease (Raft thesis 6.4.1; rules L1 to L16). It cannot be seen
//! from within, where no node knows the true time. It breaks before a stale read happens, which
//! needs a write in between, so it takes fewer seeds.
//!
//! A lease counts when a read would be answered under it: the peer leads, has applied an entry of
//! its term (T1) and finds its lease valid; or a reader's thread would, which checks no role.
//! A lease that is valid by its clock but blocked by T1 may well overlap the next leader's.

/// A node that may read under its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct LeaseHolder {
    pub(in crate::sim) node: u64,
    pub(in crate::sim) term: u64,
    /// How long it still lasts, in nanoseconds of its own clock.
    pub(in crate::sim) left_ns: i64,
}

/// All nodes that hold a lease of `region` at one instant.
pub(in crate::sim) fn lease_exclusive(region: u64, holders: &[LeaseHolder]) -> Result<(), String> {
    let [first, second, ..] = holders else { return Ok(()) };
    let told = |holder: &LeaseHolder| {
        let left_ms = holder.left_ns as f64 / 1e6;
        format!("n{} in term {} for another {left_ms:.3} ms", holder.node, holder.term)
    };
    Err(format!("two leases of region {region} at once: {}, {}", told(first), told(second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_holders_are_one_too_many() {
        let holder = |node, term| LeaseHolder { node, term, left_ns: 1_500_000 };
        assert_eq!(lease_exclusive(1, &[]), Ok(()));
        assert_eq!(lease_exclusive(1, &[holder(1, 2)]), Ok(()));
        let words = lease_exclusive(1, &[holder(1, 2), holder(3, 3)]).unwrap_err();
        assert!(words.contains("n1 in term 2 for another 1.500 ms, n3 in term 3"), "{words}");
    }
}
