//! What the receiver has taken and refused so far.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::refusal::Reason;

/// What was received, from the start on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests that were acknowledged.
    pub requests: u64,
    /// Spans that were written.
    pub spans: u64,
    /// Spans in acknowledged requests that were left out, since they have no ids.
    pub rejected_spans: u64,
    /// Bytes that were written, as OTLP JSON.
    pub bytes: u64,
    /// Requests that were refused, and why; only what has occurred.
    pub refused: Vec<(Reason, u64)>,
    /// The complete files, in the order in which they were completed; those that were removed since
    /// are not among them.
    pub files: Vec<PathBuf>,
    /// What the last failed write, rename or removal said, if any failed.
    pub last_fault: Option<String>,
}

impl Counts {
    /// How many requests were refused, whatever the reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().map(|(_, count)| count).sum()
    }
}

/// Refusals, counted from any thread.
#[derive(Debug, Default)]
pub(super) struct Refusals([AtomicU64; Reason::ALL.len()]);

impl Refusals {
    pub(super) fn count(&self, reason: Reason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Vec<(Reason, u64)> {
        let counts =
            Reason::ALL.map(|reason| (reason, self.0[reason as usize].load(Ordering::Relaxed)));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
