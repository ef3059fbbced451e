//! Reads while the leadership changes.

use anyhow::Result;
use raftlens_core::{Action, Error, MessageFilter, MessageKind, ReadFrom, SnapContext, StoreId};

use crate::demo::drive::{Drive, KEY, REGION, expect_error};

/// A new leader has not committed an entry of its term: it may not know yet what its predecessor
/// has acknowledged, so it answers no read (rules T1, T2, T12).
pub(crate) async fn before_its_no_op(drive: &Drive) -> Result<()> {
    let old = drive.leader().await?;
    let new = StoreId(old.0 % 3 + 1);
    let appends = MessageFilter {
        from: Some(new),
        kind: Some(MessageKind::Raft(raft::eraftpb::MessageType::MsgAppend)),
        region: Some(REGION),
        ..MessageFilter::default()
    };
    let held = drive.cluster.network().add_filter(appends, Action::Hold);
    drive.client.transfer_leader(REGION, new).await?;
    drive
        .until("the new leader", || async {
            let (_, leader) = drive.cluster.pd().region(REGION)?;
            (leader?.store() == new).then_some(())
        })
        .await?;
    for _ in 0..5 {
        let read = drive.client.read_once(KEY, ReadFrom::Leader).await;
        expect_error("a read of a leader without an entry of its term", read, |error| {
            matches!(error, Error::ReadIndexNotReady { .. })
        })?;
    }
    drive.cluster.network().remove_filter(held);
    // A read that begins now is answered as soon as the entry is applied.
    drive.read(ReadFrom::Leader).await?;
    Ok(())
}

/// A replica that is cut off loses its leader; it refuses at once, and asks around (rule P7).
pub(crate) async fn none_known(drive: &Drive) -> Result<()> {
    let follower = drive.follower().await?;
    let cut = drive.cluster.network().isolate(follower);
    let (kv, ctx) = drive.client.context(KEY, ReadFrom::Replica(follower))?;
    let ctx = SnapContext { deadline: Some(drive.config.base_tick * 5), ..ctx };
    drive
        .until("a replica without a leader", || async {
            let read = kv.async_snapshot(ctx.clone()).await;
            matches!(read, Err(Error::NotLeader { leader: None, .. })).then_some(())
        })
        .await?;
    for filter in cut {
        drive.cluster.network().remove_filter(filter);
    }
    drive.read(ReadFrom::Replica(follower)).await
}
