//! How much memory requests may take while they wait. Whoever wants more than is left waits, and so
//! reads its connection no further: that is what slows senders down.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::refusal::{Reason, Refusal};

/// Bytes are counted in units, since a semaphore has 32-bit permits.
const UNIT_BYTES: usize = 1 << 10;

/// The memory that all requests share.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    units: Arc<Semaphore>,
    patience: Duration,
}

impl Budget {
    pub(super) fn new(bytes: usize, patience: Duration) -> Self {
        let units = (bytes / UNIT_BYTES).clamp(1, u32::MAX as usize);
        Budget { units: Arc::new(Semaphore::new(units)), patience }
    }

    /// The share of a new request: a unit, so that many empty ones are bounded too.
    pub(super) async fn begin(&self) -> Result<Share, Refusal> {
        let permit = self.take(1).await?;
        Ok(Share { budget: self.clone(), permit, bytes: 0 })
    }

    async fn take(&self, units: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.units).acquire_many_owned(units);
        match timeout(self.patience, permits).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed; were it, there would be no room either.
            Ok(Err(_)) | Err(_) => Err(Refusal::new(
                Reason::Overloaded,
                "more requests are waiting than there is room for; send it again later",
            )),
        }
    }
}

/// What one request has taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    permit: OwnedSemaphorePermit,
    bytes: usize,
}

impl Share {
    /// Takes room for `bytes` in all, unless it has it already.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.max(bytes);
        let missing = self.bytes.div_ceil(UNIT_BYTES).saturating_sub(self.permit.num_permits());
        if missing > 0 {
            self.permit.merge(self.budget.take(missing).await?);
        }
        Ok(())
    }

    /// Takes room for `bytes` in all, and gives back what it has beyond that.
    pub(super) async fn set_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let beyond = self.permit.num_permits().saturating_sub(bytes.div_ceil(UNIT_BYTES).max(1));
        drop(self.permit.split(beyond));
        self.bytes = bytes;
        self.grow_to(bytes).await
    }

    /// Takes room for `bytes` more.
    pub(super) async fn grow_by(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.grow_to(self.bytes.saturating_add(bytes)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_used_up_is_refused_until_it_is_given_back() {
        let budget = Budget::new(4 * UNIT_BYTES, Duration::ZERO);
        let mut one = budget.begin().await.unwrap();
        one.grow_to(3 * UNIT_BYTES).await.unwrap();
        let mut other = budget.begin().await.unwrap();
        let refusal = other.grow_by(UNIT_BYTES + 1).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::Overloaded);
        drop(one);
        other.grow_to(4 * UNIT_BYTES).await.expect("what was given back can be had");
        other.set_to(UNIT_BYTES).await.unwrap();
        assert_eq!(budget.units.available_permits(), 3);
        drop(other);
        assert_eq!(budget.units.available_permits(), 4);
    }
}
