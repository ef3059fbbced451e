//! The start of a log is forgotten: what every replica has applied, or what would grow too long.
//!
//! Only where the log begins is written here. The peer, which reads the log on its own thread,
//! deletes the entries when it has taken note of that.

use raft::eraftpb::Entry;

use super::{ApplyContext, RegionChange};
use crate::admin_command::CompactLog;
use crate::error::Error;
use crate::peer_storage::{TruncatedState, put_truncated_state};

/// Carries out a compaction.
pub(super) fn apply_compact_log(
    ctx: &mut ApplyContext,
    entry: &Entry,
    compact: CompactLog,
) -> Result<(), Error> {
    let CompactLog { index, term } = compact;
    if index == 0 || index >= entry.index {
        let reason = format!("its log cannot be cut at {index}, which is not applied yet");
        return Err(Error::InvalidAdmin { region: ctx.region.region_id(), reason });
    }
    let truncated = TruncatedState { index, term };
    put_truncated_state(ctx.region.region_id(), &truncated, &mut ctx.batch);
    ctx.changes.push(RegionChange::CompactLog { truncated });
    Ok(())
}
