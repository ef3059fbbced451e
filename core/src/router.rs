//! From a request to the mailbox of its region: stage `route`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::mpsc;

use crate::command::RaftCommand;
use crate::ids::RegionId;
use crate::mailbox::{Mailbox, TrySendError};
use crate::message::{PeerMsg, RaftMessage};
use crate::spans::{enter_function, record, stage_span, variable};
use crate::store::Scheduled;
use crate::trace_context::Tracer;

/// Finds the mailbox of a region.
pub(crate) struct Router<S> {
    normals: Arc<RwLock<BTreeMap<RegionId, Arc<Mailbox<S>>>>>,
    unknown: Arc<UnknownRegions>,
}

/// Messages for regions that have no mailbox here, until a poller looks at them.
#[derive(Default)]
struct UnknownRegions {
    messages: Mutex<VecDeque<Box<RaftMessage>>>,
    scheduler: Option<mpsc::UnboundedSender<Scheduled>>,
}

/// More messages for unknown regions than this are lost: their senders repeat them.
const UNKNOWN_MAX: usize = 1024;

/// What a poller is woken with for a message to an unknown region: no region has this id.
const NO_REGION: RegionId = RegionId(0);

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Router { normals: Arc::clone(&self.normals), unknown: Arc::clone(&self.unknown) }
    }
}

impl<S> Router<S> {
    pub(crate) fn new() -> Self {
        Router { normals: Arc::default(), unknown: Arc::default() }
    }

    /// A router that wakes a poller for messages to regions that have no mailbox.
    pub(crate) fn with_scheduler(scheduler: mpsc::UnboundedSender<Scheduled>) -> Self {
        let unknown = UnknownRegions { scheduler: Some(scheduler), ..UnknownRegions::default() };
        Router { unknown: Arc::new(unknown), ..Router::new() }
    }

    /// Takes a message from another store. One for an unknown region may begin a replica of it.
    pub(crate) fn deliver(&self, message: Box<RaftMessage>) {
        let region = message.region_id;
        if self.mailbox(region).is_some() {
            self.post(region, PeerMsg::RaftMessage(message));
            return;
        }
        let Some(scheduler) = &self.unknown.scheduler else { return };
        let mut messages = self.unknown.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() < UNKNOWN_MAX {
            messages.push_back(message);
            let _ = scheduler.send(Scheduled::Region(NO_REGION));
        }
    }

    /// Takes the messages to regions that have no mailbox.
    pub(crate) fn take_unknown(&self) -> VecDeque<Box<RaftMessage>> {
        let mut messages = self.unknown.messages.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *messages)
    }

    pub(crate) fn register(&self, region: RegionId, mailbox: Arc<Mailbox<S>>) {
        self.normals.write().unwrap_or_else(PoisonError::into_inner).insert(region, mailbox);
    }

    /// Closes a region's mailbox, if it has one; what waits in it is answered.
    pub(crate) fn unregister(&self, region: RegionId) {
        let mailbox = self.normals.write().unwrap_or_else(PoisonError::into_inner).remove(&region);
        if let Some(mailbox) = mailbox {
            mailbox.close_removed();
        }
    }

    /// Closes every mailbox; what waits in them is answered.
    pub(crate) fn close(&self) {
        let mailboxes: Vec<_> = {
            let mut normals = self.normals.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *normals).into_values().collect()
        };
        mailboxes.iter().for_each(|mailbox| mailbox.close());
    }

    pub(crate) fn mailbox(&self, region: RegionId) -> Option<Arc<Mailbox<S>>> {
        self.normals.read().unwrap_or_else(PoisonError::into_inner).get(&region).cloned()
    }

    pub(crate) fn regions(&self) -> Vec<RegionId> {
        self.normals.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Sends a command, with the charts' spans; [`Router::post`] is for all other messages.
    fn send(&self, region: RegionId, message: PeerMsg<S>) -> Result<(), TrySendError<PeerMsg<S>>> {
        let _span = enter_function!("send", "RaftRouter/Router", "Router::send");
        self.try_send(region, message)
    }

    fn try_send(
        &self,
        region: RegionId,
        message: PeerMsg<S>,
    ) -> Result<(), TrySendError<PeerMsg<S>>> {
        let _span = enter_function!("try_send", "RaftRouter/Router", "Router::try_send");
        match self.check_do(region) {
            Some(mailbox) => mailbox.try_send(message),
            None => Err(TrySendError::Disconnected(message)),
        }
    }

    fn check_do(&self, region: RegionId) -> Option<Arc<Mailbox<S>>> {
        let _span = enter_function!("check_do", "RaftRouter/Router", "Router::check_do");
        self.mailbox(region)
    }

    /// Sends a message that no client waits for. One that finds no room or no region is lost, which
    /// Raft allows of its messages; ticks and casual messages repeat.
    pub(crate) fn post(&self, region: RegionId, message: PeerMsg<S>) -> bool {
        self.mailbox(region).is_some_and(|mailbox| mailbox.try_send(message).is_ok())
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.regions()).finish()
    }
}

/// The way from a reader's thread to the raft threads.
pub(crate) struct RaftRouter<S> {
    router: Router<S>,
    tracer: Tracer,
}

impl<S> Clone for RaftRouter<S> {
    fn clone(&self) -> Self {
        RaftRouter { router: self.router.clone(), tracer: self.tracer.clone() }
    }
}

impl<S> RaftRouter<S> {
    pub(crate) fn new(router: Router<S>, tracer: Tracer) -> Self {
        RaftRouter { router, tracer }
    }

    /// Sends a command to its region; a full mailbox or an unknown region gives it back.
    pub(crate) fn send(
        &self,
        mut command: RaftCommand<S>,
    ) -> Result<(), TrySendError<Box<RaftCommand<S>>>> {
        let span = stage_span!(
            "route",
            "RaftRouter",
            "RaftRouter::send",
            raft.region_id = command.request.header.region_id.0 as i64
        );
        command.trace = self.tracer.context_of(&span);
        let _entered = span.enter();
        self.send_raft_command(command)
    }

    fn send_raft_command(
        &self,
        command: RaftCommand<S>,
    ) -> Result<(), TrySendError<Box<RaftCommand<S>>>> {
        let _span =
            enter_function!("send_raft_command", "RaftRouter", "RaftRouter::send_raft_command");
        let region = command.request.get_region_id();
        variable!("RaftCmdRequest::get_region_id", "RaftRouter");
        let message = PeerMsg::RaftCommand(Box::new(command));
        record!("PeerMsg::RaftCommand", "RaftRouter");
        let unboxed = |message| match message {
            PeerMsg::RaftCommand(command) => command,
            _ => unreachable!("the mailbox gives back what it was given"),
        };
        self.router.send(region, message).map_err(|error| match error {
            TrySendError::Full(message) => TrySendError::Full(unboxed(message)),
            TrySendError::Disconnected(message) => TrySendError::Disconnected(unboxed(message)),
        })
    }

    /// Sends a message that no client waits for; lost when there is no room.
    pub(crate) fn post(&self, region: RegionId, message: PeerMsg<S>) -> bool {
        self.router.post(region, message)
    }
}

impl<S> fmt::Debug for RaftRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.router, f)
    }
}
