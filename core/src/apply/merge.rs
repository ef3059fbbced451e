//! Two neighbours become one region, in the log of each: the source is made ready, the target takes
//! it over, or the source takes it back.
//!
//! The target's new range and the source's tombstone go into one batch, so that no key is ever in
//! two regions or in none, and whoever finds the source alive knows that the target has not taken
//! it. By then the source's replica on this store has applied its log to the end (`peer/merge`).

use std::sync::Arc;

use raft::eraftpb::Entry;

use super::{ApplyContext, RegionChange};
use crate::admin_command::{CommitMerge, PrepareMerge};
use crate::error::Error;
use crate::peer_storage::{MergeState, RegionState, put_region_state};
use crate::region::{Region, RegionEpoch};

/// Makes a region ready to be taken over: nothing is written to it from here on.
pub(super) fn apply_prepare_merge(
    ctx: &mut ApplyContext,
    entry: &Entry,
    prepare: &PrepareMerge,
) -> Result<(), Error> {
    check_neighbours(&ctx.region, &prepare.target)?;
    let region = next_epoch(&ctx.region);
    let PrepareMerge { target, min_index } = prepare.clone();
    let merging = MergeState { target, min_index, commit: entry.index };
    let state =
        RegionState { merging: Some(merging.clone()), ..RegionState::normal(region.clone()) };
    put_region_state(&state, &mut ctx.batch);
    ctx.region = Arc::new(region);
    ctx.merging = Some(merging.clone());
    ctx.changes.push(RegionChange::PrepareMerge { region: Arc::clone(&ctx.region), merging });
    Ok(())
}

/// Takes over a region that was made ready.
pub(super) fn apply_commit_merge(
    ctx: &mut ApplyContext,
    epoch: RegionEpoch,
    merge: &CommitMerge,
) -> Result<(), Error> {
    let (region, source) = (&ctx.region, &merge.source);
    if epoch != region.epoch {
        // The source sees that the target has moved on, and takes its merge back.
        let (requested, current) = (epoch, region.epoch);
        return Err(Error::EpochNotMatch { region: region.region_id(), requested, current });
    }
    check_neighbours(source, region)?;
    let mut merged = region.as_ref().clone();
    merged.epoch.version = source.epoch.version.max(region.epoch.version) + 1;
    if source.end_key == region.start_key && !source.end_key.is_empty() {
        merged.start_key.clone_from(&source.start_key);
    } else {
        merged.end_key.clone_from(&source.end_key);
    }
    put_region_state(&RegionState::normal(merged.clone()), &mut ctx.batch);
    let tombstone = RegionState { is_tombstone: true, ..RegionState::normal(merge.source.clone()) };
    put_region_state(&tombstone, &mut ctx.batch);
    ctx.region = Arc::new(merged);
    let (region, source) = (Arc::clone(&ctx.region), merge.source.region_id());
    ctx.changes.push(RegionChange::CommitMerge { region, source });
    Ok(())
}

/// Takes back a prepared merge that the target has not taken and never will.
pub(super) fn apply_rollback_merge(ctx: &mut ApplyContext, commit: u64) -> Result<(), Error> {
    if ctx.merging.as_ref().map(|merging| merging.commit) != Some(commit) {
        let reason = format!("there is no prepared merge at index {commit} to take back");
        return Err(Error::InvalidAdmin { region: ctx.region.region_id(), reason });
    }
    let region = next_epoch(&ctx.region);
    put_region_state(&RegionState::normal(region.clone()), &mut ctx.batch);
    ctx.region = Arc::new(region);
    ctx.merging = None;
    ctx.changes.push(RegionChange::RollbackMerge { region: Arc::clone(&ctx.region) });
    Ok(())
}

/// Both numbers grow: neither reads and writes nor changes of replicas from before may pass.
fn next_epoch(region: &Region) -> Region {
    let RegionEpoch { conf_ver, version } = region.epoch;
    let epoch = RegionEpoch { conf_ver: conf_ver + 1, version: version + 1 };
    Region { epoch, ..region.clone() }
}

