//! Sends spans from a thread of its own. The program only appends to a queue; when the receiver is
//! slow the queue fills up, and what finds no room is dropped and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tracing::subscriber::NoSubscriber;

use super::error::ExportError;
use super::pipeline::Sink;

/// How many spans wait at most.
const MOST_QUEUED: usize = 65_536;
/// How many spans go into one request.
const BATCH: usize = 512;
/// How long a batch waits to fill up.
const DELAY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct ExportQueue {
    endpoint: String,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is work for the thread.
    work: Condvar,
    /// A batch has left.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<SpanData>,
    /// Spans that found no room.
    overflow: u64,
    /// Spans that were sent in vain, and how many of them were told.
    lost: u64,
    lost_told: u64,
    last_error: String,
    /// How many spans are in the request that is under way.
    in_flight: usize,
    is_urgent: bool,
    is_stopping: bool,
    has_stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between statements; a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExportQueue {
    /// Starts the thread. `make` runs on it, since a blocking HTTP client must be neither made nor
    /// used nor dropped inside an asynchronous runtime, where the caller may be.
    pub(super) fn start<E: SpanExporter + 'static>(
        endpoint: String,
        make: impl FnOnce() -> Result<E, String> + Send + 'static,
    ) -> Result<ExportQueue, String> {
        let shared = Arc::new(Shared::default());
        let (made, outcome) = mpsc::sync_channel(1);
        let theirs = Arc::clone(&shared);
        let run = move || {
            // The client's own spans must not be recorded: sending them would make more.
            tracing::subscriber::with_default(NoSubscriber::default(), || match make() {
                Ok(exporter) => {
                    let _ = made.send(Ok(()));
                    send_all(&theirs, &exporter);
                    let _ = exporter.shutdown();
                }
                Err(reason) => {
                    let _ = made.send(Err(reason));
                }
            });
            theirs.lock().has_stopped = true;
            theirs.progress.notify_all();
        };
        let thread = thread::Builder::new()
            .name("raftlens-otlp".to_owned())
            .spawn(run)
            .map_err(|error| format!("no thread could be started: {error}"))?;
        outcome.recv().unwrap_or_else(|_| Err("the exporter panicked".to_owned()))?;
        Ok(ExportQueue { endpoint, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Waits until nothing is queued or under way, and tells of what was lost since the last time.
    fn drain(&self, timeout: Duration) -> Result<(), ExportError> {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        state.is_urgent = true;
        self.shared.work.notify_all();
        while !state.has_stopped && (!state.waiting.is_empty() || state.in_flight > 0) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let spans = (state.waiting.len() + state.in_flight) as u64;
                let endpoint = self.endpoint.clone();
                return Err(ExportError::Timeout { endpoint, waited: timeout, spans });
            }
            let waited = self.shared.progress.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_urgent = false;
        let spans = state.lost - state.lost_told;
        state.lost_told = state.lost;
        if spans == 0 {
            return Ok(());
        }
        let (endpoint, reason) = (self.endpoint.clone(), state.last_error.clone());
        Err(ExportError::NotDelivered { endpoint, spans, reason })
    }
}

impl Sink for ExportQueue {
    fn accept(&self, span: SpanData) {
        let mut state = self.shared.lock();
        if state.waiting.len() >= MOST_QUEUED || state.is_stopping {
            state.overflow += 1;
            return;
        }
        state.waiting.push_back(span);
        if state.waiting.len() == BATCH {
            self.shared.work.notify_all();
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), ExportError> {
        self.drain(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), ExportError> {
        let outcome = self.drain(timeout);
        self.shared.lock().is_stopping = true;
        self.shared.work.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // After a timeout the thread may hang in a request; the program does not wait for it.
        if let (Some(thread), false) = (thread, matches!(outcome, Err(ExportError::Timeout { .. })))
        {
            let _ = thread.join();
        }
        outcome
    }

    fn dropped(&self) -> u64 {
        let state = self.shared.lock();
        state.overflow + state.lost
    }
}

/// Sends batch after batch until told to stop.
fn send_all(shared: &Shared, exporter: &impl SpanExporter) {
    while let Some(batch) = next_batch(shared) {
        let count = batch.len();
        let outcome = futures_executor::block_on(exporter.export(batch));
        let mut state = shared.lock();
        state.in_flight = 0;
        if let Err(error) = outcome {
            state.lost += count as u64;
            state.last_error = error.to_string();
        }
        drop(state);
        shared.progress.notify_all();
    }
}

/// Waits for a full batch, for the delay, or for someone in a hurry; `None` to stop.
fn next_batch(shared: &Shared) -> Option<Vec<SpanData>> {
    let mut state = shared.lock();
    let mut deadline = None;
    loop {
        if state.is_stopping && state.waiting.is_empty() {
            return None;
        }
        let is_urgent = state.is_urgent || state.is_stopping || state.waiting.len() >= BATCH;
        let now = Instant::now();
        if !state.waiting.is_empty() && (is_urgent || deadline.is_some_and(|due| due <= now)) {
            let count = state.waiting.len().min(BATCH);
            state.in_flight = count;
            return Some(state.waiting.drain(..count).collect());
        }
        // The delay counts from when the first span was seen waiting.
        if state.waiting.is_empty() {
            deadline = None;
        } else {
            deadline.get_or_insert(now + DELAY);
        }
        let left = deadline.map_or(DELAY, |due: Instant| due.saturating_duration_since(now));
        let waited = shared.work.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use std::time::SystemTime;

    use super::*;

    /// Says that a batch has come, then waits for leave to go on.
    #[derive(Debug)]
    struct Gate {
        entered: mpsc::Sender<usize>,
        leave: Mutex<mpsc::Receiver<()>>,
    }

    impl SpanExporter for Gate {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.entered.send(batch.len()).expect("the test listens");
            // A closed channel lets everything pass.
            let _ = self.leave.lock().expect("one user").recv();
            Ok(())
        }
    }

    fn span() -> SpanData {
        SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "read".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn a_slow_receiver_fills_the_queue_and_the_rest_is_counted() {
        let (entered, batches) = mpsc::channel();
        let (release, leave) = mpsc::channel();
        let gate = Gate { entered, leave: Mutex::new(leave) };
        let queue = ExportQueue::start("http://slow".to_owned(), || Ok(gate)).unwrap();
        (0..BATCH).for_each(|_| queue.accept(span()));
        assert_eq!(batches.recv(), Ok(BATCH), "the receiver has the first batch and keeps it");
        (0..MOST_QUEUED + 10).for_each(|_| queue.accept(span()));
        assert_eq!(queue.dropped(), 10);
        let error = queue.flush(Duration::ZERO).unwrap_err();
        let waiting = (MOST_QUEUED + BATCH) as u64;
        assert!(matches!(error, ExportError::Timeout { spans, .. } if spans == waiting), "{error}");
        drop(release);
        queue.shutdown(Duration::from_secs(60)).unwrap();
        assert_eq!(batches.iter().sum::<usize>(), MOST_QUEUED, "the queue was delivered whole");
        queue.accept(span());
        assert_eq!(queue.dropped(), 11, "nothing is taken after the end");
    }
}
