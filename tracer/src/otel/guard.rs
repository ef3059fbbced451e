//! The hand that the program keeps on its recording: level, flush, shutdown, counts.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;

use super::error::ExportError;
use super::level::LevelLayer;
use super::pipeline::Pipeline;
use super::store::MemoryHandle;
#[cfg(feature = "recorder")]
use crate::recorder::FlightRecorder;

/// How long a flush waits for a slow receiver.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Keep it for as long as spans are to be recorded. Dropping it delivers what was recorded and
/// ends the recording; [`shutdown`](Self::shutdown) does the same and tells whether it worked.
#[derive(Debug)]
#[must_use = "recording ends when the guard is dropped"]
pub struct Guard {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) way: Way,
    pub(super) memory: MemoryHandle,
    pub(super) is_shut_down: bool,
}

/// How spans come to the pipeline.
#[derive(Debug)]
pub(super) enum Way {
    /// Each through OpenTelemetry's SDK.
    Sdk(SdkTracerProvider, LevelLayer),
    /// Those of the traces that a flight recorder kept.
    #[cfg(feature = "recorder")]
    Recorder(FlightRecorder),
}

/// How many spans took which way since the start. With a flight recorder, the spans of the traces
/// that it handed over; what it saw and lost itself, it counts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Spans that were started.
    pub started: u64,
    /// Spans that have ended.
    pub ended: u64,
    /// Spans that found no room or were lost on their way, summed over all destinations.
    pub dropped: u64,
}

impl Guard {
    /// Changes which spans and events are recorded, from now on and in all threads.
    ///
    /// What is above the level is as good as not there: its callsites are off, its spans have no
    /// [`TraceContext`](crate::TraceContext). [`LevelFilter::OFF`] pauses the recording.
    pub fn set_level(&self, level: LevelFilter) {
        match &self.way {
            Way::Sdk(_, own) => own.set(level),
            #[cfg(feature = "recorder")]
            Way::Recorder(recorder) => recorder.set_level(level),
        }
    }

    /// Which spans and events are recorded.
    pub fn level(&self) -> LevelFilter {
        match &self.way {
            Way::Sdk(_, level) => level.get(),
            #[cfg(feature = "recorder")]
            Way::Recorder(recorder) => recorder.level(),
        }
    }

    /// The spans that [`Init::memory`](super::Init::memory) keeps; without that call there are
    /// never any. It outlives the guard.
    pub fn memory(&self) -> MemoryHandle {
        self.memory.clone()
    }

    /// How many spans were started, have ended, and were dropped.
    pub fn counts(&self) -> Counts {
        let started = match &self.way {
            Way::Sdk(..) => self.pipeline.started(),
            #[cfg(feature = "recorder")]
            Way::Recorder(_) => self.pipeline.ended(),
        };
        Counts { started, ended: self.pipeline.ended(), dropped: self.pipeline.dropped() }
    }

    /// Delivers the spans that have ended so far: writes the file, empties the queue.
    ///
    /// # Errors
    ///
    /// [`ExportError`] of the first destination that failed; the others were served all the same.
    pub fn flush(&self) -> Result<(), ExportError> {
        self.collect();
        self.pipeline.flush(FLUSH_TIMEOUT)
    }

    /// Delivers the spans that have ended and ends the recording. Spans that are still open are
    /// not recorded any more.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    pub fn shutdown(mut self) -> Result<Counts, ExportError> {
        self.stop()?;
        Ok(self.counts())
    }

    fn stop(&mut self) -> Result<(), ExportError> {
        self.is_shut_down = true;
        self.set_level(LevelFilter::OFF);
        // First where spans come from, so that nothing is accepted after the last delivery.
        self.collect();
        if let Way::Sdk(provider, _) = &self.way {
            // It has only our processor, which cannot fail.
            let _ = provider.shutdown();
        }
        self.pipeline.shutdown(FLUSH_TIMEOUT)
    }

    /// Has the recorder hand over what it kept.
    fn collect(&self) {
        #[cfg(feature = "recorder")]
        if let Way::Recorder(recorder) = &self.way {
            recorder.flush();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_shut_down {
            // Whoever wants to know calls `shutdown`; a drop has nobody to tell.
            let _ = self.stop();
        }
    }
}
