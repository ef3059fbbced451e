//! The peer of the history checker: a search for an order of the operations (Wing and Gong), which
//! remembers what it has tried (Lowe). It can judge any object, and takes exponential time for some
//! histories; the tests of raftlens hold the checker against a smaller one of its kind.

// Only looked up in, never iterated: their order reaches nobody.
#![allow(clippy::disallowed_types)]

use std::collections::{BTreeMap, HashSet};

use raftlens_core::history::{History, Op, OpKind};

/// Whether each key of the history behaves like one register.
pub(crate) fn is_linearizable(history: &History) -> bool {
    let mut keys: BTreeMap<&[u8], Vec<&Op>> = BTreeMap::new();
    for op in &history.ops {
        if op.is_write() || op.returned_ns.is_some() {
            keys.entry(&op.key).or_default().push(op);
        }
    }
    keys.values().all(|ops| Search::new(ops).run())
}

/// A call or a return in the list of those that are left.
#[derive(Clone, Copy)]
struct Event {
    op: usize,
    is_call: bool,
    previous: usize,
    next: usize,
}

struct Search<'a> {
    ops: &'a [&'a Op],
    /// By time; the first one is a sentinel.
    events: Vec<Event>,
    /// Where in `events` each operation returns.
    returns: Vec<usize>,
    done: Vec<u64>,
    value: Option<&'a [u8]>,
    must: usize,
}

impl<'a> Search<'a> {
    fn new(ops: &'a [&'a Op]) -> Self {
        let mut moments: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * ops.len());
        for (place, op) in ops.iter().enumerate() {
            // Moments that are equal order nothing: calls come before returns.
            moments.push((op.invoked_ns, false, place));
            moments.push((op.returned_ns.unwrap_or(u64::MAX), true, place));
        }
        moments.sort_unstable();
        let end = moments.len() + 1;
        let mut events = vec![Event { op: 0, is_call: false, previous: 0, next: 1 }];
        let mut returns = vec![0; ops.len()];
        for (number, (_, is_return, op)) in moments.into_iter().enumerate() {
            let place = number + 1;
            if is_return {
                returns[op] = place;
            }
            events.push(Event { op, is_call: !is_return, previous: place - 1, next: place + 1 });
        }
        events.push(Event { op: 0, is_call: false, previous: end - 1, next: end });
        let must = ops.iter().filter(|op| op.returned_ns.is_some()).count();
        let done = vec![0; ops.len().div_ceil(64)];
        Search { ops, events, returns, done, value: None, must }
    }

    /// Takes an event out of the list; it remembers its neighbours.
    fn unlink(&mut self, place: usize) {
        let Event { previous, next, .. } = self.events[place];
        self.events[previous].next = next;
        self.events[next].previous = previous;
    }

    fn relink(&mut self, place: usize) {
        let Event { previous, next, .. } = self.events[place];
        self.events[previous].next = place;
        self.events[next].previous = place;
    }

    fn run(mut self) -> bool {
        let mut tried: HashSet<(Vec<u64>, Option<&[u8]>)> = HashSet::new();
        // What was put in order, with the value before it.
        let mut order: Vec<(usize, Option<&[u8]>)> = Vec::new();
        let mut left = self.must;
        let mut place = self.events[0].next;
        let end = self.events.len() - 1;
        while left > 0 {
            let Event { op, is_call, next, .. } = self.events[place];
            let is_candidate = place != end && is_call;
            if is_candidate && let Some(after) = self.apply(op) {
                self.done[op / 64] |= 1 << (op % 64);
                if tried.insert((self.done.clone(), after)) {
                    order.push((place, self.value));
                    self.value = after;
                    left -= usize::from(self.ops[op].returned_ns.is_some());
                    self.unlink(place);
                    self.unlink(self.returns[op]);
                    place = self.events[0].next;
                    continue;
                }
                self.done[op / 64] &= !(1 << (op % 64));
            }
            if is_candidate {
                place = next;
                continue;
            }
            // Something has returned that is not in order yet: the last choice was wrong.
            let Some((chosen, before)) = order.pop() else { return false };
            let op = self.events[chosen].op;
            self.relink(self.returns[op]);
            self.relink(chosen);
            self.value = before;
            left += usize::from(self.ops[op].returned_ns.is_some());
            self.done[op / 64] &= !(1 << (op % 64));
            place = self.events[chosen].next;
        }
        true
    }

    /// The register's value after an operation; nothing if that cannot happen now.
    fn apply(&self, op: usize) -> Option<Option<&'a [u8]>> {
        match &self.ops[op].kind {
            OpKind::Write(new) => Some(Some(new)),
            OpKind::Read(seen) => (seen.as_deref() == self.value).then_some(self.value),
        }
    }
}
