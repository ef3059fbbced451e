//! The way back: who gets the one answer of a request.
//!
//! A callback that is dropped without an answer still answers, with an error (rule N2): a read that
//! got lost shows up as one, and never as a hang.

use std::fmt;

use tokio::sync::oneshot;

use crate::command::{KeyValue, ReadWaits};
use crate::error::Error;
use crate::ids::RegionId;
use crate::region_snapshot::RegionSnapshot;
use crate::spans::enter_function;
use crate::trace_context::TraceContext;

/// How a read was served (READ_PATH.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadMode {
    /// Mode 1: by the reader's own thread, under the leader's lease.
    LeaseLocal,
    /// Mode 2: the same, with the snapshot of an earlier read of the batch.
    LeaseShared,
    /// Mode 3: by the raft thread, under the leader's lease.
    ReadLocal,
    /// Mode 4: after a quorum confirmed the leader.
    ReadIndex,
    /// Mode 5: the same, on the round of an earlier read.
    ReadIndexBatched,
    /// Mode 6: after a quorum, because the request said so.
    ReadQuorum,
    /// Mode 7: by a replica, the leader asked its quorum.
    ReplicaQuorum,
    /// Mode 8: by a replica, the leader answered from its lease.
    ReplicaLease,
}

impl ReadMode {
    /// The value of the attribute `read.mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            ReadMode::LeaseLocal => "lease_local",
            ReadMode::LeaseShared => "lease_shared",
            ReadMode::ReadLocal => "read_local",
            ReadMode::ReadIndex => "read_index",
            ReadMode::ReadIndexBatched => "read_index_batched",
            ReadMode::ReadQuorum => "read_quorum",
            ReadMode::ReplicaQuorum => "replica_quorum",
            ReadMode::ReplicaLease => "replica_lease",
        }
    }
}

/// What a read found.
#[derive(Debug)]
pub enum ReadValue<S> {
    /// For [`ReadCommand::Get`](crate::ReadCommand::Get).
    Value(Option<Vec<u8>>),
    /// For [`ReadCommand::Snap`](crate::ReadCommand::Snap).
    Snapshot(RegionSnapshot<S>),
    /// For a scan of such a snapshot.
    Pairs(Vec<KeyValue>),
    /// For [`ReadCommand::ReadIndex`](crate::ReadCommand::ReadIndex).
    Index(u64),
    /// For [`ReadCommand::Renew`](crate::ReadCommand::Renew).
    Nothing,
}

/// The answer to a read.
#[derive(Debug)]
pub struct ReadResponse<S> {
    /// What it found, or why it found nothing.
    pub result: Result<ReadValue<S>, Error>,
    /// The answering replica's term; zero when unknown (`on_read_result` binds it, rule T8).
    pub term: u64,
    /// How it was served; `None` for an error.
    pub mode: Option<ReadMode>,
    /// Where the time went.
    pub waits: ReadWaits,
    /// The span that gave the answer.
    pub trace: Option<TraceContext>,
}

impl<S> ReadResponse<S> {
    /// An answer that says only what went wrong.
    pub fn error(error: Error, term: u64) -> Self {
        let (mode, waits, trace) = (None, ReadWaits::default(), None);
        ReadResponse { result: Err(error), term, mode, waits, trace }
    }
}

/// The answer to a write: the log index at which it was applied.
#[derive(Debug)]
pub struct WriteResponse {
    /// The index, or why it was not applied.
    pub result: Result<u64, Error>,
    /// The span that gave the answer.
    pub trace: Option<TraceContext>,
}

/// Hands over the answer to a read, on the thread that gives it. A plain function: a closure would
/// have to be boxed, for every read.
pub(crate) type DeliverRead<S> = fn(oneshot::Sender<ReadResponse<S>>, ReadResponse<S>);

enum Receiver<S> {
    None,
    Read(oneshot::Sender<ReadResponse<S>>, DeliverRead<S>),
    Write(oneshot::Sender<WriteResponse>),
}

/// Who gets the answer of a request.
pub struct Callback<S> {
    receiver: Receiver<S>,
    region: RegionId,
}

impl<S> Callback<S> {
    /// For requests that nobody waits for, such as lease renewals.
    pub fn none() -> Self {
        Callback { receiver: Receiver::None, region: RegionId(0) }
    }

