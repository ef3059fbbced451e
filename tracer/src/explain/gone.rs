//! Which traces are gone: a cache of hashes that never grows. A trace is forgotten when another one
//! takes its place, so some hundred thousand of the last ones are mostly remembered.

use std::hash::BuildHasher as _;

// The fast one puts ids that follow one another into few places, with some of its keys.
use foldhash::quality::RandomState;

use crate::model::TraceId;

/// Places for hashes, as a power of two.
const PLACES_LOG2: u32 = 18;

/// Traces that are gone.
#[derive(Default)]
pub(super) struct Gone {
    /// At the place that the highest bits of a hash choose, that hash; none before the first trace.
    hashes: Vec<u64>,
    hasher: RandomState,
}

impl Gone {
    /// A hash that no empty place has, and its place.
    fn hash(&self, id: TraceId) -> (u64, usize) {
        let hash = self.hasher.hash_one(id) | 1;
        (hash, (hash >> (u64::BITS - PLACES_LOG2)) as usize)
    }

    pub(super) fn insert(&mut self, id: TraceId) {
        if self.hashes.is_empty() {
            self.hashes = vec![0; 1 << PLACES_LOG2];
        }
        let (hash, at) = self.hash(id);
        if let Some(place) = self.hashes.get_mut(at) {
            *place = hash;
        }
    }

    /// Whether a trace is remembered; wrongly so once in some ten trillion times.
    pub(super) fn contains(&self, id: TraceId) -> bool {
        let (hash, at) = self.hash(id);
        self.hashes.get(at) == Some(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_traces_that_went_are_remembered() {
        let mut gone = Gone::default();
        assert!(!gone.contains(TraceId(1)));
        for id in 0..1_000_000 {
            gone.insert(TraceId(id));
        }
        let known = |from: u128| (from..from + 10_000).filter(|id| gone.contains(TraceId(*id)));
        assert!(known(990_000).count() > 9_500);
        assert!(known(0).count() < 1_000);
        assert_eq!(known(2_000_000).count(), 0);
    }
}
