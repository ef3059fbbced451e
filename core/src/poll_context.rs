//! What a peer is given while it handles messages, and what it gives back.
//!
//! A peer owns no clock, thread, socket or random source. The driver hands it this context, and
//! carries out the [`Effects`] in their order: messages that may leave at once, then what must be
//! durable, then the apply tasks.

use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::apply::ApplyTask;
use crate::birth::Birth;
use crate::callback::ReadValue;
use crate::clock::{Clock, Instant};
use crate::command::{RaftCmdRequest, ReadCommand, ReadWaits};
use crate::config::Config;
use crate::disk_room::DiskRoom;
use crate::engine::{Care, Engine, Family, WriteBatch};
use crate::error::Error;
use crate::ids::{ReadIdGen, RegionId, StoreId};
use crate::message::{CasualMessage, ClusterTag, RaftMessage};
use crate::message_checks::RefusedMessages;
use crate::pd::PdTask;
use crate::read_delegate::StoreMeta;
use crate::region::Region;
use crate::region_snapshot::{RegionSnapshot, check_key_in_region};
use crate::rules::{Rule, Rules};
use crate::spans::{case, enter_function};
use crate::thread_log::ThreadLog;
use crate::trace_context::Tracer;

/// What a peer wants done.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Messages that may leave now.
    pub(crate) messages: Vec<RaftMessage>,
    /// What must be durable before [`crate::peer::Peer::on_persisted`] is called.
    pub(crate) writes: WriteBatch,
    /// Whether `writes` must reach the disk, or may wait for the next write that does.
    pub(crate) must_sync: bool,
    /// Committed entries to apply, in order.
    pub(crate) apply: Vec<ApplyTask>,
    /// Messages to other regions of this store.
    pub(crate) local: Vec<(RegionId, CasualMessage)>,
    /// Replicas to take up, once the writes are done.
    pub(crate) births: Vec<Birth>,
    /// Replicas to let go, once the writes are done.
    pub(crate) deaths: Vec<RegionId>,
    /// Questions and reports to the placement driver.
    pub(crate) pd: Vec<PdTask>,
    /// Something that the store must not go on after.
    pub(crate) fault: Option<Error>,
}

/// The surroundings of a store's peers during one round of polling.
#[derive(Debug)]
pub(crate) struct PollContext<E: Engine> {
    pub(crate) store_id: StoreId,
    pub(crate) config: Arc<Config>,
    /// Goes with every message.
    pub(crate) cluster: ClusterTag,
    /// Whether the disk takes more.
    pub(crate) disk_room: DiskRoom,
    /// Counts the messages that are refused.
    pub(crate) refused: Arc<RefusedMessages>,
    pub(crate) engine: E,
    pub(crate) clock: ClockHandle,
    /// The time at which this round of polling began: the "sent at" of all that it proposes (L1).
    pub(crate) now: Instant,
    pub(crate) ids: ReadIdGen,
    pub(crate) meta: StoreMeta,
    pub(crate) tracer: Tracer,
    /// What this store's raft threads did for long.
    pub(crate) log: ThreadLog,
    /// Until then a restarted store grants no vote: it has forgotten what it promised (rule L15).
    pub(crate) votes_from: Instant,
    /// The safety rules that hold: all of them, outside a simulation.
    pub(crate) rules: Rules,
    /// Decides what replicas that are taken up later draw from.
    pub(crate) seeds: SmallRng,
    pub(crate) effects: Effects,
}

/// A shared clock that can be printed.
#[derive(Clone)]
pub(crate) struct ClockHandle(pub(crate) Arc<dyn Clock>);

impl std::fmt::Debug for ClockHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.monotonic_raw_now())
    }
}

impl<E: Engine> PollContext<E> {
    /// The present moment, read anew.
    pub(crate) fn monotonic_raw_now(&self) -> Instant {
        self.clock.0.monotonic_raw_now()
    }

    /// What a new replica draws its election timeouts from.
    pub(crate) fn next_seed(&mut self) -> u64 {
        self.seeds.random()
    }

    /// Whether this store may have forgotten a promise not to vote (rule L15).
    pub(crate) fn maybe_in_unsafe_vote_period(&self) -> bool {
        self.rules.holds(Rule::L15) && self.monotonic_raw_now() < self.votes_from
    }

    /// Answers a read from the engine as it is now; `read_index` is what a `ReadIndex` is told. How
    /// long the engine took goes into `waits`.
    pub(crate) fn execute(
        &self,
        request: &RaftCmdRequest,
        (region, read_index): (&Arc<Region>, u64),
        waits: &mut ReadWaits,
    ) -> Result<ReadValue<E::Snapshot>, Error> {
        let _span = enter_function!("execute", "PollContext", "PollContext::execute");
        match request.read() {
            Some(ReadCommand::Get { key }) => {
                case!("CmdType::Get", "PollContext", from = "PollContext::execute");
                self.get_value(key, region, waits)
            }
            Some(ReadCommand::Snap) => {
                case!("CmdType::Snap", "PollContext", from = "PollContext::execute");
                Ok(self.get_snapshot(region, waits))
            }
            Some(ReadCommand::ReadIndex) => {
                case!("CmdType::ReadIndex", "PollContext", from = "PollContext::execute");
                Ok(self.set_read_index(read_index))
            }
            Some(ReadCommand::Renew) | None => Ok(ReadValue::Nothing),
        }
    }

    fn get_value(
        &self,
        key: &[u8],
        region: &Region,
        waits: &mut ReadWaits,
    ) -> Result<ReadValue<E::Snapshot>, Error> {
        let _span = enter_function!("get_value", "PollContext", "PollContext::get_value");
        if self.rules.holds(Rule::S5) {
            check_key_in_region(key, region)?;
        }
        let before = self.monotonic_raw_now();
        let (found, usage) =
            self.engine.measure(Care::Counts, |engine| engine.get(Family::Data, key));
        (waits.engine, waits.usage) = (self.monotonic_raw_now().saturating_since(before), usage);
        Ok(ReadValue::Value(found?))
    }

    fn get_snapshot(&self, region: &Arc<Region>, waits: &mut ReadWaits) -> ReadValue<E::Snapshot> {
        let _span = enter_function!("get_snapshot", "PollContext", "PollContext::get_snapshot");
        let before = self.monotonic_raw_now();
        let snapshot = self.engine.snapshot();
        waits.snapshot = self.monotonic_raw_now().saturating_since(before);
        ReadValue::Snapshot(RegionSnapshot::new(snapshot, Arc::clone(region)))
    }

    fn set_read_index(&self, read_index: u64) -> ReadValue<E::Snapshot> {
        let _span = enter_function!("set_read_index", "PollContext", "PollContext::set_read_index");
        ReadValue::Index(read_index)
    }
}
