//! What becomes of a trace that is over: everything is counted, and then it is kept, waits for
//! another trace's outcome, or its blocks are free again.
//!
//! This runs in the thread that ended the last span, and has the trace for itself. It never waits.

use super::address::{GENERATION_MASK, SpanRef};
use super::block::{
    CELL_WORDS, CELLS, FIRST_CELL, HEAD_ATTACHED, HEAD_FLAGS, HEAD_FOLLOWS, HEAD_KEPT, HEAD_LIST,
    HEAD_ROOT, HEAD_USED, State,
};
use super::entry::{END, Kind, LINK_SPAN, START, TIES, Tag, Ties};
use super::pool::OnEnd;
use super::reasons::{Reason, Reasons, SHARED};
use super::recording::Recording;
use super::sync::Ordering;
use super::thread;

/// How far links are followed from a trace that is kept: to the round that a read waited on, and to
/// what that one waited on.
const MOST_STEPS: u32 = 2;

impl OnEnd for Recording {
    #[inline]
    fn ended(&self, root: u32, state: State) {
        let block = self.pool.block(root);
        block.set(HEAD_USED, state.next().min(CELLS) as u64);
        let number = thread::with(thread::Thread::number);
        let mut reasons = self.count_and_judge(root, state.generation(), number);
        let follows = SpanRef(block.get(HEAD_FOLLOWS));
        if follows.0 != 0 {
            if self.attach(root, follows, reasons) {
                return;
            }
            if self.was_kept(follows) {
                reasons.add(Reason::Linked);
            }
        }
        self.decide(SpanRef(block.get(HEAD_ROOT)), reasons, number);
    }
}

impl Recording {
    /// Counts every span, and finds out why the trace should be kept, if it should.
    #[inline]
    fn count_and_judge(&self, root: u32, generation: u64, number: usize) -> Reasons {
        self.counters.count_trace(number);
        let flags = self.pool.block(root).get(HEAD_FLAGS);
        let mut reasons = Reasons::of_flags(flags);
        let histograms = self.histograms.of_thread(number);
        for block_number in self.pool.chain(root) {
            let block = self.pool.block(block_number);
            self.each_entry(block_number, root, generation, |at, tag| {
                if tag.kind() != Some(Kind::Span) {
                    return;
                }
                let ticks = block.get(at + END).saturating_sub(block.get(at + START));
                let ties = Ties(block.get(at + TIES));
                let callsite = ties.callsite();
                histograms.count(callsite, ticks);
                if ties.is_root() {
                    let (is_slow, is_slow_lately) = self.limits.root_is_slow(callsite, ticks);
                    if is_slow {
                        reasons.add(Reason::Slow);
                    }
                    if is_slow_lately {
                        reasons.add(Reason::Percentile);
                    }
                } else if self.limits.stage_is_slow(callsite, ticks) {
                    reasons.add(Reason::Stage);
                }
            });
        }
        if self.counters.is_normal_sample(number) {
            reasons.add(Reason::Baseline);
        }
        if self.counters.keeps_all(|| self.timer.clock.now()) {
            reasons.add(Reason::Manual);
        }
        reasons
    }

    /// Calls `act` with the place and tag of each entry of a block of a finished trace.
    #[inline(always)]
    fn each_entry(&self, number: u32, root: u32, generation: u64, mut act: impl FnMut(usize, Tag)) {
        let block = self.pool.block(number);
        let (generation, used) = if number == root {
            (generation, block.get(HEAD_USED) as usize)
        } else {
            let state = block.state();
            (state.generation(), state.next().min(CELLS))
        };
        let mut cell = FIRST_CELL;
        while cell < used {
            let tag = Tag(block.get(cell * CELL_WORDS));
            if tag.generation() != generation || tag.cells() == 0 {
                break;
            }
            act(cell * CELL_WORDS, tag);
            cell += tag.cells();
        }
    }

