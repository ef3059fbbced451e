//! The placement driver, as far as a peer talks to it: who leads a region?
//!
//! A replica without a leader asks here (rule P7), and leaders report themselves here. In one
//! process this is a table; the answer comes back through the asking region's mailbox.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ids::RegionId;
use crate::message::{CasualMessage, PeerMsg};
use crate::region::{PeerMeta, Region, RegionEpoch};
use crate::router::Router;

/// Something for the placement driver to do.
#[derive(Clone, Debug, PartialEq)]
pub enum PdTask {
    /// A leader reports itself.
    RegionHeartbeat {
        /// The region as the leader knows it.
        region: Arc<Region>,
        /// The leader.
        leader: PeerMeta,
        /// Its term: an older leader's report is ignored.
        term: u64,
    },
    /// The leader of a region that was split reports the new ones, which nobody leads yet.
    ReportSplit {
        /// The new regions.
        created: Vec<Arc<Region>>,
    },
    /// A replica without a leader asks who it is.
    QueryRegionLeader {
        /// The region.
        region: RegionId,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Known {
    region: Arc<Region>,
    leader: Option<PeerMeta>,
    term: u64,
}

/// The regions of a cluster and their leaders, shared by its stores and clients.
#[derive(Clone, Default)]
pub struct Pd(Arc<Mutex<BTreeMap<RegionId, Known>>>);

impl Pd {
    /// A placement driver that knows `regions`, none with a leader yet.
    pub fn new(regions: impl IntoIterator<Item = Region>) -> Self {
        let pd = Pd::default();
        for region in regions {
            let known = Known { region: Arc::new(region), leader: None, term: 0 };
            pd.with(|table| table.insert(known.region.region_id(), known));
        }
        pd
    }

    fn with<R>(&self, act: impl FnOnce(&mut BTreeMap<RegionId, Known>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The region that covers `key`, with its leader if one has reported itself.
    pub fn region_for(&self, key: &[u8]) -> Option<(Arc<Region>, Option<PeerMeta>)> {
        self.with(|table| {
            let covers = table.values().filter(|known| known.region.contains(key));
            // A split is reported by its parts one after the other: the newest one knows better.
            let known = covers.max_by_key(|known| known.region.epoch.version)?;
            Some((Arc::clone(&known.region), known.leader))
        })
    }

    /// A region by its id, with its leader if one has reported itself.
    pub fn region(&self, id: RegionId) -> Option<(Arc<Region>, Option<PeerMeta>)> {
        self.with(|table| table.get(&id).map(|known| (Arc::clone(&known.region), known.leader)))
    }

    /// Every region, in the order of ids.
    pub fn regions(&self) -> Vec<Arc<Region>> {
        self.with(|table| table.values().map(|known| Arc::clone(&known.region)).collect())
    }

    /// Takes it that `leader` is not the leader, but `instead`, if that is known. A leader's own
    /// report comes later and is believed over this.
    pub fn suspect_leader(&self, id: RegionId, leader: PeerMeta, instead: Option<PeerMeta>) {
        self.with(|table| {
            if let Some(known) = table.get_mut(&id).filter(|known| known.leader == Some(leader)) {
                // Without another one it stays the best guess: it may be leader again soon.
                known.leader = instead.or(known.leader);
            }
        });
    }

    /// Does `task`; answers go through `router` (the charts' `pd_scheduler.schedule`).
    pub(crate) fn schedule<S>(&self, task: PdTask, router: &Router<S>) {
        match task {
            PdTask::RegionHeartbeat { region, leader, term } => self.with(|table| {
                let is_old = |known: &Known| {
                    term < known.term || is_older(&region.epoch, &known.region.epoch)
                };
                if table.get(&region.region_id()).is_some_and(is_old) {
                    return;
                }
                // What a merge has taken over is no region any more.
                table.retain(|_, known| {
                    known.region.epoch.version >= region.epoch.version
                        || !region.covers(&known.region)
                });
                let known = Known { leader: Some(leader), term, region };
                table.insert(known.region.region_id(), known);
            }),
            PdTask::ReportSplit { created } => self.with(|table| {
                for region in created {
                    let known = Known { leader: None, term: 0, region };
                    table.entry(known.region.region_id()).or_insert(known);
                }
            }),
            PdTask::QueryRegionLeader { region } => {
                let leader = self.with(|table| table.get(&region).and_then(|known| known.leader));
                if let Some(leader) = leader {
                    let answer = CasualMessage::QueryRegionLeaderResp { leader };
                    router.post(region, PeerMsg::Casual(answer));
                }
            }
        }
    }
}

fn is_older(one: &RegionEpoch, other: &RegionEpoch) -> bool {
    one.version < other.version || one.conf_ver < other.conf_ver
}

impl fmt::Debug for Pd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|table| {
            f.debug_map().entries(table.iter().map(|(id, k)| (id, k.leader))).finish()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_split_and_what_a_merge_took_over_are_told_apart() {
        let region = |id, from: &str, to: &str, version| Region {
            id,
            start_key: from.into(),
            end_key: to.into(),
            epoch: RegionEpoch { conf_ver: 1, version },
            ..Region::default()
        };
        let (pd, router) = (Pd::new([region(1, "", "", 1)]), Router::<()>::new());
        let report = |region| {
            let leader = PeerMeta::default();
            pd.schedule(
                PdTask::RegionHeartbeat { region: Arc::new(region), leader, term: 6 },
                &router,
            );
        };
        let found = |key: &str| pd.region_for(key.as_bytes()).unwrap().0.id;
        report(region(2, "m", "", 2));
        assert_eq!((found("a"), found("x")), (1, 2), "the left part has not been heard of yet");
        report(region(1, "", "m", 2));
        report(region(1, "", "", 1));
        assert_eq!((found("a"), found("x")), (1, 2), "an old leader's report");
        report(region(1, "", "", 3));
        assert_eq!((found("a"), found("x")), (1, 1));
        assert_eq!(pd.regions().len(), 1, "merged");
    }

    #[test]
    fn an_older_leader_does_not_replace_a_newer_one() {
        let region = Region { id: 1, ..Region::default() };
        let pd = Pd::new([region.clone()]);
        let router: Router<()> = Router::new();
        let peer = |id| PeerMeta { id, ..PeerMeta::default() };
        for (leader, term, expected) in [(1, 5, 1), (2, 4, 1), (3, 6, 3)] {
            let region = Arc::new(region.clone());
            pd.schedule(PdTask::RegionHeartbeat { region, leader: peer(leader), term }, &router);
            assert_eq!(pd.region(RegionId(1)).unwrap().1, Some(peer(expected)));
        }
        pd.suspect_leader(RegionId(1), peer(1), Some(peer(2)));
        assert_eq!(pd.region(RegionId(1)).unwrap().1, Some(peer(3)), "not the one in doubt");
        pd.suspect_leader(RegionId(1), peer(3), None);
        assert_eq!(pd.region(RegionId(1)).unwrap().1, Some(peer(3)), "none better");
        pd.suspect_leader(RegionId(1), peer(3), Some(peer(2)));
        assert_eq!(pd.region(RegionId(1)).unwrap().1, Some(peer(2)));
    }
}
