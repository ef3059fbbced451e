//! A region is cut at keys: what the parts are, and what the store writes of them.
//!
//! The old region's new range and the new regions' states go into one batch, so that no key is ever
//! without a region or in two. What raft keeps of a new region is not written here: the replica may
//! be there already, made by a message of one that applied the split earlier, and may have voted.

use std::sync::Arc;

use raft::eraftpb::Entry;

use super::{ApplyContext, RegionChange};
use crate::admin_command::{Split, SplitPiece};
use crate::error::Error;
use crate::peer_storage::{PeerStorage, RegionState, put_region_state};
use crate::region::{PeerMeta, Region, RegionEpoch};

/// Carries out a split.
pub(super) fn apply_split(
    ctx: &mut ApplyContext,
    _entry: &Entry,
    split: &Split,
) -> Result<(), Error> {
    let (derived, created) = split_region(&ctx.region, split)?;
    put_region_state(&RegionState::normal(derived.clone()), &mut ctx.batch);
    for region in &created {
        PeerStorage::<crate::engine::MemoryEngine>::bootstrap_applied(&mut ctx.batch, region);
    }
    ctx.region = Arc::new(derived);
    let created = created.into_iter().map(Arc::new).collect();
    ctx.changes.push(RegionChange::Split { derived: Arc::clone(&ctx.region), created });
    Ok(())
}

/// The old region after a split, and the new ones in the order of their pieces.
///
/// # Errors
/// [`Error::InvalidAdmin`] if the region cannot be cut like this.
pub(crate) fn split_region(region: &Region, split: &Split) -> Result<(Region, Vec<Region>), Error> {
    let refuse = |reason: String| Error::InvalidAdmin { region: region.region_id(), reason };
    if split.pieces.is_empty() {
        return Err(refuse("a split names no key".to_owned()));
    }
    let mut last = &region.start_key;
    for piece in &split.pieces {
        check_piece(region, piece, last).map_err(refuse)?;
        last = &piece.split_key;
    }
    let ids = split.pieces.iter().map(|piece| piece.region_id);
    let mut ids: Vec<u64> = ids.chain([region.id]).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(refuse("a split names a region twice".to_owned()));
    }

    let version = region.epoch.version + split.pieces.len() as u64;
    let epoch = RegionEpoch { version, ..region.epoch };
    let mut derived = Region { epoch, ..region.clone() };
    let mut created = Vec::with_capacity(split.pieces.len());
    for (place, piece) in split.pieces.iter().enumerate() {
        let next = split.pieces.get(place + 1).map(|next| next.split_key.clone());
        let previous = place.checked_sub(1).map(|place| split.pieces[place].split_key.clone());
        let (start_key, end_key) = if split.right_derive {
            (previous.unwrap_or_else(|| region.start_key.clone()), piece.split_key.clone())
        } else {
            (piece.split_key.clone(), next.unwrap_or_else(|| region.end_key.clone()))
        };
        let peers = region.peers.iter().zip(&piece.peer_ids);
        let peers = peers.map(|(peer, id)| PeerMeta { id: *id, ..*peer }).collect();
        let id = piece.region_id;
        created.push(Region { id, start_key, end_key, epoch, peers, is_in_flashback: false });
    }
    if split.right_derive {
        derived.start_key.clone_from(last);
    } else {
        derived.end_key.clone_from(&split.pieces[0].split_key);
    }
    Ok((derived, created))
}

