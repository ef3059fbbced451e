//! What will happen, in the order of time, and within one moment in the order of being planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::message::RaftMessage;
use crate::sim::requests::OpId;

/// Something that happens at its time.
#[derive(Debug)]
pub(super) enum Event {
    /// A message arrives, if its receiver is still the one it was sent to.
    Deliver { message: Box<RaftMessage>, incarnation: u32 },
    /// A tick of a node's clock.
    Tick { node: u64, incarnation: u32 },
    /// A node's raft thread does a round.
    Poll { node: u64, incarnation: u32 },
    /// A node's raft thread is done with the region that has kept it.
    PollOn { node: u64, incarnation: u32 },
    /// A reader's thread goes on that was held up.
    HeldUpNoMore,
    /// The synced write of a node's round is on the disk.
    Persisted { node: u64, incarnation: u32 },
    /// A node's apply loop takes its next task.
    Apply { node: u64, incarnation: u32 },
    /// A client does its next operation.
    Client { client: usize },
    /// The next read of a batch.
    BatchNext { op: OpId },
    /// The time that a caller allows for its read is over.
    TimeOut { op: OpId },
    /// A client stops waiting.
    GiveUp { op: OpId },
    /// A reader that was given an index looks whether its node has applied it.
    AwaitApplied { op: OpId },
    /// The nemesis does something.
    FaultBegins,
    /// It undoes it.
    FaultEnds { number: usize },
}

struct Planned {
    at_ns: u64,
    sequence: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    /// The heap gives the greatest first: that is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ns, other.sequence).cmp(&(self.at_ns, self.sequence))
    }
}

/// All that is planned.
#[derive(Default)]
pub(super) struct EventQueue {
    heap: BinaryHeap<Planned>,
    sequence: u64,
}

impl EventQueue {
    pub(super) fn push(&mut self, at_ns: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Planned { at_ns, sequence: self.sequence, event });
    }

    /// When the next event happens.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|planned| planned.at_ns)
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|planned| (planned.at_ns, planned.event))
    }
}

impl std::fmt::Debug for EventQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventQueue({} planned)", self.heap.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_by_being_planned() {
        let mut queue = EventQueue::default();
        for (at_ns, client) in [(5, 0), (3, 1), (5, 2), (3, 3)] {
            queue.push(at_ns, Event::Client { client });
        }
        let mut order = Vec::new();
        while let Some((at_ns, Event::Client { client })) = queue.pop() {
            order.push((at_ns, client));
        }
        assert_eq!(order, [(3, 1), (3, 3), (5, 0), (5, 2)]);
    }
}
