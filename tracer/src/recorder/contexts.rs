//! The ids by which a span is known outside of the recorder, and traces that continue others.

use super::address::SpanRef;
use super::block::{
    Block, HEAD_FOLLOWS, HEAD_REMOTE_PARENT, HEAD_ROOT, HEAD_TRACE_HIGH, HEAD_TRACE_LOW,
};
use super::reasons::SHARED;
use super::recording::Recording;
use crate::context::{SAMPLED, TraceContext};
use crate::model::{SpanId, TraceId};

impl Recording {
    /// The ids of a span, for whoever wants to link to it.
    pub(super) fn context_of(&self, span: SpanRef) -> Option<TraceContext> {
        let (block, _) = self.span(span)?;
        let root = SpanRef(block.get(HEAD_ROOT));
        self.set_flags(span, SHARED);
        Some(TraceContext {
            trace_id: self.trace_id(self.pool.block(root.block()), root),
            span_id: SpanId(self.mixer.span_id(span)),
            flags: SAMPLED,
        })
    }

    fn trace_id(&self, root_block: &Block, root: SpanRef) -> TraceId {
        let (high, low) = (root_block.get(HEAD_TRACE_HIGH), root_block.get(HEAD_TRACE_LOW));
        TraceId(match u128::from(high) << 64 | u128::from(low) {
            0 => self.mixer.trace_id(root),
            given => given,
        })
    }

    /// Puts the trace that begins with `span` into the trace of `from`, as its child if `as_child`.
    /// `false` if `span` is no root.
    pub(super) fn join(&self, span: SpanRef, from: TraceContext, as_child: bool) -> bool {
        let Some((block, _)) = self.span(span) else { return false };
        if block.get(HEAD_ROOT) != span.0 {
            return false;
        }
        block.set(HEAD_TRACE_HIGH, (from.trace_id.0 >> 64) as u64);
        block.set(HEAD_TRACE_LOW, from.trace_id.0 as u64);
        block.set(HEAD_FOLLOWS, self.whose_fate(from).map_or(0, |root| root.0));
        if as_child {
            block.set(HEAD_REMOTE_PARENT, from.span_id.0);
        }
        true
    }

    /// The root of the trace whose fate a trace shares that was handed over from `from`: if that one
    /// was itself handed over, the one where it all began.
    fn whose_fate(&self, from: TraceContext) -> Option<SpanRef> {
        let from = self.mixer.address(from.span_id.0);
        let block = self.pool.blocks().get(from.block() as usize)?;
        // A finished trace that waits for the outcome of another still has its head.
        let generation = block.state().generation();
        if generation != from.generation() && generation != from.generation() + 1 {
            return None;
        }
        let root = SpanRef(block.get(HEAD_ROOT));
        if root.block() == from.block() && root.generation() != from.generation() {
            return None;
        }
        let root_block = self.pool.blocks().get(root.block() as usize)?;
        let follows = root_block.get(HEAD_FOLLOWS);
        let is_same = root_block.get(HEAD_ROOT) == root.0;
        match (is_same, follows) {
            (false, _) => None,
            (true, 0) => Some(root),
            (true, first) => Some(SpanRef(first)),
        }
    }
}
