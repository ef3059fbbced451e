//! Keeps finished spans in memory, for the program itself or for a file at the end.
//!
//! OpenTelemetry's batch processor holds 2,048 spans and drops the rest when its thread falls
//! behind; here everything is kept up to a bound that the program chose, and counted beyond it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::convert::trace_set;
use super::error::ExportError;
use super::pipeline::Sink;
use crate::format::{Format, write_file};
use crate::model::TraceSet;

/// Spans come in pieces of this many, so that no push ever copies all earlier ones.
const CHUNK: usize = 1024;

#[derive(Debug)]
pub(super) struct Store {
    chunks: Mutex<Vec<Vec<SpanData>>>,
    most_spans: usize,
    dropped: AtomicU64,
    resource: Resource,
}

impl Store {
    pub(super) fn new(most_spans: usize, resource: Resource) -> Self {
        Store { chunks: Mutex::default(), most_spans, dropped: AtomicU64::new(0), resource }
    }

    fn chunks(&self) -> MutexGuard<'_, Vec<Vec<SpanData>>> {
        // A panic elsewhere cannot leave a chunk half written, so the spans are still good.
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, span: SpanData) {
        let mut chunks = self.chunks();
        if length(&chunks) >= self.most_spans {
            drop(chunks);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(span);
        }
    }

    fn snapshot(&self) -> TraceSet {
        // The copy is made under the lock and converted outside, where nobody waits for it.
        let spans = self.chunks().clone();
        trace_set(spans.iter().flatten(), &self.resource)
    }

    fn take(&self) -> TraceSet {
        let spans = std::mem::take(&mut *self.chunks());
        trace_set(spans.iter().flatten(), &self.resource)
    }
}

/// All chunks but the last are full.
fn length(chunks: &[Vec<SpanData>]) -> usize {
    chunks.split_last().map_or(0, |(last, full)| full.len() * CHUNK + last.len())
}

impl Sink for Store {
    fn accept(&self, span: SpanData) {
        self.push(span);
    }

    fn flush(&self, _: Duration) -> Result<(), ExportError> {
        Ok(())
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The spans that [`Init::memory`](super::Init::memory) collects. Clones share them.
#[derive(Clone, Debug)]
pub struct MemoryHandle(pub(super) Arc<Store>);

impl MemoryHandle {
    /// All spans that have ended so far, in that order, as a copy.
    pub fn snapshot(&self) -> TraceSet {
        self.0.snapshot()
    }

    /// All spans that have ended so far; they make room for new ones.
    pub fn take(&self) -> TraceSet {
        self.0.take()
    }

    /// How many spans are held.
    pub fn len(&self) -> usize {
        length(&self.0.chunks())
    }

    /// Whether no span has ended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many spans ended while there was no room for them.
    pub fn dropped(&self) -> u64 {
        Sink::dropped(&*self.0)
    }
}

/// A file that is written anew, whole, on every flush.
#[derive(Debug)]
pub(super) struct FileSink {
    pub(super) store: Store,
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

impl Sink for FileSink {
    fn accept(&self, span: SpanData) {
        self.store.push(span);
    }

    fn flush(&self, _: Duration) -> Result<(), ExportError> {
        write_file(&self.store.snapshot(), &self.path, self.format)?;
        Ok(())
    }

    fn dropped(&self) -> u64 {
        Sink::dropped(&self.store)
    }
}
