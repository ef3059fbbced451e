//! Reads while the leader's lease is not to be trusted.

use std::time::Duration;

use anyhow::Result;
use raftlens_core::{
    Action, FilterId, MessageFilter, MessageKind, ReadFrom, RejectReason, StoreId,
};
use tokio::task::JoinSet;

use crate::demo::drive::{Drive, KEY, REGION};

/// Holds every acknowledgement on its way to `leader`.
fn hold_acknowledgements(drive: &Drive, leader: StoreId) -> [FilterId; 2] {
    use raft::eraftpb::MessageType::{MsgAppendResponse, MsgHeartbeatResponse};
    [MsgAppendResponse, MsgHeartbeatResponse].map(|kind| {
        let filter = MessageFilter {
            to: Some(leader),
            kind: Some(MessageKind::Raft(kind)),
            region: Some(REGION),
            ..MessageFilter::default()
        };
        drive.cluster.network().add_filter(filter, Action::Hold)
    })
}

/// Modes 4, 5 and 7: the lease has run out because no acknowledgement comes; the first read asks
/// for an index, the others join it, a replica's read waits for the same quorum. Then the
/// acknowledgements arrive.
pub(crate) async fn expired(drive: &Drive) -> Result<()> {
    for _ in 0..4 {
        let leader = drive.leader().await?;
        let follower = StoreId(leader.0 % 3 + 1);
        let held = hold_acknowledgements(drive, leader);
        // Longer than the lease, shorter than the leader's own patience with a silent quorum.
        tokio::time::sleep(drive.config.max_leader_lease + Duration::from_millis(10)).await;
        let mut reads = JoinSet::new();
        for from in [ReadFrom::Leader; 6].into_iter().chain([ReadFrom::Replica(follower); 2]) {
            let client = drive.client.clone();
            reads.spawn(async move { client.read(KEY, from).await });
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
        for filter in held {
            drive.cluster.network().remove_filter(filter);
        }
        while let Some(read) = reads.join_next().await {
            read??;
        }
    }
    Ok(())
}

/// The lease under suspicion: the leadership is being handed over, and nobody knows yet whether the
/// other side has it. Every read asks the quorum, and none joins another (rule B2).
pub(crate) async fn suspect(drive: &Drive) -> Result<()> {
    let leader = drive.leader().await?;
    let target = StoreId(leader.0 % 3 + 1);
    let timeout_now = MessageFilter {
        from: Some(leader),
        kind: Some(MessageKind::Raft(raft::eraftpb::MessageType::MsgTimeoutNow)),
        ..MessageFilter::default()
    };
    let dropped = drive.cluster.network().add_filter(timeout_now, Action::Drop);
    // The leader sends the message only when the other side has the whole log, so ask until it does.
    drive
        .until("a suspect lease", || async {
            drive.client.transfer_leader(REGION, target).await.ok()?;
            let answer = drive.client.read(KEY, ReadFrom::Leader).await.ok()?;
            (answer.reject == Some(RejectReason::Suspect)).then_some(())
        })
        .await?;
    for _ in 0..20 {
        drive.read(ReadFrom::Leader).await?;
    }
    drive.cluster.network().remove_filter(dropped);
    // The hand-over is given up after one election timeout; a read then renews the lease by an
    // entry of its own, and the lease is trusted again (rule L5).
    drive
        .until("the end of the suspicion", || async {
            let answer = drive.client.read(KEY, ReadFrom::Leader).await.ok()?;
            answer.reject.is_none().then_some(())
        })
        .await
}
