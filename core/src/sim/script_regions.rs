//! What a script can do to the shape of regions: split and merge them, and look at them.

use std::sync::Arc;

use crate::admin_command::{AdminCommand, PrepareMerge, Split, SplitPiece};
use crate::region::Region;
use crate::sim::requests::{AskRead, OpId, OpResult, Request, What};
use crate::sim::world::World;

impl World {
    /// Asks a region's leader to cut it at a key: a new region begins there. Its id, and the request
    /// that makes it.
    pub fn split(&mut self, region: u64, key: &[u8]) -> (u64, OpId) {
        let (id, request) = self.split_request(region, key, false);
        (id, self.ask(request))
    }

    /// As [`World::split`], but the old region keeps the right part and the new one ends at the key.
    pub fn split_right_derive(&mut self, region: u64, key: &[u8]) -> (u64, OpId) {
        let (id, request) = self.split_request(region, key, true);
        (id, self.ask(request))
    }

    /// Asks a region's leader to let its neighbour `target` take it over. The answer says that the
    /// region is ready for it; see [`World::run_until_merged`].
    pub fn merge(&mut self, source: u64, target: u64) -> OpId {
        let request = self.merge_request(source, target);
        self.ask(request)
    }

    /// Runs until no node has a replica of a region any more, for `limit` at most; whether that is
    /// so.
    pub fn run_until_merged(&mut self, source: u64, limit: std::time::Duration) -> bool {
        let region = crate::ids::RegionId(source);
        self.run_while(limit, |world| {
            let mut running = world.nodes.iter().filter_map(|node| node.running.as_ref());
            !running.any(|running| running.fsms.contains_key(&region))
        })
    }

    /// A region as a node's replica of it knows it.
    pub fn region_on(&self, node: u64, region: u64) -> Option<Region> {
        let running = self.nodes.get(node as usize - 1)?.running.as_ref()?;
        let fsm = running.fsms.get(&crate::ids::RegionId(region))?;
        Some(fsm.peer.region().as_ref().clone())
    }

    /// The regions as the placement driver has last heard of them, in the order of their ids.
    pub fn known_regions(&self) -> Vec<Arc<Region>> {
        self.regions.clone()
    }

    /// Asks a node to read from a region as it was once, whatever it is now: as a client does that
    /// has not heard of a split or a merge.
    pub fn start_read_of(&mut self, node: u64, region: &Region, key: &[u8], ask: AskRead) -> OpId {
        let request = Request::new(node, region.id, key, What::Read(ask));
        self.ask(Request { as_known: Some(Box::new(region.clone())), ..request })
    }

    /// What became of a request, `None` while there is nothing.
    pub fn answer(&self, op: OpId) -> Option<&OpResult> {
        Some(self.result(op)).filter(|result| **result != OpResult::Pending)
    }

    pub(super) fn split_request(
        &mut self,
        region: u64,
        key: &[u8],
        right_derive: bool,
    ) -> (u64, Request) {
        let region_id = self.next_region_id;
        self.next_region_id += 1;
        let known = self.regions.iter().find(|known| known.id == region);
        let stores = known.map(|known| known.peers.iter().map(|peer| peer.store_id).collect());
        let stores: Vec<u64> = stores.unwrap_or_default();
        // As in `SimConfig::regions`: unique in the cluster.
        let peer_ids = stores.iter().map(|store| region_id * 100 + store).collect();
        let piece = SplitPiece { split_key: key.to_vec(), region_id, peer_ids };
        let split = Split { pieces: vec![piece], right_derive };
        (region_id, self.admin_request(region, AdminCommand::Split(split)))
    }

    pub(super) fn merge_request(&mut self, source: u64, target: u64) -> Request {
        let known = self.regions.iter().find(|known| known.id == target);
        let target = known.map(|known| known.as_ref().clone()).unwrap_or_default();
        let prepare = PrepareMerge { target, min_index: 0 };
        self.admin_request(source, AdminCommand::PrepareMerge(prepare))
    }

    pub(super) fn admin_request(&self, region: u64, admin: AdminCommand) -> Request {
        let node = self.leader(region).unwrap_or(1);
        Request::new(node, region, b"", What::Admin(Box::new(admin)))
    }

    /// Some region that touches this one.
    pub(super) fn neighbour(&self, region: u64) -> Option<u64> {
        let this = self.regions.iter().find(|known| known.id == region)?;
        let touches = |other: &Region| {
            (!this.end_key.is_empty() && other.start_key == this.end_key)
                || (!other.end_key.is_empty() && other.end_key == this.start_key)
        };
        self.regions.iter().find(|other| touches(other)).map(|other| other.id)
    }
}
