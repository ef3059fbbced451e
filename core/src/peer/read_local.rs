//! A read that the leader answers from its own data, under its lease (mode 3).

use std::sync::Arc;

use crate::callback::{ReadMode, ReadResponse, ReadValue};
use crate::command::{RaftCmdRequest, RaftCommand, ReadWaits};
use crate::engine::Engine;
use crate::error::Error;
use crate::peer::apply_reads::{apply_reads_span, record_apply};
use crate::peer::fsm::Picked;
use crate::peer::{LaggingRead, Peer};
use crate::poll_context::PollContext;
use crate::request_checks::check_region_epoch;
use crate::rules::Rule;
use crate::spans::enter_function;
use crate::trace_context::HandOver;

impl<E: Engine> Peer<E> {
    /// Answers a read under the lease, at once or, in strict consistency, as soon as everything is
    /// applied that was committed when it arrived (rule X1).
    pub(crate) fn read_local(
        &mut self,
        ctx: &PollContext<E>,
        command: RaftCommand<E::Snapshot>,
        picked: Picked,
    ) {
        let _span = enter_function!("read_local", "Peer", "Peer::read_local");
        let index = {
            let _span = enter_function!("commit_index", "PeerStorage", "PeerStorage::commit_index");
            // The largest index that anyone outside can have seen: the storage's, not raft-rs's (T3).
            self.storage().commit_index()
        };
        if self.strict && self.storage().applied_index() < index {
            let (since, mailbox_wait) = (picked.at, picked.mailbox_wait);
            return self.lagging_reads.push_back(LaggingRead {
                index,
                since,
                mailbox_wait,
                command,
            });
        }
        let RaftCommand { request, callback, .. } = command;
        // The epoch was checked a moment ago, on this thread.
        let mut response = self.handle_read(ctx, &request, index, false);
        response.mode = Some(ReadMode::ReadLocal);
        response.waits.mailbox = picked.mailbox_wait;
        callback.invoke_read(&mut response.into());
    }

    /// Answers the local reads that the apply loop has caught up with. What was committed when they
    /// arrived is applied, and leases were valid then; that suffices, whoever leads by now. The
    /// region may have changed since, so the epoch is checked again (rule T15).
    pub(crate) fn answer_lagging_reads(&mut self, ctx: &PollContext<E>) {
        let applied = self.storage().applied_index();
        while self.lagging_reads.front().is_some_and(|read| read.index <= applied) {
            let Some(read) = self.lagging_reads.pop_front() else { return };
            let span = apply_reads_span(self, ctx, read.index);
            ctx.tracer.follow(&span, read.command.trace, HandOver::Apply);
            let _entered = span.enter();
            let apply = ctx.monotonic_raw_now().saturating_since(read.since);
            let RaftCommand { request, callback, .. } = read.command;
            let mut response = self.handle_read(ctx, &request, read.index, true);
            response.mode = Some(ReadMode::ReadLocal);
            response.waits.mailbox = read.mailbox_wait;
            response.waits.apply = apply;
            record_apply(&span, ctx, apply);
            response.trace = ctx.tracer.context_of(&span);
            callback.invoke_read(&mut response.into());
        }
    }

    /// Executes a read on the engine as it is now.
    pub(crate) fn handle_read(
        &self,
        ctx: &PollContext<E>,
        request: &RaftCmdRequest,
        read_index: u64,
        check_epoch: bool,
    ) -> ReadResponse<E::Snapshot> {
        let _span = enter_function!("handle_read", "Peer", "Peer::handle_read");
        let region = Arc::clone(self.region());
        let mut waits = ReadWaits::default();
        let result: Result<ReadValue<E::Snapshot>, Error> =
            if check_epoch && self.rules.holds(Rule::T15) {
                check_region_epoch(&request.header, &region)
            } else {
                Ok(())
            }
            .and_then(|()| ctx.execute(request, (&region, read_index), &mut waits));
        ReadResponse { result, term: self.term(), mode: None, waits, trace: None }
    }
}
