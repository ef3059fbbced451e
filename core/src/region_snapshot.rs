//! What a read hands out: the engine's snapshot, bounded to the region's keys (rule S5).

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::command::{KeyValue, ScanRange};
use crate::engine::{Care, EngineSnapshot, EngineUsage, Family};
use crate::error::Error;
use crate::region::Region;

/// A consistent view of one region.
pub struct RegionSnapshot<S> {
    snapshot: MaybeShared<S>,
    region: Arc<Region>,
    term: u64,
}

/// An engine's snapshot: of one read alone, as nearly all are, or of all reads of a batch.
pub(crate) enum MaybeShared<S> {
    Own(S),
    Shared(Arc<S>),
}

impl<S> Deref for MaybeShared<S> {
    type Target = S;

    fn deref(&self) -> &S {
        match self {
            MaybeShared::Own(snapshot) => snapshot,
            MaybeShared::Shared(snapshot) => snapshot,
        }
    }
}

impl<S> RegionSnapshot<S> {
    /// A view of `region` through `snapshot`.
    pub fn new(snapshot: S, region: Arc<Region>) -> Self {
        RegionSnapshot::of(MaybeShared::Own(snapshot), region)
    }

    pub(crate) fn of(snapshot: MaybeShared<S>, region: Arc<Region>) -> Self {
        RegionSnapshot { snapshot, region, term: 0 }
    }

    /// The region that it shows.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The term of the replica that gave it: a conditional write that builds on it names this term,
    /// and is refused when leaders have come and gone since (rule T8).
    pub fn term(&self) -> u64 {
        self.term
    }

    pub(crate) fn bind_term(&mut self, term: u64) {
        self.term = term;
    }

    /// Whether `other` shares this one's engine snapshot, as reads of one batch do (mode 2).
    pub fn is_shared_with(&self, other: &RegionSnapshot<S>) -> bool {
        match (&self.snapshot, &other.snapshot) {
            (MaybeShared::Shared(this), MaybeShared::Shared(other)) => Arc::ptr_eq(this, other),
            (MaybeShared::Own(_), _) | (_, MaybeShared::Own(_)) => false,
        }
    }
}

impl<S: EngineSnapshot> RegionSnapshot<S> {
    /// The value of `key`, or `None`.
    ///
    /// # Errors
    /// [`Error::KeyNotInRegion`] for a key outside the region, [`Error::Engine`] if storage fails.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        check_key_in_region(key, &self.region)?;
        Ok(self.snapshot.get(Family::Data, key)?)
    }

    /// The keys of a range with their values, in ascending order.
    ///
    /// # Errors
    /// [`Error::KeyNotInRegion`] for a range that begins or ends outside the region (rule S5),
    /// [`Error::Engine`] if storage fails.
    pub fn scan(&self, range: &ScanRange) -> Result<Vec<KeyValue>, Error> {
        let Region { start_key, end_key, .. } = self.region();
        let from = if range.from.is_empty() { start_key } else { &range.from };
        let to = if range.to.is_empty() { end_key } else { &range.to };
        // An empty end of the region lies behind all keys, and the end of a range is not visited.
        if from < start_key || (!end_key.is_empty() && (from > end_key || to > end_key)) {
            let key = if from < start_key || from > end_key { from } else { to };
            return Err(not_in_region(key, &self.region));
        }
        let mut found = Vec::new();
        if range.limit > 0 {
            self.snapshot.scan(Family::Data, from, to, &mut |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                found.len() < range.limit
            })?;
        }
        Ok(found)
    }

    /// As [`RegionSnapshot::scan`], with how long it took and what it cost the engine.
    pub(crate) fn scan_measured(
        &self,
        range: &ScanRange,
        clock: &dyn Clock,
    ) -> (Result<Vec<KeyValue>, Error>, Duration, EngineUsage) {
        let before = clock.monotonic_raw_now();
        let (found, mut usage) = self.snapshot.measure(Care::Times, |_| self.scan(range));
        usage.keys = Some(found.as_ref().map_or(0, |found| found.len() as u64));
        (found, clock.monotonic_raw_now().saturating_since(before), usage)
    }
}

/// Refuses a key that the region does not cover.
pub(crate) fn check_key_in_region(key: &[u8], region: &Region) -> Result<(), Error> {
    if region.contains(key) {
        return Ok(());
    }
    Err(not_in_region(key, region))
}

fn not_in_region(key: &[u8], region: &Region) -> Error {
    Error::KeyNotInRegion {
        key: key.to_vec(),
        region: region.region_id(),
        start: region.start_key.clone(),
        end: region.end_key.clone(),
    }
}

impl<S> fmt::Debug for RegionSnapshot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionSnapshot(region {}, term {})", self.region.id, self.term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Durability, Engine, MemoryEngine, WriteBatch};

    fn snapshot(start: &[u8], end: &[u8]) -> RegionSnapshot<<MemoryEngine as Engine>::Snapshot> {
        let engine = MemoryEngine::new();
        let mut batch = WriteBatch::new();
        for key in ["a", "c", "e", "g"] {
            batch.put(Family::Data, key, key);
        }
        engine.write(&batch, Durability::Unsynced).unwrap();
        let region =
            Region { start_key: start.to_vec(), end_key: end.to_vec(), ..Region::default() };
        RegionSnapshot::new(engine.snapshot(), Arc::new(region))
    }

    fn keys(
        snapshot: &RegionSnapshot<<MemoryEngine as Engine>::Snapshot>,
        from: &str,
        to: &str,
        limit: usize,
    ) -> Option<String> {
        let range = ScanRange { from: from.into(), to: to.into(), limit };
        match snapshot.scan(&range) {
            Ok(found) => {
                let keys = found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap());
                Some(keys.collect())
            }
            Err(error) => {
                assert!(matches!(error, Error::KeyNotInRegion { .. }), "{error}");
                None
            }
        }
    }

    #[test]
    fn a_scan_stays_in_its_region() {
        let inner = snapshot(b"b", b"f");
        let scan = |from, to, limit| keys(&inner, from, to, limit);
        assert_eq!(scan("", "", 9).unwrap(), "ce");
        assert_eq!(scan("", "", 1).unwrap(), "c");
        assert_eq!(scan("", "", 0).unwrap(), "");
        assert_eq!(scan("c", "e", 9).unwrap(), "c");
        assert_eq!(scan("d", "f", 9).unwrap(), "e");
        assert_eq!(scan("e", "c", 9).unwrap(), "");
        for (from, to) in [("a", "d"), ("c", "g"), ("g", "h"), ("", "g")] {
            assert_eq!(scan(from, to, 9), None, "{from} {to}");
        }
        let last = snapshot(b"d", b"");
        assert_eq!(keys(&last, "", "", 9).unwrap(), "eg");
        assert_eq!(keys(&last, "f", "z", 9).unwrap(), "g");
        assert_eq!(keys(&last, "c", "", 9), None);
    }
}