/// Whether one region can take over the other: side by side, on the same stores, with the same
/// kinds of replicas.
///
/// # Errors
/// [`Error::InvalidAdmin`], in the name of `source`.
pub(crate) fn check_neighbours(source: &Region, target: &Region) -> Result<(), Error> {
    let refuse = |what: &str| {
        let reason = format!("it cannot become part of region {}: {what}", target.id);
        Err(Error::InvalidAdmin { region: source.region_id(), reason })
    };
    if source.id == target.id {
        return refuse("they are the same");
    }
    let touches =
        |one: &Region, other: &Region| !one.end_key.is_empty() && one.end_key == other.start_key;
    if !touches(source, target) && !touches(target, source) {
        return refuse("their ranges are not side by side");
    }
    let places = |region: &Region| {
        let mut places: Vec<_> =
            region.peers.iter().map(|peer| (peer.store_id, peer.role, peer.is_witness)).collect();
        places.sort_unstable();
        places
    };
    if places(source) != places(target) {
        return refuse("their replicas are not on the same stores in the same roles");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::PeerMeta;

    fn region(id: u64, from: &str, to: &str, stores: &[u64]) -> Region {
        let peer = |store_id: &u64| PeerMeta {
            id: id * 10 + store_id,
            store_id: *store_id,
            ..PeerMeta::default()
        };
        Region {
            id,
            start_key: from.into(),
            end_key: to.into(),
            epoch: RegionEpoch { conf_ver: 1, version: id },
            peers: stores.iter().map(peer).collect(),
            is_in_flashback: false,
        }
    }

    fn context(region: Region) -> ApplyContext {
        let (batch, changes) = (crate::engine::WriteBatch::new(), Vec::new());
        ApplyContext { region: Arc::new(region), merging: None, batch, changes }
    }

    #[test]
    fn the_target_covers_both_ranges_from_either_side() {
        for (source, target, range) in [
            (region(1, "a", "m", &[1]), region(2, "m", "", &[1]), ("a", "")),
            (region(1, "m", "", &[1]), region(2, "a", "m", &[1]), ("a", "")),
            (region(3, "", "c", &[1]), region(2, "c", "d", &[1]), ("", "d")),
        ] {
            let version = source.id.max(2) + 1;
            let mut ctx = context(target.clone());
            let merge = CommitMerge { source, ..CommitMerge::default() };
            apply_commit_merge(&mut ctx, target.epoch, &merge).unwrap();
            assert_eq!(
                (&ctx.region.start_key[..], &ctx.region.end_key[..]),
                (range.0.as_bytes(), range.1.as_bytes())
            );
            assert_eq!(ctx.region.epoch.version, version);
        }
    }

    #[test]
    fn a_target_that_has_changed_since_does_not_take_it() {
        let target = region(2, "m", "", &[1]);
        let old = RegionEpoch { conf_ver: 0, ..target.epoch };
        let merge = CommitMerge { source: region(1, "a", "m", &[1]), ..CommitMerge::default() };
        let error = apply_commit_merge(&mut context(target), old, &merge).unwrap_err();
        assert!(matches!(error, Error::EpochNotMatch { .. }));
    }

    #[test]
    fn what_is_not_side_by_side_on_the_same_stores_is_refused() {
        let rows = [
            (region(1, "a", "c", &[1]), region(2, "d", "", &[1]), "side by side"),
            (region(1, "a", "m", &[1]), region(1, "m", "", &[1]), "the same"),
            (region(1, "a", "m", &[1, 2]), region(2, "m", "", &[1, 3]), "same stores"),
            (region(1, "a", "", &[1]), region(2, "", "a", &[1, 2]), "same stores"),
        ];
        for (source, target, words) in rows {
            let error = check_neighbours(&source, &target).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn only_a_prepared_merge_is_taken_back() {
        let mut ctx = context(region(1, "a", "m", &[1]));
        assert!(apply_rollback_merge(&mut ctx, 7).is_err());
        let target = region(2, "m", "", &[1]);
        let prepare = PrepareMerge { target, min_index: 5 };
        let entry = Entry { index: 7, ..Entry::default() };
        apply_prepare_merge(&mut ctx, &entry, &prepare).unwrap();
        assert!(apply_rollback_merge(&mut ctx, 6).is_err());
        apply_rollback_merge(&mut ctx, 7).unwrap();
        assert_eq!(ctx.region.epoch, RegionEpoch { conf_ver: 3, version: 3 });
    }
}