    /// Whether nobody waits for the answer.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self.receiver, Receiver::None)
    }

    /// A callback for a read whose answer gets to `sender` through `deliver`.
    pub(crate) fn read_with(
        region: RegionId,
        sender: oneshot::Sender<ReadResponse<S>>,
        deliver: DeliverRead<S>,
    ) -> Self {
        Callback { receiver: Receiver::Read(sender, deliver), region }
    }

    /// A callback for a read and the place where its answer arrives.
    pub fn read(region: RegionId) -> (Self, oneshot::Receiver<ReadResponse<S>>) {
        let (sender, receiver) = oneshot::channel();
        let deliver = |sender: oneshot::Sender<_>, response| drop(sender.send(response));
        (Callback::read_with(region, sender, deliver), receiver)
    }

    /// A callback for a write and the place where its answer arrives.
    pub fn write(region: RegionId) -> (Self, oneshot::Receiver<WriteResponse>) {
        let (sender, receiver) = oneshot::channel();
        (Callback { receiver: Receiver::Write(sender), region }, receiver)
    }

    /// Gives the answer of a read. Whoever asked may have stopped waiting; that is no error.
    pub fn invoke_read(mut self, response: ReadResponse<S>) {
        let _span = enter_function!("invoke_read", "Callback", "Callback::invoke_read");
        match std::mem::replace(&mut self.receiver, Receiver::None) {
            Receiver::Read(sender, deliver) => deliver(sender, response),
            Receiver::Write(sender) => {
                let result = response.result.map(|_| 0);
                drop(sender.send(WriteResponse { result, trace: response.trace }));
            }
            Receiver::None => {}
        }
    }

    /// Gives the answer of a write.
    pub fn invoke_write(mut self, response: WriteResponse) {
        match std::mem::replace(&mut self.receiver, Receiver::None) {
            Receiver::Write(sender) => drop(sender.send(response)),
            Receiver::Read(sender, deliver) => {
                let result = response.result.map(|_| ReadValue::Nothing);
                let response = ReadResponse {
                    result,
                    term: 0,
                    mode: None,
                    waits: ReadWaits::default(),
                    trace: response.trace,
                };
                deliver(sender, response);
            }
            Receiver::None => {}
        }
    }

    /// Gives an error as the answer, whatever was asked.
    pub fn fail(self, error: Error, term: u64) {
        match self.receiver {
            Receiver::Write(_) => {
                self.invoke_write(WriteResponse { result: Err(error), trace: None })
            }
            Receiver::Read(..) | Receiver::None => {
                self.invoke_read(ReadResponse::error(error, term))
            }
        }
    }
}

impl<S> Drop for Callback<S> {
    fn drop(&mut self) {
        // Only a store that stops drops commands unanswered.
        let error = Error::Stopped(self.region);
        match std::mem::replace(&mut self.receiver, Receiver::None) {
            Receiver::None => {}
            Receiver::Read(sender, deliver) => deliver(sender, ReadResponse::error(error, 0)),
            Receiver::Write(sender) => {
                drop(sender.send(WriteResponse { result: Err(error), trace: None }));
            }
        }
    }
}

impl<S> fmt::Debug for Callback<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.receiver {
            Receiver::None => "Callback::None",
            Receiver::Read(..) => "Callback::Read",
            Receiver::Write(_) => "Callback::Write",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_callback_answers_with_an_error() {
        let (callback, mut receiver) = Callback::<()>::read(RegionId(7));
        drop(callback);
        let response = receiver.try_recv().expect("an answer");
        assert_eq!(response.result.unwrap_err(), Error::Stopped(RegionId(7)));

        let (callback, mut receiver) = Callback::<()>::write(RegionId(7));
        drop(callback);
        assert_eq!(receiver.try_recv().unwrap().result, Err(Error::Stopped(RegionId(7))));
    }

    #[test]
    fn an_answer_nobody_waits_for_is_dropped_quietly() {
        let (callback, receiver) = Callback::<()>::read(RegionId(1));
        drop(receiver);
        callback.invoke_read(ReadResponse::error(Error::RegionNotFound(RegionId(1)), 0));
    }
}
