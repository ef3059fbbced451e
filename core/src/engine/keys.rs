//! Where everything lies in the engine: the one place that knows how keys are built.
//!
//! Numbers are big-endian, so that their order is the order of the keys.
//!
//! | family | key | value |
//! |---|---|---|
//! | raft | region | [`RaftState`](crate::peer_storage::RaftState) |
//! | raft | region, index | `eraftpb::Entry` |
//! | state | `0x01` | [`StoreIdent`](crate::store_ident::StoreIdent) |
//! | state | `0x02`, region | [`RegionState`](crate::peer_storage::RegionState) |
//! | state | `0x03`, region | [`ApplyState`](crate::peer_storage::ApplyState) |
//! | state | `0x04`, region | [`TruncatedState`](crate::peer_storage::TruncatedState) |
//! | state | `0x05`, region | [`StagingState`](crate::snapshot::StagingState) |
//! | state | `0x06`, region, number | a piece of a snapshot that is not complete yet |
//! | data | the user's key, as it is | the user's value |
//!
//! A region's raft state is a prefix of its entries' keys: it sorts right before them, and one
//! range from [`raft_state`] of a region to that of the next id holds all that raft knows of it.

use crate::ids::RegionId;

/// Where the store's identity lies in the state family.
pub(crate) const STORE_IDENT: [u8; 1] = [1];

const REGION_STATE: u8 = 2;
const APPLY_STATE: u8 = 3;
const TRUNCATED_STATE: u8 = 4;
const STAGING_STATE: u8 = 5;
const STAGED_PIECE: u8 = 6;

/// The key of a region's raft state.
pub(crate) fn raft_state(region: RegionId) -> [u8; 8] {
    region.0.to_be_bytes()
}

/// The key of the entry at `index` of a region's raft log.
pub(crate) fn raft_entry(region: RegionId, index: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&region.0.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// The index in the key of an entry; none if it is not the key of one.
pub(crate) fn entry_index(key: &[u8]) -> Option<u64> {
    let key: [u8; 16] = key.try_into().ok()?;
    let index = key.last_chunk::<8>()?;
    Some(u64::from_be_bytes(*index))
}

/// The key behind the last entry that a region's raft log can have.
pub(crate) fn raft_end(region: RegionId) -> Vec<u8> {
    // The last region id has no successor: its log ends where the family does.
    region.0.checked_add(1).map_or_else(Vec::new, |next| next.to_be_bytes().to_vec())
}

/// The key of a region's state.
pub(crate) fn region_state(region: RegionId) -> [u8; 9] {
    tagged(REGION_STATE, region)
}

/// The range of all region states.
pub(crate) const ALL_REGION_STATES: ([u8; 1], [u8; 1]) = ([REGION_STATE], [REGION_STATE + 1]);

/// The region in the key of a region's state; none if it is not the key of one.
pub(crate) fn region_of_state(key: &[u8]) -> Option<RegionId> {
    let key: [u8; 9] = key.try_into().ok()?;
    let id = key.last_chunk::<8>()?;
    (key[0] == REGION_STATE).then(|| RegionId(u64::from_be_bytes(*id)))
}

/// The key of how far a region has applied.
pub(crate) fn apply_state(region: RegionId) -> [u8; 9] {
    tagged(APPLY_STATE, region)
}

/// The key of where a region's log begins.
pub(crate) fn truncated_state(region: RegionId) -> [u8; 9] {
    tagged(TRUNCATED_STATE, region)
}

/// The key of how far a region's snapshot has come.
pub(crate) fn staging_state(region: RegionId) -> [u8; 9] {
    tagged(STAGING_STATE, region)
}

/// The key of a piece of a region's snapshot.
pub(crate) fn staged_piece(region: RegionId, number: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..9].copy_from_slice(&tagged(STAGED_PIECE, region));
    key[9..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The range of a region's staged pieces.
pub(crate) fn staged_pieces(region: RegionId) -> ([u8; 17], Vec<u8>) {
    let behind = match region.0.checked_add(1) {
        Some(next) => tagged(STAGED_PIECE, RegionId(next)).to_vec(),
        None => vec![STAGED_PIECE + 1],
    };
    (staged_piece(region, 0), behind)
}

fn tagged(tag: u8, region: RegionId) -> [u8; 9] {
    let mut key = [tag; 9];
    key[1..].copy_from_slice(&region.0.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_the_order_of_numbers() {
        for region in [0, 1, 255, 256, u64::MAX].map(RegionId) {
            let mut keys = vec![raft_state(region).to_vec()];
            keys.extend([0, 1, 255, 256, u64::MAX].map(|index| raft_entry(region, index).to_vec()));
            assert!(keys.is_sorted());
            let end = raft_end(region);
            assert!(end.is_empty() || keys.iter().all(|key| *key < end));
            assert_eq!(entry_index(&raft_entry(region, 256)), Some(256));
            assert_eq!(entry_index(&raft_state(region)), None);
            assert_eq!(region_of_state(&region_state(region)), Some(region));
            assert_eq!(region_of_state(&apply_state(region)), None);
        }
        assert!(raft_end(RegionId(7)) < raft_state(RegionId(9)).to_vec());
        let (from, to) = ALL_REGION_STATES;
        assert!(from.as_slice() < region_state(RegionId(0)).as_slice());
        assert!(region_state(RegionId(u64::MAX)).as_slice() < to.as_slice());
        assert!(to.as_slice() <= apply_state(RegionId(0)).as_slice());
    }
}
