//! What clients asked and what they were answered, and whether a register could have done it.
//!
//! A [`Recorder`] notes calls and returns at the client, [`check()`] decides whether the history is
//! linearizable: whether each operation could have happened at one moment between its call and its
//! return. Every value that is written to a key must be a new one, so that a read tells which write
//! it saw; that makes the question quick to decide, see there.

mod check;
mod explain;
mod record;
mod text;

#[cfg(test)]
mod search;
#[cfg(test)]
mod tests;

pub use check::{Verdict, ViolationKind, check};
pub use record::{CallId, HistoryRecord, Recorder};
pub use text::HistoryTextError;

/// What a client did, and what it learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Sets the key to a value that no other write of the history gives it.
    Write(Vec<u8>),
    /// Reads the key: its value, or `None` if it has none.
    Read(Option<Vec<u8>>),
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Who did it; for messages.
    pub client: u64,
    /// The key.
    pub key: Vec<u8>,
    /// What was done.
    pub kind: OpKind,
    /// When it was called, in nanoseconds on a clock that all clients share.
    pub invoked_ns: u64,
    /// When it returned; `None` if it never did. Then a write may have happened at any time after
    /// its call or not at all, and a read says nothing.
    pub returned_ns: Option<u64>,
}

impl Op {
    /// The value that was written or read.
    pub fn value(&self) -> Option<&[u8]> {
        match &self.kind {
            OpKind::Write(value) => Some(value),
            OpKind::Read(value) => value.as_deref(),
        }
    }

    /// Whether it is a write.
    pub fn is_write(&self) -> bool {
        matches!(self.kind, OpKind::Write(_))
    }
}

/// Operations of any number of clients on any number of keys, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The operations.
    pub ops: Vec<Op>,
}
