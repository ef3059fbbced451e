//! What a script can do to a region's replicas: add, remove, promote and demote them, and look at
//! their logs and at the snapshots that they get.

use std::collections::BTreeMap;

use raft::Storage as _;

use crate::admin_command::{AdminCommand, ChangePeers, PeerChange, PeerChangeKind};
use crate::ids::{RegionId, StoreId};
use crate::peer::Peer;
use crate::region::{PeerMeta, PeerRole};
use crate::sim::disk::Disk;
use crate::sim::requests::{OpId, Request};
use crate::sim::world::World;

impl World {
    /// Asks a region's leader to put a replica on a node, or to change the role of the one there.
    pub fn put_replica(&mut self, region: u64, node: u64, role: PeerRole) -> OpId {
        let change = self.put_change(region, node, role);
        self.change_replicas(region, vec![change])
    }

    /// Asks a region's leader to remove the replica on a node.
    pub fn remove_replica(&mut self, region: u64, node: u64) -> OpId {
        let change = self.remove_change(region, node);
        self.change_replicas(region, change.into_iter().collect())
    }

    /// Asks a region's leader for several changes at once; none leaves a joint configuration.
    pub fn change_replicas(&mut self, region: u64, changes: Vec<PeerChange>) -> OpId {
        let request = self.change_request(region, changes);
        self.ask(request)
    }

    /// The change that puts a replica on a node, or gives the one that is there a role.
    pub fn put_change(&mut self, region: u64, node: u64, role: PeerRole) -> PeerChange {
        let known = self.regions.iter().find(|known| known.id == region);
        let known = known.and_then(|known| known.peer_on(StoreId(node))).copied();
        let peer = known.unwrap_or_else(|| {
            self.next_peer_id += 1;
            PeerMeta { id: self.next_peer_id, store_id: node, ..PeerMeta::default() }
        });
        let peer = PeerMeta { role: role as i32, ..peer };
        PeerChange { kind: PeerChangeKind::Put as i32, peer }
    }

    /// The change that removes the replica on a node, if there is one.
    pub fn remove_change(&self, region: u64, node: u64) -> Option<PeerChange> {
        let known = self.regions.iter().find(|known| known.id == region)?;
        let peer = *known.peer_on(StoreId(node))?;
        Some(PeerChange { kind: PeerChangeKind::Remove as i32, peer })
    }

    pub(super) fn change_request(&self, region: u64, changes: Vec<PeerChange>) -> Request {
        self.admin_request(region, AdminCommand::ChangePeers(ChangePeers { changes }))
    }

    fn peer_on(&self, node: u64, region: u64) -> Option<&Peer<Disk>> {
        let running = self.nodes.get(node as usize - 1)?.running.as_ref()?;
        Some(&running.fsms.get(&RegionId(region))?.peer)
    }

    /// Whether a node runs a replica of a region.
    pub fn has_replica(&self, node: u64, region: u64) -> bool {
        self.peer_on(node, region).is_some()
    }

    /// The first index that a replica's log still has.
    pub fn first_index(&self, node: u64, region: u64) -> Option<u64> {
        self.peer_on(node, region)?.storage().first_index().ok()
    }

    /// How many pieces of a snapshot a replica has got so far, while one is coming.
    pub fn snapshot_pieces(&self, node: u64, region: u64) -> Option<u64> {
        self.peer_on(node, region)?.snapshot_pieces()
    }

    /// Whether a replica is putting in a snapshot.
    pub fn is_installing_snapshot(&self, node: u64, region: u64) -> bool {
        self.peer_on(node, region).is_some_and(|peer| peer.snapshots.installing.is_some())
    }

    /// How many pieces of snapshots a node has refused since it started, by why.
    pub fn piece_faults(&self, node: u64) -> BTreeMap<&'static str, u64> {
        let running = self.nodes.get(node as usize - 1).and_then(|node| node.running.as_ref());
        running.map(|running| running.ctx.meta.piece_faults()).unwrap_or_default()
    }
}
