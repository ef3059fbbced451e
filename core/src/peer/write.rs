//! Writes: into the log, and answered when they are applied.

use prost::Message as _;

use crate::admin_command::AdminCommand;
use crate::apply::{Applied, split_region};
use crate::callback::WriteResponse;
use crate::command::{Body, LogCommand, RaftCmdRequest, RaftCommand};
use crate::engine::Engine;
use crate::error::Error;
use crate::peer::{Peer, Proposal, ProposalKind, TAKES_OVER};
use crate::poll_context::PollContext;
use crate::region_snapshot::check_key_in_region;
use crate::spans::enter_function;

/// What the entry of a request will mean for reads once it is committed.
fn kind_of(request: &RaftCmdRequest) -> ProposalKind {
    match &request.body {
        Body::Admin(AdminCommand::Split(_)) => ProposalKind::Split,
        Body::Admin(AdminCommand::PrepareMerge(_)) => ProposalKind::PrepareMerge,
        _ => ProposalKind::Normal,
    }
}

impl<E: Engine> Peer<E> {
    /// Proposes a write or an administrative change; it is answered after it was applied (rule T5).
    pub(crate) fn propose_entry(
        &mut self,
        ctx: &PollContext<E>,
        command: RaftCommand<E::Snapshot>,
    ) {
        let _span = enter_function!("propose_entry", "Peer", "Peer::propose_entry");
        if matches!(command.request.body, Body::Write(_))
            && let Err(error) = ctx.disk_room.check()
        {
            return command.callback.fail(error, self.term());
        }
        let proposed = match &command.request.body {
            Body::Admin(AdminCommand::ChangePeers(change)) => {
                self.propose_change_peers(ctx, change)
            }
            _ => {
                let encoded = self.encode(&command.request);
                encoded.and_then(|data| self.propose_data(Vec::new(), data))
            }
        };
        match proposed {
            Ok(index) => self.proposals.push_back(Proposal {
                index,
                term: self.term(),
                // The round's time, from before the entry went to raft-rs (rule L1).
                propose_time: ctx.now,
                kind: kind_of(&command.request),
                command: Some(command),
            }),
            Err(error) => command.callback.fail(error, self.term()),
        }
    }

    /// Proposes an entry without content, which lifts a suspicion when it is committed (rule L5).
    /// One on its way is enough.
    pub(crate) fn propose_empty_entry(&mut self, ctx: &PollContext<E>) {
        let last_index = self.raft_group.raft.raft_log.last_index();
        let on_its_way = self
            .proposals
            .back()
            .is_some_and(|last| last.command.is_none() && last.index == last_index);
        if on_its_way {
            return;
        }
        // Refused while a transfer is on its way; the next read tries again.
        if let Ok(index) = self.propose_data(Vec::new(), Vec::new()) {
            let (term, propose_time) = (self.term(), ctx.now);
            let kind = ProposalKind::Normal;
            self.proposals.push_back(Proposal { index, term, propose_time, kind, command: None });
        }
    }

    /// Asks raft-rs to hand over the leadership. The answer says only that it was asked.
    pub(crate) fn propose_transfer_leader(&mut self, command: RaftCommand<E::Snapshot>) {
        if let Body::TransferLeader(to) = command.request.body {
            self.raft_group.transfer_leader(to.0);
        }
        let index = self.storage().commit_index();
        command.callback.invoke_write(WriteResponse { result: Ok(index), trace: command.trace });
    }

    fn encode(&self, request: &RaftCmdRequest) -> Result<Vec<u8>, Error> {
        if let Some(target) = self.merging.prepared.as_ref().map(|it| it.target.region_id()) {
            return Err(Error::RegionMerging { region: self.region_id(), target });
        }
        let mut log =
            LogCommand { epoch: request.header.epoch, mutations: Vec::new(), admin: None };
        match &request.body {
            Body::Write(mutations) => {
                for mutation in mutations {
                    check_key_in_region(&mutation.key, self.region())?;
                }
                log.mutations.clone_from(mutations);
            }
            Body::Admin(AdminCommand::Split(split)) => {
                // Applied, it would be refused in the same words; here it costs no entry.
                split_region(self.region(), split)?;
                log.admin = Some(AdminCommand::Split(split.clone()));
            }
            Body::Admin(AdminCommand::PrepareMerge(prepare)) => {
                let prepare = self.complete_prepare_merge(prepare)?;
                log.admin = Some(AdminCommand::PrepareMerge(prepare));
            }
            Body::Admin(
                admin @ (AdminCommand::CommitMerge(_)
                | AdminCommand::RollbackMerge(_)
                | AdminCommand::CompactLog(_)),
            ) => {
                let reason = format!("{} is for its replicas to propose", admin.as_str());
                return Err(Error::InvalidAdmin { region: self.region_id(), reason });
            }
            Body::Admin(admin) => log.admin = Some(admin.clone()),
            Body::Read(_) | Body::TransferLeader(_) => {}
        }
        Ok(log.encode_to_vec())
    }

    /// Proposes a change of the region that nobody has asked for but its replicas. One that is
    /// refused is proposed again at a later tick, if it is still wanted.
    pub(crate) fn propose_own_admin(
        &mut self,
        ctx: &PollContext<E>,
        admin: AdminCommand,
        kind: ProposalKind,
    ) {
        let context = match kind {
            ProposalKind::CommitMerge => TAKES_OVER.to_vec(),
            _ => Vec::new(),
        };
        let log =
            LogCommand { epoch: self.region().epoch, mutations: Vec::new(), admin: Some(admin) };
        if let Ok(index) = self.propose_data(context, log.encode_to_vec()) {
            let (term, propose_time) = (self.term(), ctx.now);
            self.proposals.push_back(Proposal { index, term, propose_time, kind, command: None });
        }
    }

    fn propose_data(&mut self, context: Vec<u8>, data: Vec<u8>) -> Result<u64, Error> {
        let index = self.raft_group.raft.raft_log.last_index() + 1;
        let region = self.region_id();
        self.raft_group
            .propose(context, data)
            .map_err(|error| Error::ProposalRefused { region, reason: error.to_string() })?;
        Ok(index)
    }

    /// Answers the write at an applied index. Proposals before it in the order of terms and
    /// indexes will never be applied: a later term's entry stands at or before their place.
    pub(crate) fn answer_write(&mut self, applied: Applied) {
        let region = self.region_id();
        let last = (applied.term, applied.index);
        while self.proposals.front().is_some_and(|next| (next.term, next.index) <= last) {
            let Some(Proposal { index, term, command, .. }) = self.proposals.pop_front() else {
                return;
            };
            let Some(command) = command else { continue };
            let result = if (index, term) == (applied.index, applied.term) {
                applied.result.clone().map(|()| index)
            } else {
                let reason = "another leader's entry stands at its place in the log";
                Err(Error::StaleCommand { region, reason })
            };
            let trace = command.trace;
            command.callback.invoke_write(WriteResponse { result, trace });
        }
    }
}