    /// Hangs a finished trace on the one that it was handed over from, if that one is still alive:
    /// both are kept, or neither.
    fn attach(&self, root: u32, follows: SpanRef, reasons: Reasons) -> bool {
        thread::with(|thread| {
            let Ok(place) = self.pool.claim(follows, 0, thread, self) else { return false };
            let other = self.pool.block(place.root);
            if !reasons.is_empty() {
                other.word(HEAD_FLAGS).fetch_or(reasons.bits(), Ordering::Relaxed);
            }
            let head = other.word(HEAD_ATTACHED);
            let mut old = head.load(Ordering::Relaxed);
            loop {
                self.pool.block(root).set(HEAD_LIST, old);
                let new = u64::from(root + 1);
                match head.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(now) => old = now,
                }
            }
            self.pool.release(place.root, thread, self);
            true
        })
    }

    /// Whether the finished trace that began at `root` was kept.
    fn was_kept(&self, root: SpanRef) -> bool {
        let block = self.pool.blocks().get(root.block() as usize);
        block.is_some_and(|block| block.get(HEAD_KEPT) == root.generation() + 1)
    }

    #[inline]
    fn decide(&self, root: SpanRef, reasons: Reasons, list: usize) {
        let admitted = self.quotas.admit(reasons);
        if !admitted.is_empty() {
            self.keep(root, admitted, MOST_STEPS, list);
        } else if self.pool.block(root.block()).get(HEAD_FLAGS) & SHARED != 0 {
            if let Some(oldest) = self.parked.put(&self.pool, root) {
                self.pool.recycle(oldest, list);
            }
        } else {
            self.pool.recycle(root.block(), list);
        }
    }

    /// Hands a finished trace to the collector, and keeps what it links to.
    #[cold]
    fn keep(&self, root: SpanRef, reasons: Reasons, steps: u32, list: usize) {
        let block = self.pool.block(root.block());
        // In the word of flags, since the collector reads it there.
        block.set(HEAD_FLAGS, reasons.bits());
        self.mark_kept(root.block(), root.generation());
        if steps > 0 {
            self.keep_linked(root.block(), root.generation(), steps - 1, list);
        }
        if !self.kept.push(&self.pool, root.block()) {
            self.counters.kept_without_room.add();
            self.pool.recycle(root.block(), list);
        }
    }

    fn mark_kept(&self, root: u32, generation: u64) {
        self.pool.block(root).set(HEAD_KEPT, generation + 1);
        for number in self.pool.attached(root) {
            // A finished root's block is one generation further than its trace.
            let block = self.pool.block(number);
            let generation = block.state().generation().wrapping_sub(1) & GENERATION_MASK;
            block.set(HEAD_KEPT, generation + 1);
        }
    }

    /// Keeps the traces that this one, and those attached to it, link to.
    fn keep_linked(&self, root: u32, generation: u64, steps: u32, list: usize) {
        for linked in self.links_of(root, generation) {
            let span = self.mixer.address(linked);
            if let Some(other) = self.parked.take_trace_of(&self.pool, span) {
                let other = SpanRef(self.pool.block(other).get(HEAD_ROOT));
                let admitted = self.quotas.admit(Reasons::of(Reason::Linked));
                if admitted.is_empty() {
                    self.pool.recycle(other.block(), list);
                } else {
                    self.keep(other, admitted, steps, list);
                }
            } else {
                self.keep_when_it_ends(span, Reason::Linked);
            }
        }
    }

    fn links_of(&self, root: u32, generation: u64) -> Vec<u64> {
        let mut links = Vec::new();
        let attached = self.pool.attached(root).map(|number| {
            let after = self.pool.block(number).state().generation();
            (number, after.wrapping_sub(1) & GENERATION_MASK)
        });
        for (root, generation) in std::iter::once((root, generation)).chain(attached) {
            for number in self.pool.chain(root) {
                let block = self.pool.block(number);
                self.each_entry(number, root, generation, |at, tag| {
                    if tag.kind() == Some(Kind::Link) {
                        links.push(block.get(at + LINK_SPAN));
                    }
                });
            }
        }
        links
    }
}
