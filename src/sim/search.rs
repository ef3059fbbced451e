//! Runs seeds, several at a time, and gathers what came of them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use raftlens_core::sim::{Report, RunConfig, SimError, run};

/// What came of all seeds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many seeds were run.
    pub(crate) seeds: u64,
    /// How much time passed in them, in nanoseconds.
    pub(crate) simulated_ns: u128,
    pub(crate) events: u64,
    pub(crate) elections: u64,
    pub(crate) operations: BTreeMap<&'static str, u64>,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// The reports of the seeds with violations, in the order of the seeds.
    pub(crate) violated: BTreeMap<u64, Report>,
    /// Whether the user has stopped it.
    pub(crate) is_interrupted: bool,
}

impl Found {
    fn add(&mut self, mut report: Report) {
        self.seeds += 1;
        self.simulated_ns += u128::from(report.simulated_ns);
        self.events += report.events;
        self.elections += report.elections;
        for (sum, counts) in
            [(&mut self.operations, &report.operations), (&mut self.faults, &report.faults)]
        {
            for (name, count) in counts {
                *sum.entry(name).or_default() += count;
            }
        }
        if !report.violations.is_empty() {
            // A seed is run again for its log; thousands of logs would fill the memory.
            report.log = Vec::new();
            self.violated.insert(report.seed, report);
        }
    }
}

/// How seeds are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// How many at a time.
    pub(crate) jobs: usize,
    /// Whether the first violation ends it.
    pub(crate) only_first: bool,
}

/// Runs all seeds until `stop` says so; `done` is told of each seed that is done.
pub(crate) fn search(
    seeds: &[RangeInclusive<u64>],
    config: &RunConfig,
    how: How,
    (stop, done): (&AtomicBool, &dyn Fn(&Found)),
) -> Result<Found, SimError> {
    let found_one = AtomicBool::new(false);
    let next = Mutex::new(seeds.iter().cloned().flatten());
    let take = || {
        let mut seeds = next.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = stop.load(Ordering::Relaxed) || found_one.load(Ordering::Relaxed);
        if is_over { None } else { seeds.next() }
    };
    let (sender, reports) = mpsc::channel();
    let mut found = Found::default();
    std::thread::scope(|scope| {
        for _ in 0..how.jobs {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some(seed) = take() {
                    // Nobody listens any more once a world could not be made.
                    if sender.send(run(seed, config)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for report in &reports {
            found.add(report?);
            if how.only_first && !found.violated.is_empty() {
                found_one.store(true, Ordering::Relaxed);
            }
            done(&found);
        }
        drop(reports);
        Ok::<(), SimError>(())
    })?;
    found.is_interrupted = stop.load(Ordering::Relaxed);
    Ok(found)
}
