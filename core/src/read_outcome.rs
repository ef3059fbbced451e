//! What a read came to, written onto its stage `async_snapshot`: how it was served, where the time
//! went, what the engine had to do for it, or why there is no answer.

use crate::callback::{ReadMode, ReadResponse};
use crate::command::ReadWaits;
use crate::engine::EngineUsage;
use crate::error::Error;
use crate::spans::record_fields;
use crate::trace_context::{HandOver, Tracer};

/// Writes down an answer, and which thread read the engine for it.
pub(crate) fn record_outcome<S>(
    tracer: &Tracer,
    span: &tracing::Span,
    (response, reader): (&ReadResponse<S>, &str),
) {
    if span.is_disabled() {
        return;
    }
    match &response.result {
        Ok(_) => {
            let waits = response.waits;
            record_fields!(
                span,
                of_mode: "read.mode" = response.mode.unwrap_or(ReadMode::ReadIndex).as_str(),
                of_mailbox: "wait.mailbox_ns" = waits.mailbox.as_nanos() as i64,
                of_quorum: "wait.quorum_ns" = waits.quorum.as_nanos() as i64,
                of_apply: "wait.apply_ns" = waits.apply.as_nanos() as i64,
                of_snapshot: "wait.snapshot_ns" = waits.snapshot.as_nanos() as i64,
            );
            record_engine(span, &waits, reader);
            tracer.link(span, response.trace, HandOver::Callback);
        }
        Err(error) => record_error(span, error),
    }
}

/// Writes down what the engine had to do for a get or a scan, if it was one.
pub(crate) fn record_engine(span: &tracing::Span, waits: &ReadWaits, reader: &str) {
    if waits.engine.is_zero() && waits.usage == EngineUsage::default() {
        return;
    }
    record_fields!(
        span,
        of_engine: "wait.engine_ns" = waits.engine.as_nanos() as i64,
        of_thread: "engine.thread" = reader,
    );
    let usage = waits.usage;
    if usage.block_reads > 0 {
        span.record("engine.block_reads", usage.block_reads as i64);
        if let Some(took) = usage.block_read {
            span.record("engine.block_read_ns", took.as_nanos() as i64);
        }
    }
    if usage.tombstones > 0 {
        span.record("engine.tombstones", usage.tombstones as i64);
    }
    if let Some(keys) = usage.keys {
        span.record("engine.keys", keys as i64);
    }
}

/// Writes down why there is no answer.
pub(crate) fn record_error(span: &tracing::Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    span.record("error", tracing::field::display(error));
}
