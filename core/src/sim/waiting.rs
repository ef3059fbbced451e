//! The requests that wait for their answers, and what the answers are.

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::callback::{ReadMode, ReadResponse, ReadValue, WriteResponse};
use crate::error::Error;
use crate::ids::RegionId;
use crate::raft_kv::RaftKv;
use crate::sim::disk::{Disk, DiskSnapshot};
use crate::sim::requests::OpId;
use crate::trace_context::Tracer;

/// Where the answer to a request will be.
#[derive(Debug)]
pub(super) enum Receiver {
    /// The answer to a read, whose stage lasts until it is there.
    Read(oneshot::Receiver<ReadResponse<DiskSnapshot>>, tracing::Span),
    /// A read that was answered at once; its caller's thread has the answer from this moment on.
    Answered(Box<Answer>, u64),
    Write(oneshot::Receiver<WriteResponse>),
}

/// What a callback was given.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) result: Result<Found, Error>,
    pub(super) term: u64,
    pub(super) mode: Option<ReadMode>,
}

#[derive(Debug)]
pub(super) enum Found {
    Value(ReadValue<DiskSnapshot>),
    Written,
}

impl Default for Answer {
    /// That of a store that has stopped.
    fn default() -> Self {
        Answer { result: Err(Error::Stopped(RegionId(0))), term: 0, mode: None }
    }
}

impl Answer {
    pub(super) fn of_read(response: ReadResponse<DiskSnapshot>) -> Self {
        let ReadResponse { result, term, mode, .. } = response;
        Answer { result: result.map(Found::Value), term, mode }
    }

    fn of_write(response: WriteResponse) -> Self {
        Answer { result: response.result.map(|_| Found::Written), term: 0, mode: None }
    }
}

/// The requests that wait for their answers, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<(OpId, Receiver)>);

impl Waiting {
    /// From now on a request waits with this.
    pub(super) fn add(&mut self, op: OpId, receiver: Receiver) {
        self.0.push((op, receiver));
    }

    /// Takes out what a request waits with.
    pub(super) fn take(&mut self, op: OpId) -> Option<Receiver> {
        let place = self.0.iter().position(|(waiting, _)| *waiting == op)?;
        Some(self.0.remove(place).1)
    }

    /// Takes the answers that are there.
    pub(super) fn take_answered(&mut self, now_ns: u64, tracer: &Tracer) -> Vec<(OpId, Answer)> {
        let mut answered = Vec::new();
        self.0.retain_mut(|(op, receiver)| {
            let answer = match receiver {
                Receiver::Answered(_, from_ns) if *from_ns > now_ns => return true,
                Receiver::Answered(answer, _) => Ok(std::mem::take(&mut **answer)),
                Receiver::Read(receiver, span) => receiver.try_recv().map(|response| {
                    RaftKv::<Disk>::answered(tracer, span, &response);
                    Answer::of_read(response)
                }),
                Receiver::Write(receiver) => receiver.try_recv().map(Answer::of_write),
            };
            let answer = match answer {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => return true,
                // A callback answers even when it is dropped, so this one was leaked.
                Err(TryRecvError::Closed) => Answer::default(),
            };
            answered.push((*op, answer));
            false
        });
        answered
    }
}
