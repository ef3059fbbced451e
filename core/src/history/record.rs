//! Notes operations at the client while they run, without a lock on the way.

use std::sync::{Arc, Mutex, PoisonError};

use super::{History, Op, OpKind};
use crate::clock::Instant;

/// The history being recorded; clones are the same one. Each client gets a [`Recorder`].
#[derive(Clone, Debug, Default)]
pub struct HistoryRecord {
    ops: Arc<Mutex<Vec<Op>>>,
}

impl HistoryRecord {
    /// An empty record.
    pub fn new() -> Self {
        HistoryRecord::default()
    }

    /// A recorder for one client. Its operations get here when it is dropped.
    pub fn recorder(&self, client: u64) -> Recorder {
        Recorder { client, ops: Vec::new(), record: self.clone() }
    }

    /// Takes what the recorders that are dropped by now have noted, in the order of calls.
    pub fn take(&self) -> History {
        let mut ops = std::mem::take(&mut *self.ops.lock().unwrap_or_else(PoisonError::into_inner));
        ops.sort_by_key(|op| (op.invoked_ns, op.client));
        History { ops }
    }
}

/// Notes the operations of one client, any number of them at a time.
#[derive(Debug)]
pub struct Recorder {
    client: u64,
    /// `None` where an operation turned out not to have happened.
    ops: Vec<Option<Op>>,
    record: HistoryRecord,
}

/// An operation that a [`Recorder`] has seen called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId(usize);

impl Recorder {
    /// A write is called. Note it before the request leaves.
    pub fn call_write(
        &mut self,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        now: Instant,
    ) -> CallId {
        self.call(key.into(), OpKind::Write(value.into()), now)
    }

    /// A read is called. Note it before the request leaves.
    pub fn call_read(&mut self, key: impl Into<Vec<u8>>, now: Instant) -> CallId {
        self.call(key.into(), OpKind::Read(None), now)
    }

    /// The write is acknowledged. Take `now` after the answer is there.
    pub fn write_returned(&mut self, call: CallId, now: Instant) {
        if let Some(op) = self.op(call) {
            op.returned_ns = Some(now.as_ns());
        }
    }

    /// The read is answered. Take `now` after the answer is there.
    pub fn read_returned(&mut self, call: CallId, value: Option<Vec<u8>>, now: Instant) {
        if let Some(op) = self.op(call) {
            op.kind = OpKind::Read(value);
            op.returned_ns = Some(now.as_ns());
        }
    }

    /// The operation was refused, and it is certain that it had and will have no effect. After a
    /// time-out that is not certain: leave the call open then.
    pub fn refused(&mut self, call: CallId) {
        if let Some(op) = self.ops.get_mut(call.0) {
            *op = None;
        }
    }

    fn call(&mut self, key: Vec<u8>, kind: OpKind, now: Instant) -> CallId {
        let invoked_ns = now.as_ns();
        self.ops.push(Some(Op { client: self.client, key, kind, invoked_ns, returned_ns: None }));
        CallId(self.ops.len() - 1)
    }

    fn op(&mut self, call: CallId) -> Option<&mut Op> {
        self.ops.get_mut(call.0)?.as_mut()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let mut all = self.record.ops.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(self.ops.drain(..).flatten());
    }
}
