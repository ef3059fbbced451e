//! A region's bounded mailbox. A full one is an answer to the client, not a wait.
//!
//! Commands and everything else have separate bounds, so that a flood of reads cannot keep out the
//! heartbeats that would answer them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::error::Error;
use crate::ids::RegionId;
use crate::message::PeerMsg;
use crate::spans::enter_function;
use crate::store::Scheduled;

/// How many messages that are not commands may wait; raft-rs repeats what is dropped beyond it. The
/// results of applying are taken even then: nobody repeats them, and writes are answered with them.
const MESSAGES_MAX: usize = 65_536;

/// Why a message was not taken; the message comes back.
#[derive(Debug)]
pub(crate) enum TrySendError<T> {
    /// The mailbox is full.
    Full(T),
    /// The region is gone or the store is stopping.
    Disconnected(T),
}

struct Queue<S> {
    messages: VecDeque<PeerMsg<S>>,
    commands: usize,
    /// The region is in its poller's queue, or being polled.
    scheduled: bool,
    closed: bool,
}

/// The mailbox of one region.
pub(crate) struct Mailbox<S> {
    region: RegionId,
    command_capacity: usize,
    queue: Mutex<Queue<S>>,
    /// Tells a poller that the region has something to do. Each region is in it at most once, so
    /// its length is bounded by the number of regions.
    scheduler: mpsc::UnboundedSender<Scheduled>,
}

impl<S> Mailbox<S> {
    pub(crate) fn new(
        region: RegionId,
        command_capacity: usize,
        scheduler: mpsc::UnboundedSender<Scheduled>,
    ) -> Self {
        let queue =
            Queue { messages: VecDeque::new(), commands: 0, scheduled: false, closed: false };
        Mailbox { region, command_capacity, queue: Mutex::new(queue), scheduler }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        // No code that runs under this lock can panic half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `message` into the mailbox and wakes a poller, or gives it back.
    pub(crate) fn try_send(&self, message: PeerMsg<S>) -> Result<(), TrySendError<PeerMsg<S>>> {
        let _span = matches!(message, PeerMsg::RaftCommand(_))
            .then(|| enter_function!("try_send", "RaftRouter/Router", "Mailbox::try_send"));
        let mut queue = self.lock();
        if queue.closed {
            return Err(TrySendError::Disconnected(message));
        }
        if matches!(message, PeerMsg::RaftCommand(_)) {
            if queue.commands >= self.command_capacity {
                return Err(TrySendError::Full(message));
            }
            queue.commands += 1;
        } else if queue.messages.len() - queue.commands >= MESSAGES_MAX
            && !matches!(message, PeerMsg::ApplyRes(_))
        {
            return Err(TrySendError::Full(message));
        }
        queue.messages.push_back(message);
        if !queue.scheduled {
            queue.scheduled = true;
            // A poller that is gone means that the store stops; the mailbox is closed right after.
            let _ = self.scheduler.send(Scheduled::Region(self.region));
        }
        Ok(())
    }

    /// Moves up to `max` messages into `into`, in the order in which they came.
    pub(crate) fn take(&self, max: usize, into: &mut Vec<PeerMsg<S>>) {
        let mut queue = self.lock();
        let count = max.min(queue.messages.len());
        let mut commands = 0;
        for message in queue.messages.drain(..count) {
            commands += usize::from(matches!(message, PeerMsg::RaftCommand(_)));
            into.push(message);
        }
        queue.commands -= commands;
    }

    /// Ends a poll: the region is scheduled again if something has come meanwhile, or if the poll
    /// says that it has not finished.
    pub(crate) fn release(&self, unfinished: bool) {
        let mut queue = self.lock();
        queue.scheduled = (unfinished || !queue.messages.is_empty()) && !queue.closed;
        if queue.scheduled {
            let _ = self.scheduler.send(Scheduled::Region(self.region));
        }
    }

    /// As [`Mailbox::close`], for a region that is gone: what waits is told so (rule N3).
    pub(crate) fn close_removed(&self) {
        for message in self.close_and_take() {
            if let PeerMsg::RaftCommand(command) = message {
                command.callback.fail(Error::RegionNotFound(self.region), 0);
            }
        }
    }

    /// Refuses everything from now on and drops what waits; callbacks answer by being dropped.
    pub(crate) fn close(&self) {
        drop(self.close_and_take());
    }

    fn close_and_take(&self) -> VecDeque<PeerMsg<S>> {
        {
            let mut queue = self.lock();
            queue.closed = true;
            queue.commands = 0;
            std::mem::take(&mut queue.messages)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Callback;
    use crate::clock::Instant;
    use crate::command::{Body, RaftCmdRequest, RaftCommand, ReadCommand, RequestHeader};

    fn command() -> (PeerMsg<()>, tokio::sync::oneshot::Receiver<crate::ReadResponse<()>>) {
        let (callback, receiver) = Callback::read(RegionId(1));
        let request = RaftCmdRequest {
            header: RequestHeader::default(),
            body: Body::Read(ReadCommand::Snap),
        };
        let (sent_at, trace, deadline) = (Instant::default(), None, None);
        let command = RaftCommand { request, callback, sent_at, trace, deadline };
        (PeerMsg::RaftCommand(Box::new(command)), receiver)
    }

    #[test]
    fn a_full_mailbox_still_takes_ticks() {
        let (scheduler, _pollers) = mpsc::unbounded_channel();
        let mailbox = Mailbox::new(RegionId(1), 2, scheduler);
        let mut receivers = Vec::new();
        for _ in 0..2 {
            let (message, receiver) = command();
            mailbox.try_send(message).unwrap();
            receivers.push(receiver);
        }
        assert!(matches!(mailbox.try_send(command().0), Err(TrySendError::Full(_))));
        mailbox.try_send(PeerMsg::Tick).unwrap();

        let mut taken = Vec::new();
        mailbox.take(1, &mut taken);
        mailbox.try_send(command().0).unwrap();
        mailbox.take(10, &mut taken);
        assert_eq!(taken.len(), 4);
    }

    #[test]
    fn a_region_is_scheduled_once_until_released() {
        let (scheduler, mut pollers) = mpsc::unbounded_channel();
        let mailbox: Mailbox<()> = Mailbox::new(RegionId(9), 2, scheduler);
        mailbox.try_send(PeerMsg::Tick).unwrap();
        mailbox.try_send(PeerMsg::Tick).unwrap();
        assert_eq!(pollers.try_recv().ok(), Some(Scheduled::Region(RegionId(9))));
        assert!(pollers.try_recv().is_err());
        let mut taken = Vec::new();
        mailbox.take(1, &mut taken);
        mailbox.release(false);
        assert_eq!(
            pollers.try_recv().ok(),
            Some(Scheduled::Region(RegionId(9))),
            "one message was left"
        );
        mailbox.take(1, &mut taken);
        mailbox.release(false);
        assert!(pollers.try_recv().is_err());
        mailbox.release(true);
        assert!(pollers.try_recv().is_ok(), "unfinished");
    }

    #[test]
    fn closing_answers_what_waits() {
        let (scheduler, _pollers) = mpsc::unbounded_channel();
        let mailbox = Mailbox::new(RegionId(1), 2, scheduler);
        let (message, mut receiver) = command();
        mailbox.try_send(message).unwrap();
        mailbox.close();
        let answer = receiver.try_recv().expect("an answer").result;
        assert_eq!(answer.unwrap_err(), Error::Stopped(RegionId(1)));
        assert!(matches!(mailbox.try_send(PeerMsg::Tick), Err(TrySendError::Disconnected(_))));
    }
}
