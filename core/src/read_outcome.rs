//! What a read came to, written onto its stage `async_snapshot`: how it was served, where the time
//! went, what the engine had to do for it, or why there is no answer.

use crate::callback::{ReadMode, ReadResponse, ReadValue};
use crate::command::ReadWaits;
use crate::engine::EngineUsage;
use crate::error::Error;
use crate::local_reader::NotLocalRead;
use crate::spans::record_fields;
use crate::trace_context::{HandOver, Tracer};

/// Writes down why the caller's thread did not answer a read, and what it did for nothing.
#[cold]
pub(crate) fn record_reject(span: &tracing::Span, not_local: NotLocalRead) {
    if span.is_disabled() {
        return;
    }
    span.record("reject.reason", not_local.reason.as_str());
    if !not_local.snapshot.is_zero() {
        span.record("wait.reader_snapshot_ns", not_local.snapshot.as_nanos() as i64);
    }
}

/// Writes down an answer, and which thread read the engine for it.
#[inline]
pub(crate) fn record_outcome<S>(
    tracer: &Tracer,
    span: &tracing::Span,
    (response, reader): (&ReadResponse<S>, &str),
) {
    if span.is_disabled() {
        return;
    }
    let waits = &response.waits;
    match (&response.result, response.mode) {
        // What no raft thread has seen has waited for none, and was linked to none.
        (Ok(value), Some(mode @ (ReadMode::LeaseLocal | ReadMode::LeaseShared))) => {
            record_fields!(
                span,
                of_mode: "read.mode" = mode.as_str(),
                of_snapshot: "wait.snapshot_ns" = waits.snapshot.as_nanos() as i64,
            );
            // Who has asked for a snapshot reads the engine later.
            if !matches!(value, ReadValue::Snapshot(_)) {
                record_engine(span, waits, reader);
            }
        }
        (Ok(_), mode) => {
            record_raft_read(span, mode.unwrap_or(ReadMode::ReadIndex), waits);
            record_engine(span, waits, reader);
            tracer.link(span, response.trace, HandOver::Callback);
        }
        (Err(error), _) => record_error(span, error),
    }
}

fn record_raft_read(span: &tracing::Span, mode: ReadMode, waits: &ReadWaits) {
    record_fields!(
        span,
        of_mode: "read.mode" = mode.as_str(),
        of_mailbox: "wait.mailbox_ns" = waits.mailbox.as_nanos() as i64,
        of_quorum: "wait.quorum_ns" = waits.quorum.as_nanos() as i64,
        of_apply: "wait.apply_ns" = waits.apply.as_nanos() as i64,
        of_snapshot: "wait.snapshot_ns" = waits.snapshot.as_nanos() as i64,
    );
}

/// Writes down what the engine had to do for a get or a scan, if it was one.
pub(crate) fn record_engine(span: &tracing::Span, waits: &ReadWaits, reader: &str) {
    if waits.engine.is_zero() && waits.usage == EngineUsage::default() {
        return;
    }
    let usage = waits.usage;
    if usage == EngineUsage::default() {
        record_fields!(
            span,
            of_engine: "wait.engine_ns" = waits.engine.as_nanos() as i64,
            of_thread: "engine.thread" = reader,
        );
        return;
    }
    let if_any = |count: u64| (count > 0).then_some(count as i64);
    let fetching = usage.block_read.filter(|_| usage.block_reads > 0);
    record_fields!(
        span,
        of_engine: "wait.engine_ns" = waits.engine.as_nanos() as i64,
        of_thread: "engine.thread" = reader,
        of_reads: "engine.block_reads" = if_any(usage.block_reads),
        of_fetching: "engine.block_read_ns" = fetching.map(|took| took.as_nanos() as i64),
        of_tombstones: "engine.tombstones" = if_any(usage.tombstones),
        of_keys: "engine.keys" = usage.keys.map(|keys| keys as i64),
    );
}

/// Writes down why there is no answer.
#[cold]
pub(crate) fn record_error(span: &tracing::Span, error: &Error) {
    tracing::record_all!(span, otel.status_code = "ERROR", error = %error);
}
