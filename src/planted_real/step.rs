//! What can happen to a real cluster and to its clients, and how it is done.

use std::collections::BTreeMap;
use std::time::Duration;

use raft::eraftpb::MessageType;
use raftlens_core::{
    Action, AdminCommand, Client, Cluster, FilterId, MessageFilter, MessageKind, PrepareMerge,
    ReadFrom, RegionId, Split, SplitPiece, StoreId,
};

use crate::planted_real::load::{Kind, Load, STORES, leader};
use crate::planted_real::shape::{key, split_key};

/// Something that happens at its time, from the first request on.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) act: Act,
}

/// What can happen. Stores and regions go by their numbers, filters by the slot they are kept in.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Filter(usize, MessageFilter, Action),
    Unfilter(usize),
    /// So many requests of a kind at once.
    Requests(Kind, u64, usize),
    Burst(u64, usize),
    /// One write of so many bytes.
    WriteMuch(u64, usize),
    /// One read of a kind at a store, whoever leads.
    ReadAt(Kind, u64, u64),
    CloseGate(u64),
    OpenGate(u64),
    Transfer(u64, u64),
    /// The leadership goes to the next store, whose first entry a filter in this slot holds.
    NextLeader(usize, u64),
    Quiet(Option<u64>),
    Avoid(Option<u64>),
    Favour(Option<u64>),
    Patience(Option<Duration>),
    /// Scans look for so many keys in all of their region.
    WideScans(Option<usize>),
    Outdate(Option<u64>),
    Split(u64),
    Merge(u64, u64),
    /// Every thread of the runtime that clients run on is blocked for so long.
    BlockRuntime(usize, Duration),
}

/// Matches messages of a type.
pub(super) fn of_type(kind: MessageType) -> MessageFilter {
    MessageFilter { kind: Some(MessageKind::Raft(kind)), ..MessageFilter::default() }
}

/// The id of the region that a split makes; no region of a run has it.
const NEW_REGION: u64 = 9;

/// The filters that are in force, by slot.
pub(super) type Filters = BTreeMap<usize, FilterId>;

impl Act {
    pub(super) fn happen(self, cluster: &Cluster, load: &mut Load, filters: &mut Filters) {
        let network = cluster.network();
        let client = cluster.client();
        match self {
            Act::Filter(slot, filter, action) => {
                filters.insert(slot, network.add_filter(filter, action));
            }
            Act::Unfilter(slot) => {
                if let Some(id) = filters.remove(&slot) {
                    network.remove_filter(id);
                }
            }
            Act::Requests(kind, region, count) => {
                for _ in 0..count {
                    load.request(kind, region, 1);
                }
            }
            Act::Burst(region, count) => load.burst(region, count),
            Act::WriteMuch(region, bytes) => load.write_much(region, bytes),
            Act::ReadAt(kind, region, store) => load.request(kind, region, store),
            Act::CloseGate(store) | Act::OpenGate(store) => {
                let Some(store) = cluster.store(StoreId(store)) else { return };
                match self {
                    Act::CloseGate(_) => store.apply_gate().close(),
                    _ => store.apply_gate().open(),
                }
            }
            Act::Transfer(region, to) => transfer(client, region, to),
            Act::NextLeader(slot, region) => {
                let Some(old) = leader(cluster.pd(), region) else { return };
                let to = old % STORES + 1;
                let first = MessageFilter {
                    from: Some(StoreId(to)),
                    region: Some(RegionId(region)),
                    ..of_type(MessageType::MsgAppend)
                };
                filters.insert(slot, network.add_filter(first, Action::Hold));
                transfer(client, region, to);
            }
            Act::Quiet(region) => load.quiet = region,
            Act::Avoid(store) => load.avoided = store,
            Act::Favour(store) => load.favoured = store,
            Act::Patience(patience) => load.patience = patience,
            Act::WideScans(keys) => load.wide_scans = keys,
            Act::Outdate(region) => {
                let known = region.and_then(|id| cluster.pd().region(RegionId(id)));
                load.outdated = known.map(|(known, _)| (known.id, known.epoch));
            }
            Act::Split(region) => {
                let peer_ids = (1..=STORES).map(|store| NEW_REGION * 10 + store).collect();
                let (split_key, region_id) = (split_key(region), NEW_REGION);
                let pieces = vec![SplitPiece { split_key, region_id, peer_ids }];
                admin(client, region, AdminCommand::Split(Split { pieces, right_derive: false }));
            }
            Act::Merge(source, target) => {
                let Some((target, _)) = cluster.pd().region(RegionId(target)) else { return };
                let prepare = PrepareMerge { target: target.as_ref().clone(), min_index: 0 };
                admin(client, source, AdminCommand::PrepareMerge(prepare));
            }
            Act::BlockRuntime(threads, span) => {
                for _ in 0..threads {
                    tokio::spawn(async move { std::thread::sleep(span) });
                }
            }
        }
    }
}

fn transfer(client: Client, region: u64, to: u64) {
    // A refusal shows in the traces.
    tokio::spawn(async move { client.transfer_leader(RegionId(region), StoreId(to)).await });
}

/// Asks the leader of a region; a refusal shows in the traces.
fn admin(client: Client, region: u64, command: AdminCommand) {
    tokio::spawn(async move {
        let (kv, ctx) = client.context(&key(region), ReadFrom::Leader)?;
        kv.admin(ctx, command).await
    });
}

/// The hop of a network that takes its time: everything is held, and let go all `hop` long.
#[derive(Debug, Default)]
pub(super) struct Hop(Option<FilterId>);

impl Hop {
    /// Lets go of what is on its way, and holds what comes from now on.
    pub(super) fn turn(&mut self, cluster: &Cluster) {
        let network = cluster.network();
        // First this, or what is let go would be held once more.
        if let Some(id) = self.0.take() {
            network.remove_filter(id);
        }
        self.0 = Some(network.add_filter(MessageFilter::default(), Action::Hold));
    }

    /// Lets go of what is on its way; from now on the network delivers at once.
    pub(super) fn end(self, cluster: &Cluster) {
        if let Some(id) = self.0 {
            cluster.network().remove_filter(id);
        }
    }
}
