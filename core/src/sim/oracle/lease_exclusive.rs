//! At no true instant may two nodes read one key under a lease.
//!
//! Source: the purpose of a leader's lease (Raft thesis 6.4.1; rules L1 to L16), and of what ends it
//! when keys move to another region (rules M1 to M4). It cannot be seen from within, where no node
//! knows the true time. It breaks before a stale read happens, which needs a write in between, so
//! it takes fewer seeds.
//!
//! A lease counts when a read would be answered under it: the peer leads, has applied an entry of
//! its term (T1) and finds its lease valid; or a reader's thread would, which checks no role.
//! A lease that is valid by its clock but blocked by T1 may well overlap the next leader's.

use std::sync::Arc;

use crate::region::Region;

/// A node that may read under its lease.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) struct LeaseHolder {
    pub(in crate::sim) node: u64,
    /// As the node knows it: its range is what the lease is good for.
    pub(in crate::sim) region: Arc<Region>,
    pub(in crate::sim) term: u64,
    /// How long it still lasts, in nanoseconds of its own clock.
    pub(in crate::sim) left_ns: i64,
}

/// Whether another node holds a lease of a key that `holder` holds one of.
pub(in crate::sim) fn lease_exclusive(
    holder: &LeaseHolder,
    mut others: impl Iterator<Item = LeaseHolder>,
) -> Result<(), String> {
    let collides =
        |other: &LeaseHolder| other.node != holder.node && other.region.overlaps(&holder.region);
    let Some(other) = others.find(collides) else { return Ok(()) };
    let told = |holder: &LeaseHolder| {
        let (left_ms, region) = (holder.left_ns as f64 / 1e6, &holder.region);
        format!(
            "n{} of region {} (epoch {}) in term {} for another {left_ms:.3} ms",
            holder.node, region.id, region.epoch, holder.term
        )
    };
    let key = holder.region.start_key.as_slice().max(&other.region.start_key).escape_ascii();
    Err(format!("two leases at once of the keys from '{key}': {}, {}", told(holder), told(&other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(node: u64, term: u64, (id, from, to): (u64, &str, &str)) -> LeaseHolder {
        let region = Region { id, start_key: from.into(), end_key: to.into(), ..Region::default() };
        LeaseHolder { node, region: Arc::new(region), term, left_ns: 1_500_000 }
    }

    #[test]
    fn two_holders_are_one_too_many() {
        let one = holder(1, 2, (1, "", ""));
        assert_eq!(lease_exclusive(&one, std::iter::empty()), Ok(()));
        assert_eq!(lease_exclusive(&one, std::iter::once(one.clone())), Ok(()));
        let others = [one.clone(), holder(3, 3, (1, "", ""))];
        let words = lease_exclusive(&one, others.into_iter()).unwrap_err();
        assert!(
            words.contains("n1 of region 1 (epoch 0.0) in term 2 for another 1.500"),
            "{words}"
        );
        assert!(words.contains("n3 of region 1 (epoch 0.0) in term 3"), "{words}");
    }

    #[test]
    fn regions_that_share_a_key_are_compared_and_others_are_not() {
        let old = holder(1, 2, (1, "a", "x"));
        for (new, sound) in [
            ((2, "m", "x"), false),
            ((2, "", "b"), false),
            ((2, "w", ""), false),
            ((2, "x", ""), true),
            ((2, "", "a"), true),
        ] {
            let found = lease_exclusive(&old, std::iter::once(holder(2, 6, new)));
            assert_eq!(found.is_ok(), sound, "{new:?}: {found:?}");
        }
        let found = lease_exclusive(&old, std::iter::once(holder(2, 6, (2, "m", "x"))));
        assert!(found.unwrap_err().contains("the keys from 'm': n1 of region 1"));
    }
}