fn check_piece(region: &Region, piece: &SplitPiece, last: &[u8]) -> Result<(), String> {
    let key = piece.split_key.escape_ascii();
    if !region.contains(&piece.split_key) || piece.split_key == region.start_key {
        return Err(format!("the split key {key} is not inside its range"));
    }
    if piece.split_key.as_slice() <= last && last != region.start_key {
        return Err(format!("the split key {key} is not behind the one before it"));
    }
    if piece.region_id == 0 {
        return Err("a new region needs an id other than 0".to_owned());
    }
    let mut ids = piece.peer_ids.clone();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != region.peers.len() || ids.first() == Some(&0) {
        let (peers, replicas) = (piece.peer_ids.len(), region.peers.len());
        let id = piece.region_id;
        return Err(format!(
            "region {id} gets {peers} ids for its {replicas} replicas; each needs its own, not 0"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region() -> Region {
        let peer = |id| PeerMeta { id, store_id: id, ..PeerMeta::default() };
        Region {
            id: 1,
            start_key: b"c".to_vec(),
            end_key: b"x".to_vec(),
            epoch: RegionEpoch { conf_ver: 3, version: 7 },
            peers: vec![peer(1), peer(2)],
            is_in_flashback: false,
        }
    }

    fn piece(key: &str, region_id: u64) -> SplitPiece {
        SplitPiece {
            split_key: key.into(),
            region_id,
            peer_ids: vec![region_id * 10 + 1, region_id * 10 + 2],
        }
    }

    fn ranges(split: &Split) -> Vec<(u64, String)> {
        let (derived, created) = split_region(&region(), split).unwrap();
        let all = std::iter::once(&derived).chain(&created);
        let range = |region: &Region| {
            assert_eq!(
                region.epoch,
                RegionEpoch { conf_ver: 3, version: 7 + split.pieces.len() as u64 }
            );
            let (from, to) = (region.start_key.escape_ascii(), region.end_key.escape_ascii());
            (region.id, format!("{from}..{to}"))
        };
        all.map(range).collect()
    }

    #[test]
    fn the_parts_cover_the_region_and_do_not_overlap() {
        let pieces = vec![piece("f", 2), piece("m", 3)];
        let text = |rows: &[(u64, &str)]| -> Vec<(u64, String)> {
            rows.iter().map(|(id, range)| (*id, (*range).to_owned())).collect()
        };
        let left = Split { pieces: pieces.clone(), right_derive: false };
        assert_eq!(ranges(&left), text(&[(1, "c..f"), (2, "f..m"), (3, "m..x")]));
        let right = Split { pieces, right_derive: true };
        assert_eq!(ranges(&right), text(&[(1, "m..x"), (2, "c..f"), (3, "f..m")]));
    }

    #[test]
    fn a_replica_of_a_part_is_on_the_store_of_the_old_one() {
        let split = Split { pieces: vec![piece("f", 2)], right_derive: false };
        let (_, created) = split_region(&region(), &split).unwrap();
        let peers: Vec<_> = created[0].peers.iter().map(|peer| (peer.id, peer.store_id)).collect();
        assert_eq!(peers, [(21, 1), (22, 2)]);
    }

    #[test]
    fn what_cannot_be_cut_is_refused_with_the_reason() {
        let rows = [
            (vec![], "no key"),
            (vec![piece("c", 2)], "key c is not inside"),
            (vec![piece("x", 2)], "key x is not inside"),
            (vec![piece("a", 2)], "key a is not inside"),
            (vec![piece("m", 2), piece("f", 3)], "key f is not behind"),
            (vec![piece("m", 2), piece("m", 3)], "key m is not behind"),
            (vec![piece("m", 0)], "other than 0"),
            (vec![piece("m", 1)], "a region twice"),
            (vec![piece("f", 2), piece("m", 2)], "a region twice"),
            (vec![SplitPiece { peer_ids: vec![5], ..piece("m", 2) }], "1 ids for its 2 replicas"),
            (
                vec![SplitPiece { peer_ids: vec![5, 5], ..piece("m", 2) }],
                "2 ids for its 2 replicas",
            ),
        ];
        for (pieces, words) in rows {
            let split = Split { pieces, right_derive: false };
            let error = split_region(&region(), &split).unwrap_err().to_string();
            assert!(error.contains(words), "{error} has no {words:?}");
        }
    }
}
