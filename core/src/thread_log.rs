//! What the raft threads of a store did for long, so that whoever waited for one can say why.
//!
//! A poller notes each region that kept it, and each write that it waited for on the disk. A command
//! or a message that then comes out of its mailbox splits its wait by these notes: the disk, another
//! region, or nobody, which is a thread that did not run. The stages `propose` and `step` carry that
//! as `wait.disk_ns`, `wait.poller_ns` and `poller.region_id` (DESIGN.md section 2, question 4).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Instant;
use crate::ids::RegionId;

/// Shorter work explains no slow read.
const SHORTEST: Duration = Duration::from_micros(20);
/// So many notes are kept: of work that long, hours of a mailbox's patience.
const KEPT_MAX: usize = 256;

/// What a raft thread was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// It handled a region's messages.
    Region(RegionId),
    /// It waited for the disk.
    Disk,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    work: Work,
    from: Instant,
    to: Instant,
}

/// The notes of all raft threads of one store; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadLog(Arc<Mutex<VecDeque<Note>>>);

/// How a wait for a raft thread splits. What is left of it is time in which none ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitParts {
    /// The threads waited for the disk.
    pub(crate) disk: Duration,
    /// The threads served regions.
    pub(crate) poller: Duration,
    /// The region that took most of that.
    pub(crate) region: Option<RegionId>,
}

impl ThreadLog {
    /// Notes what a thread has done.
    pub(crate) fn note(&self, work: Work, from: Instant, to: Instant) {
        if to.saturating_since(from) < SHORTEST {
            return;
        }
        // A thread that panics leaves whole notes behind.
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() == KEPT_MAX {
            notes.pop_front();
        }
        notes.push_back(Note { work, from, to });
    }

    /// Splits a wait; moments at which several threads did something are given to the one that had
    /// begun first.
    pub(crate) fn split(&self, from: Instant, to: Instant) -> WaitParts {
        let mut parts = WaitParts::default();
        if to.saturating_since(from) < SHORTEST {
            return parts;
        }
        let mut met: Vec<Note> = {
            let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            notes.iter().filter(|note| note.to > from && note.from < to).copied().collect()
        };
        met.sort_by_key(|note| note.from);
        let (mut at, mut longest) = (from, Duration::ZERO);
        for note in met {
            let taken = note.to.min(to).saturating_since(note.from.max(at));
            at = at.max(note.to.min(to));
            match note.work {
                Work::Disk => parts.disk += taken,
                Work::Region(region) => {
                    parts.poller += taken;
                    if taken > longest {
                        (longest, parts.region) = (taken, Some(region));
                    }
                }
            }
        }
        parts
    }
}

impl WaitParts {
    /// Records them on a span of a stage that came out of a mailbox.
    pub(crate) fn record(&self, span: &tracing::Span) {
        if span.is_disabled() {
            return;
        }
        span.record("wait.disk_ns", self.disk.as_nanos() as i64);
        span.record("wait.poller_ns", self.poller.as_nanos() as i64);
        if let Some(region) = self.region {
            span.record("poller.region_id", region.0 as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> Instant {
        Instant::from_ns(us * 1000)
    }

    fn us(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    #[test]
    fn a_wait_is_split_among_what_was_done_meanwhile() {
        let log = ThreadLog::default();
        log.note(Work::Region(RegionId(1)), at(0), at(100));
        log.note(Work::Disk, at(150), at(400));
        log.note(Work::Region(RegionId(2)), at(380), at(500));
        log.note(Work::Region(RegionId(3)), at(500), at(510));
        let parts = log.split(at(50), at(1000));
        assert_eq!((parts.poller, parts.disk), (us(50 + 100), us(250)));
        assert_eq!(parts.region, Some(RegionId(2)));
    }

    #[test]
    fn nothing_is_counted_twice_or_beyond_the_wait() {
        let log = ThreadLog::default();
        for _ in 0..3 {
            log.note(Work::Disk, at(0), at(1000));
        }
        assert_eq!(log.split(at(100), at(300)).disk, us(200));
        assert_eq!(log.split(at(1000), at(3000)), WaitParts::default());
        assert_eq!(log.split(at(300), at(100)), WaitParts::default());
    }

    #[test]
    fn only_the_last_notes_are_kept() {
        let log = ThreadLog::default();
        for count in 0..KEPT_MAX as u64 + 1 {
            log.note(Work::Disk, at(count * 100), at(count * 100 + 50));
        }
        assert_eq!(log.split(at(0), at(100)).disk, Duration::ZERO);
        assert_eq!(log.split(at(100), at(200)).disk, us(50));
    }
}
