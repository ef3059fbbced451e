//! The replicas of a region change: one at once, or several by way of a joint configuration.
//!
//! While two configurations are joined, a replica's role says which of them counts its vote, so that
//! a restart in between finds both of them in the region's state.

use std::sync::Arc;

use raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2};

use super::{ApplyContext, RegionChange};
use crate::admin_command::{ChangePeers, PeerChange, PeerChangeKind};
use crate::error::Error;
use crate::peer_storage::{RegionState, put_region_state};
use crate::region::{PeerMeta, PeerRole, Region, RegionEpoch};

/// Carries out a change; `epoch` is the one that it was proposed in.
pub(super) fn apply_change_peers(
    ctx: &mut ApplyContext,
    epoch: RegionEpoch,
    change: &ChangePeers,
) -> Result<(), Error> {
    if epoch.conf_ver != ctx.region.epoch.conf_ver {
        let (requested, current) = (epoch, ctx.region.epoch);
        return Err(Error::EpochNotMatch { region: ctx.region.region_id(), requested, current });
    }
    let region = change_peers(&ctx.region, change)?;
    put_region_state(&RegionState::normal(region.clone()), &mut ctx.batch);
    ctx.region = Arc::new(region);
    let region = Arc::clone(&ctx.region);
    ctx.changes.push(RegionChange::ChangePeers { region, change: conf_change(change) });
    Ok(())
}

/// A change as raft-rs has it. Two changes and more join two configurations; none leaves them.
pub(crate) fn conf_change(change: &ChangePeers) -> ConfChangeV2 {
    let single = |change: &PeerChange| {
        let kind = match (change.kind(), change.peer.role()) {
            (PeerChangeKind::Remove, _) => ConfChangeType::RemoveNode,
            (PeerChangeKind::Put, PeerRole::Learner | PeerRole::DemotingVoter) => {
                ConfChangeType::AddLearnerNode
            }
            (PeerChangeKind::Put, PeerRole::Voter | PeerRole::IncomingVoter) => {
                ConfChangeType::AddNode
            }
        };
        ConfChangeSingle { change_type: kind as i32, node_id: change.peer.id }
    };
    let changes: Vec<_> = change.changes.iter().map(single).collect();
    let transition = match changes.len() {
        // Left when it is asked for, by an entry of its own: both steps are seen in the log.
        2.. => ConfChangeTransition::Explicit,
        _ => ConfChangeTransition::Auto,
    };
    ConfChangeV2 { transition: transition as i32, changes, context: Vec::new() }
}

/// The region after a change of its replicas.
///
/// # Errors
/// [`Error::InvalidAdmin`] if it cannot be made like this.
pub(crate) fn change_peers(region: &Region, change: &ChangePeers) -> Result<Region, Error> {
    let refuse = |reason: String| Error::InvalidAdmin { region: region.region_id(), reason };
    let mut after = region.clone();
    after.epoch.conf_ver += 1;
    let is_joint = region.is_joint();
    if change.changes.is_empty() {
        if !is_joint {
            return Err(refuse("there is no joint configuration to leave".to_owned()));
        }
        for peer in &mut after.peers {
            let role = match peer.role() {
                PeerRole::IncomingVoter => PeerRole::Voter,
                PeerRole::DemotingVoter => PeerRole::Learner,
                role => role,
            };
            peer.role = role as i32;
        }
        return Ok(after);
    }
    if is_joint {
        return Err(refuse(
            "it is in a joint configuration, which has to be left first".to_owned(),
        ));
    }
    let joins = change.changes.len() > 1;
    let mut seen = Vec::new();
    for one in &change.changes {
        if seen.contains(&one.peer.id) {
            return Err(refuse(format!("peer {} is changed twice", one.peer.id)));
        }
        seen.push(one.peer.id);
        change_one(&mut after, one, joins).map_err(refuse)?;
    }
    if joins && !after.is_joint() {
        let reason = "no voter changes, so make these changes one by one";
        return Err(refuse(reason.to_owned()));
    }
    let votes = |peer: &PeerMeta| matches!(peer.role(), PeerRole::Voter | PeerRole::IncomingVoter);
    if !after.peers.iter().any(votes) {
        return Err(refuse("no voter would be left".to_owned()));
    }
    Ok(after)
}

