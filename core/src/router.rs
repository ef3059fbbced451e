//! From a request to the mailbox of its region: stage `route`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::command::RaftCommand;
use crate::ids::RegionId;
use crate::mailbox::{Mailbox, TrySendError};
use crate::message::PeerMsg;
use crate::spans::{function_span, record, stage_span, variable};
use crate::trace_context::Tracer;

/// Finds the mailbox of a region.
pub(crate) struct Router<S> {
    normals: Arc<RwLock<BTreeMap<RegionId, Arc<Mailbox<S>>>>>,
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Router { normals: Arc::clone(&self.normals) }
    }
}

impl<S> Router<S> {
    pub(crate) fn new() -> Self {
        Router { normals: Arc::default() }
    }

    pub(crate) fn register(&self, region: RegionId, mailbox: Arc<Mailbox<S>>) {
        self.normals.write().unwrap_or_else(PoisonError::into_inner).insert(region, mailbox);
    }

    /// Closes a region's mailbox, if it has one; what waits in it is answered.
    pub(crate) fn unregister(&self, region: RegionId) {
        let mailbox = self.normals.write().unwrap_or_else(PoisonError::into_inner).remove(&region);
        if let Some(mailbox) = mailbox {
            mailbox.close();
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
        let _span = function_span!("send", "RaftRouter/Router", "Router::send").entered();
        self.try_send(region, message)
    }

    fn try_send(
        &self,
        region: RegionId,
        message: PeerMsg<S>,
    ) -> Result<(), TrySendError<PeerMsg<S>>> {
        let _span = function_span!("try_send", "RaftRouter/Router", "Router::try_send").entered();
        match self.check_do(region) {
            Some(mailbox) => mailbox.try_send(message),
            None => Err(TrySendError::Disconnected(message)),
        }
    }

    fn check_do(&self, region: RegionId) -> Option<Arc<Mailbox<S>>> {
        let _span = function_span!("check_do", "RaftRouter/Router", "Router::check_do").entered();
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
            function_span!("send_raft_command", "RaftRouter", "RaftRouter::send_raft_command")
                .entered();
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
