//! What the recorder has, as a file: on demand, when the program panics, and on a signal.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use super::collector::Collector;
use super::kept::{KeptTrace, trace_set};
use super::{FlightRecorder, Shared};
use crate::format::{Format, WriteFileError, write_file};
use crate::model::TraceSet;

/// Where a dump goes. The file appears whole, and takes the place of an earlier one.
#[derive(Clone, Debug)]
pub struct DumpTo {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
}

/// Why nothing can be dumped on a signal.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The system does not let the program handle the signal.
    #[error("signal {signal} cannot be handled: {source}; take another one, SIGUSR1 for instance")]
    Signal {
        /// Its number.
        signal: i32,
        /// What the system says.
        source: std::io::Error,
    },
}

/// How long a panicking thread waits for the collector, which it may itself have interrupted.
const PATIENCE: Duration = Duration::from_millis(500);

impl FlightRecorder {
    /// Writes the traces that were kept, and those that are still open, to a file.
    ///
    /// # Errors
    ///
    /// [`WriteFileError`], which names the file.
    pub fn dump(&self, to: &DumpTo) -> Result<(), WriteFileError> {
        write_file(&self.0.everything(), &to.path, to.format)
    }

    /// Writes a dump whenever a thread of the program panics, after whatever else is done then.
    pub fn dump_on_panic(&self, to: DumpTo) {
        let recorder: Weak<Shared> = Arc::downgrade(&self.0);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            if let Some(traces) = recorder.upgrade().and_then(|recorder| recorder.everything_soon())
            {
                // The program has worse problems than a file that cannot be written.
                let _ = write_file(&traces, &to.path, to.format);
            }
        }));
    }

    /// Writes a dump within a moment of each time that the process gets a signal, `SIGUSR1` for
    /// instance. The recorder's own thread writes it; without one, [`poll`](Self::poll) does.
    ///
    /// # Errors
    ///
    /// [`DumpError::Signal`] if the signal cannot be handled.
    #[cfg(unix)]
    pub fn dump_on_signal(&self, signal: i32, to: DumpTo) -> Result<(), DumpError> {
        let was_sent = Arc::new(std::sync::atomic::AtomicBool::new(false));
        signal_hook::flag::register(signal, Arc::clone(&was_sent))
            .map_err(|source| DumpError::Signal { signal, source })?;
        self.0.signals.lock().unwrap_or_else(PoisonError::into_inner).push((was_sent, to));
        Ok(())
    }
}

impl Shared {
    /// What was kept, and what is open.
    fn everything(&self) -> TraceSet {
        self.collector().poll(&self.recording, true);
        let open = Collector::open_traces(&self.recording, Duration::ZERO);
        with_open(&self.collector(), open)
    }

    /// The same, unless the collector is busy for long.
    fn everything_soon(&self) -> Option<TraceSet> {
        let start = Instant::now();
        let mut collector = loop {
            match self.collector.try_lock() {
                Ok(collector) => break collector,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(PATIENCE / 100),
            }
        };
        collector.poll(&self.recording, true);
        Some(with_open(&collector, Collector::open_traces(&self.recording, Duration::ZERO)))
    }

    /// Writes the dumps that signals have asked for.
    pub(super) fn answer_signals(&self) {
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (was_sent, to) in signals {
            if was_sent.swap(false, std::sync::atomic::Ordering::AcqRel) {
                // There is nobody to tell; the next signal tries again.
                let _ = write_file(&self.everything(), &to.path, to.format);
            }
        }
    }
}

/// Each trace once: what is open now says more than what was said of it before.
fn with_open(collector: &Collector, open: Vec<KeptTrace>) -> TraceSet {
    let id_of = |trace: &KeptTrace| trace.spans.first().map(|root| (root.trace_id, root.span_id));
    let is_open = |trace: &&KeptTrace| !open.iter().any(|open| id_of(open) == id_of(trace));
    trace_set(collector.store.traces().filter(is_open).chain(&open), &collector.resource)
}
