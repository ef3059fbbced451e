//! The start of a log is forgotten: what every replica has applied, or what would grow too long.
//!
//! Nothing is written here: the peer, which reads the log on its own thread and knows where it
//! begins, moves that and deletes the entries when it hears of it.

use raft::eraftpb::Entry;

use super::{ApplyContext, RegionChange};
use crate::admin_command::CompactLog;
use crate::error::Error;
use crate::peer_storage::TruncatedState;

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
    ctx.changes.push(RegionChange::CompactLog { truncated });
    Ok(())
}