fn change_one(region: &mut Region, change: &PeerChange, joins: bool) -> Result<(), String> {
    let PeerMeta { id, store_id, .. } = change.peer;
    let place = region.peers.iter().position(|peer| peer.id == id);
    match (change.kind(), place) {
        (PeerChangeKind::Remove, None) => Err(format!("there is no peer {id} to remove")),
        (PeerChangeKind::Remove, Some(place)) => {
            if joins && region.peers[place].role() == PeerRole::Voter {
                // It still votes in the old configuration, so it has to be in the region's state.
                return Err(format!("peer {id} votes: make it a learner first, then remove it"));
            }
            region.peers.remove(place);
            Ok(())
        }
        (PeerChangeKind::Put, None) => {
            if id == 0 || store_id == 0 {
                return Err("a peer and its store need ids other than 0".to_owned());
            }
            if let Some(known) = region.peers.iter().find(|peer| peer.store_id == store_id) {
                return Err(format!("store {store_id} already has its peer {}", known.id));
            }
            let role = match (change.peer.role(), joins) {
                (PeerRole::Voter, true) => PeerRole::IncomingVoter,
                (role, _) => role,
            };
            region.peers.push(PeerMeta { role: role as i32, ..change.peer });
            Ok(())
        }
        (PeerChangeKind::Put, Some(place)) => {
            let peer = &mut region.peers[place];
            if peer.store_id != store_id {
                return Err(format!("peer {id} is on store {}, not {store_id}", peer.store_id));
            }
            let role = match (peer.role(), change.peer.role(), joins) {
                (PeerRole::Voter, PeerRole::Learner, true) => PeerRole::DemotingVoter,
                (PeerRole::Learner, PeerRole::Voter, true) => PeerRole::IncomingVoter,
                (_, role, _) => role,
            };
            peer.role = role as i32;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u64, role: PeerRole) -> PeerMeta {
        PeerMeta { id, store_id: id, role: role as i32, is_witness: false }
    }

    fn region() -> Region {
        let peers =
            vec![peer(1, PeerRole::Voter), peer(2, PeerRole::Voter), peer(3, PeerRole::Learner)];
        let epoch = RegionEpoch { conf_ver: 4, version: 2 };
        Region { id: 1, epoch, peers, ..Region::default() }
    }

    fn put(id: u64, role: PeerRole) -> PeerChange {
        PeerChange { kind: PeerChangeKind::Put as i32, peer: peer(id, role) }
    }

    fn remove(id: u64) -> PeerChange {
        PeerChange { kind: PeerChangeKind::Remove as i32, peer: peer(id, PeerRole::Voter) }
    }

    fn roles(region: &Region) -> Vec<(u64, PeerRole)> {
        region.peers.iter().map(|peer| (peer.id, peer.role())).collect()
    }

    #[test]
    fn one_change_is_made_at_once_and_several_go_through_a_joint_configuration() {
        use PeerRole::{DemotingVoter, IncomingVoter, Learner, Voter};
        let one = ChangePeers { changes: vec![put(4, Voter)] };
        let after = change_peers(&region(), &one).unwrap();
        assert_eq!(roles(&after), [(1, Voter), (2, Voter), (3, Learner), (4, Voter)]);
        assert_eq!(after.epoch, RegionEpoch { conf_ver: 5, version: 2 });

        let swap = ChangePeers { changes: vec![put(3, Voter), put(2, Learner), put(4, Learner)] };
        let joint = change_peers(&region(), &swap).unwrap();
        let expected = [(1, Voter), (2, DemotingVoter), (3, IncomingVoter), (4, Learner)];
        assert_eq!(roles(&joint), expected);
        assert!(joint.is_joint() && change_peers(&joint, &one).is_err());
        let after = change_peers(&joint, &ChangePeers::default()).unwrap();
        assert_eq!(roles(&after), [(1, Voter), (2, Learner), (3, Voter), (4, Learner)]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        use PeerRole::{Learner, Voter};
        let elsewhere = PeerMeta { store_id: 9, ..peer(2, Voter) };
        let elsewhere = PeerChange { kind: PeerChangeKind::Put as i32, peer: elsewhere };
        let taken = PeerMeta { store_id: 2, ..peer(7, Voter) };
        let taken = PeerChange { kind: PeerChangeKind::Put as i32, peer: taken };
        let rows = [
            (vec![], "no joint configuration"),
            (vec![remove(8)], "no peer 8"),
            (vec![put(0, Voter)], "other than 0"),
            (vec![elsewhere], "on store 2, not 9"),
            (vec![taken], "already has its peer 2"),
            (vec![put(4, Voter), put(4, Learner)], "changed twice"),
            (vec![remove(1), put(4, Voter)], "make it a learner first"),
            (vec![put(4, Learner), put(5, Learner)], "one by one"),
            (vec![put(1, Learner), put(2, Learner)], "no voter"),
        ];
        for (changes, words) in rows {
            let error = change_peers(&region(), &ChangePeers { changes }).unwrap_err().to_string();
            assert!(error.contains(words), "{error} has no {words:?}");
        }
    }

    #[test]
    fn raft_is_told_the_same_change() {
        let swap = ChangePeers { changes: vec![put(3, PeerRole::Voter), remove(9)] };
        let change = conf_change(&swap);
        assert_eq!(change.transition(), ConfChangeTransition::Explicit);
        let kinds: Vec<_> =
            change.changes.iter().map(|one| (one.change_type(), one.node_id)).collect();
        assert_eq!(kinds, [(ConfChangeType::AddNode, 3), (ConfChangeType::RemoveNode, 9)]);
        let leave = conf_change(&ChangePeers::default());
        assert!(leave.changes.is_empty() && leave.transition() == ConfChangeTransition::Auto);
    }
}
