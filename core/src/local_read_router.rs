//! Where reads and writes of one store go in: reads to the reader on this thread, all else to the
//! raft threads.

use std::fmt;
use std::sync::Arc;

use crate::callback::Callback;
use crate::clock::{Clock, Instant};
use crate::command::{RaftCmdRequest, RaftCommand};
use crate::config::Config;
use crate::engine::Engine;
use crate::error::Error;
use crate::local_reader::{Asked, LocalReader, NotLocalRead};
use crate::mailbox::TrySendError;
use crate::read_delegate::StoreMeta;
use crate::reject::RejectCounters;
use crate::router::RaftRouter;
use crate::rules::Rules;
use crate::spans::enter_function;

/// What the readers of a store share.
#[derive(Clone)]
pub(crate) struct ReadContext {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Arc<Config>,
    pub(crate) meta: StoreMeta,
    pub(crate) rejects: Arc<RejectCounters>,
    /// The safety rules that hold: all of them, outside a simulation.
    pub(crate) rules: Rules,
}

/// Takes reads, and answers them here or elsewhere.
pub(crate) trait LocalReadRouter<E: Engine> {
    /// Reads; says why the read was not answered on this thread, if it was not.
    fn read(&self, asked: Asked<'_, E::Snapshot>) -> Option<NotLocalRead>;
}

/// The router of one store, one clone for each thread that reads.
pub(crate) struct ServerRaftStoreRouter<E: Engine> {
    local_reader: LocalReader<E>,
    router: RaftRouter<E::Snapshot>,
    context: ReadContext,
}

impl<E: Engine> Clone for ServerRaftStoreRouter<E> {
    fn clone(&self) -> Self {
        ServerRaftStoreRouter {
            local_reader: self.local_reader.clone(),
            router: self.router.clone(),
            context: self.context.clone(),
        }
    }
}

impl<E: Engine> LocalReadRouter<E> for ServerRaftStoreRouter<E> {
    fn read(&self, asked: Asked<'_, E::Snapshot>) -> Option<NotLocalRead> {
        let _span = enter_function!("read", "LocalReader", "LocalReadRouter::read");
        self.local_reader.read(asked)
    }
}

impl<E: Engine> ServerRaftStoreRouter<E> {
    pub(crate) fn new(
        local_reader: LocalReader<E>,
        router: RaftRouter<E::Snapshot>,
        context: ReadContext,
    ) -> Self {
        ServerRaftStoreRouter { local_reader, router, context }
    }

    /// Sends a write to its region; a full mailbox or a missing region is its answer.
    pub(crate) fn send(
        &self,
        request: RaftCmdRequest,
        callback: Callback<E::Snapshot>,
        deadline: Option<Instant>,
    ) {
        let region = request.header.region_id;
        let sent_at = self.clock().monotonic_raw_now();
        let command = RaftCommand { request, callback, sent_at, trace: None, deadline };
        match self.router.send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(command)) => {
                let error = Error::ServerIsBusy { region, reason: "the mailbox is full" };
                command.callback.fail(error, 0);
            }
            Err(TrySendError::Disconnected(command)) => {
                command.callback.fail(Error::RegionNotFound(region), 0);
            }
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.context.clock
    }

    pub(crate) fn config(&self) -> &Config {
        &self.context.config
    }

    pub(crate) fn rejects(&self) -> &RejectCounters {
        &self.context.rejects
    }

    pub(crate) fn reader(&self) -> &LocalReader<E> {
        &self.local_reader
    }
}

impl<E: Engine> fmt::Debug for ServerRaftStoreRouter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.local_reader, f)
    }
}
