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

/// Where the answer to a read is. It is large, and stands on the stack of whoever asks: in a box it would
/// be an allocation for every read.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(crate) enum Place<S> {
    /// With somebody else, or lost.
    Gone,
    /// Here: the thread that asked has found it itself.
    Here(ReadResponse<S>),
    /// It will come through this channel, which is made when the read is sent on: a read that is
    /// answered by the thread that asks needs none.
    Elsewhere(oneshot::Receiver<ReadResponse<S>>),
}

impl<S> From<ReadResponse<S>> for Place<S> {
    fn from(response: ReadResponse<S>) -> Self {
        Place::Here(response)
    }
}

/// The way back to whoever asked.
pub(crate) enum WayBack<S> {
    /// None: whoever asked has lent the place that the answer is written to.
    Lent,
    /// To a waiting future.
    Channel(oneshot::Sender<ReadResponse<S>>),
}

impl<S> WayBack<S> {
    /// Whoever asked finds the answer in `place`, or gets it out of there; or may have stopped
    /// waiting, which is no error.
    pub(crate) fn take(self, place: &mut Place<S>) {
        if let WayBack::Channel(sender) = self
            && let Place::Here(response) = std::mem::replace(place, Place::Gone)
        {
            drop(sender.send(response));
        }
    }
}

/// Hands over the answer to a read, on the thread that gives it. A plain function: a closure would
/// have to be boxed, for every read. An answer is large, so it stays where it was written.
pub(crate) type DeliverRead<S> = fn(WayBack<S>, &mut Place<S>);

enum Receiver<S> {
    None,
    Read(WayBack<S>, DeliverRead<S>),
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

    /// A callback for a read whose answer is looked at by `deliver`, and stays in the place that was
    /// lent for it as long as the read stays on the thread that asks.
    pub(crate) fn read_here(region: RegionId, deliver: DeliverRead<S>) -> Self {
        Callback { receiver: Receiver::Read(WayBack::Lent, deliver), region }
    }

    /// A callback for a read and the place where its answer arrives.
    pub fn read(region: RegionId) -> (Self, oneshot::Receiver<ReadResponse<S>>) {
        let (sender, receiver) = oneshot::channel();
        (
            Callback { receiver: Receiver::Read(WayBack::Channel(sender), WayBack::take), region },
            receiver,
        )
    }

    /// A callback for a write and the place where its answer arrives.
    pub fn write(region: RegionId) -> (Self, oneshot::Receiver<WriteResponse>) {
        let (sender, receiver) = oneshot::channel();
        (Callback { receiver: Receiver::Write(sender), region }, receiver)
    }

    /// Makes it one that another thread can answer: in the place that was lent there is the end of a
    /// channel then.
    pub(crate) fn send_elsewhere(&mut self, place: &mut Place<S>) {
        if let Receiver::Read(way @ WayBack::Lent, _) = &mut self.receiver {
            let (sender, receiver) = oneshot::channel();
            *way = WayBack::Channel(sender);
            *place = Place::Elsewhere(receiver);
        }
    }

    /// Gives the answer of a read, which is in `place`. Whoever asked may have stopped waiting; that is
    /// no error.
    pub(crate) fn invoke_read(mut self, place: &mut Place<S>) {
        let _span = enter_function!("invoke_read", "Callback", "Callback::invoke_read");
        match std::mem::replace(&mut self.receiver, Receiver::None) {
            Receiver::Read(way, deliver) => deliver(way, place),
            Receiver::Write(sender) => {
                if let Place::Here(response) = std::mem::replace(place, Place::Gone) {
                    let result = response.result.map(|_| 0);
                    drop(sender.send(WriteResponse { result, trace: response.trace }));
                }
            }
            Receiver::None => {}
        }
    }

    /// Gives the answer of a write.
    pub fn invoke_write(mut self, response: WriteResponse) {
        match std::mem::replace(&mut self.receiver, Receiver::None) {
            Receiver::Write(sender) => drop(sender.send(response)),
            Receiver::Read(way, deliver) => {
                let result = response.result.map(|_| ReadValue::Nothing);
                let response = ReadResponse {
                    result,
                    term: 0,
                    mode: None,
                    waits: ReadWaits::default(),
                    trace: response.trace,
                };
                deliver(way, &mut Place::Here(response));
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
                self.invoke_read(&mut ReadResponse::error(error, term).into())
            }
        }
    }

    /// Only a store that stops drops commands unanswered.
    #[cold]
    fn answer_unasked(&mut self) {
        let error = Error::Stopped(self.region);
        match std::mem::replace(&mut self.receiver, Receiver::None) {
            Receiver::None => {}
            Receiver::Read(way, deliver) => deliver(way, &mut ReadResponse::error(error, 0).into()),
            Receiver::Write(sender) => {
                drop(sender.send(WriteResponse { result: Err(error), trace: None }));
            }
        }
    }
}

impl<S> Drop for Callback<S> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_none() {
            self.answer_unasked();
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
    fn an_answer_stays_in_its_place_until_its_read_is_sent_elsewhere() {
        let callback = || Callback::<()>::read_here(RegionId(7), WayBack::take);
        let mut place = Place::from(ReadResponse::error(Error::RegionNotFound(RegionId(1)), 0));
        callback().invoke_read(&mut place);
        let Place::Here(response) = &place else { panic!("no answer") };
        assert_eq!(response.result.as_ref().unwrap_err(), &Error::RegionNotFound(RegionId(1)));

        let (mut callback, mut place) = (callback(), Place::Gone);
        callback.send_elsewhere(&mut place);
        let Place::Elsewhere(mut receiver) = place else { panic!("no channel") };
        let mut place = Place::Gone;
        callback.send_elsewhere(&mut place);
        assert!(matches!(place, Place::Gone), "it has its channel");
        assert!(receiver.try_recv().is_err(), "not answered yet");
        std::thread::scope(|scope| scope.spawn(|| drop(callback)).join().unwrap());
        assert_eq!(receiver.try_recv().unwrap().result.unwrap_err(), Error::Stopped(RegionId(7)));
    }

    #[test]
    fn an_answer_nobody_waits_for_is_dropped_quietly() {
        let (callback, receiver) = Callback::<()>::read(RegionId(1));
        drop(receiver);
        callback
            .invoke_read(&mut ReadResponse::error(Error::RegionNotFound(RegionId(1)), 0).into());
    }
}
