//! What a read hands out: the engine's snapshot, bounded to the region's keys (rule S5).

use std::fmt;
use std::sync::Arc;

use crate::engine::{EngineSnapshot, Family};
use crate::error::Error;
use crate::region::Region;

/// A consistent view of one region. Clones share the engine's snapshot.
pub struct RegionSnapshot<S> {
    snapshot: Arc<S>,
    region: Arc<Region>,
    term: u64,
}

impl<S> RegionSnapshot<S> {
    /// A view of `region` through `snapshot`.
    pub fn new(snapshot: Arc<S>, region: Arc<Region>) -> Self {
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
        Arc::ptr_eq(&self.snapshot, &other.snapshot)
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
}

/// Refuses a key that the region does not cover.
pub(crate) fn check_key_in_region(key: &[u8], region: &Region) -> Result<(), Error> {
    if region.contains(key) {
        return Ok(());
    }
    Err(Error::KeyNotInRegion {
        key: key.to_vec(),
        region: region.region_id(),
        start: region.start_key.clone(),
        end: region.end_key.clone(),
    })
}

impl<S> Clone for RegionSnapshot<S> {
    fn clone(&self) -> Self {
        RegionSnapshot {
            snapshot: Arc::clone(&self.snapshot),
            region: Arc::clone(&self.region),
            term: self.term,
        }
    }
}

impl<S> fmt::Debug for RegionSnapshot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionSnapshot(region {}, term {})", self.region.id, self.term)
    }
}
