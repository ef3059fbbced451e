//! What can be planted, each by the word of the verdict that must find it.

use std::fmt;
use std::str::FromStr;

macro_rules! ailments {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// One cause of slow or failed reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Ailment {
            $($(#[$doc])* $variant,)*
        }

        impl Ailment {
            /// Every ailment.
            pub const ALL: &[Ailment] = &[$(Ailment::$variant,)*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Ailment::$variant => $word,)* }
            }
        }
    };
}

ailments! {
    /// Snapshots of a leader's engine take long.
    EngineSnapshot = "engine_snapshot",
    /// A leader's engine fetches blocks that are in no cache.
    EngineBlocks = "engine_blocks",
    /// Scans of a leader's engine pass many deleted keys.
    EngineTombstones = "engine_tombstones",
    /// A region keeps a leader's raft thread.
    PollerBusy = "poller_busy",
    /// More reads at once than a mailbox takes.
    MailboxFull = "mailbox_full",
    /// Nobody reads a region for longer than its lease lasts.
    LeaseExpired = "lease_expired",
    /// Transfers of a region's leader that come to nothing.
    LeaseSuspect = "lease_suspect",
    /// A new leader whose first entry is held back.
    NewLeader = "new_leader",
    /// A leader is cut off, and another one elected.
    LeaderChange = "leader_change",
    /// All nodes are cut off from each other.
    NoLeader = "no_leader",
    /// Messages between a leader and its voters take long.
    QuorumNetwork = "quorum_network",
    /// The one voter that a leader has is slow.
    QuorumVoter = "quorum_voter",
    /// A disk is slow: the leader's, or that of its voters.
    DiskSync = "disk_sync",
    /// A leader's apply loop stands still.
    ApplyLagLeader = "apply_lag_leader",
    /// A replica's apply loop stands still.
    ApplyLagReplica = "apply_lag_replica",
    /// Reads that need no data wait behind one that does, on a replica that lags.
    HeadOfLine = "head_of_line",
    /// Questions of a replica to its leader, or the answers, are lost or late.
    ReadIndexLate = "read_index_late",
    /// A replica comes back and gets a snapshot.
    SnapshotInstall = "snapshot_install",
    /// A region is being merged.
    SplitOrMerge = "split_or_merge",
    /// Clients that have not heard of a split.
    EpochChange = "epoch_change",
    /// Clients that wait for less than a read takes.
    Deadline = "deadline",
    /// All threads of a leader's store stand still.
    RuntimeStall = "runtime_stall",
}

/// A word was given that is no ailment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be planted: name random, none, or one or two of {words}, with a comma between", words = all())]
pub struct UnknownAilment(pub String);

fn all() -> String {
    Ailment::ALL.iter().map(|ailment| ailment.as_str()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Ailment {
    type Err = UnknownAilment;

    fn from_str(word: &str) -> Result<Self, UnknownAilment> {
        let mut all = Ailment::ALL.iter().copied();
        all.find(|ailment| ailment.as_str() == word).ok_or_else(|| UnknownAilment(word.to_owned()))
    }
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Ailment {
    /// Whether nodes ail that must not lead anything, or its leaders would show other ailments.
    pub(super) fn is_about_replicas(self) -> bool {
        matches!(
            self,
            Ailment::QuorumVoter
                | Ailment::DiskSync
                | Ailment::ApplyLagReplica
                | Ailment::HeadOfLine
                | Ailment::ReadIndexLate
                | Ailment::SnapshotInstall
        )
    }

    /// Whether it moves leaders, regions or replicas, so that nothing else can ail at the same time.
    pub(super) fn stands_alone(self) -> bool {
        matches!(
            self,
            Ailment::NewLeader
                | Ailment::LeaderChange
                | Ailment::NoLeader
                | Ailment::QuorumVoter
                | Ailment::SnapshotInstall
                | Ailment::SplitOrMerge
                | Ailment::EpochChange
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plant::Plant;

    #[test]
    fn plants_are_read_from_words() {
        for ailment in Ailment::ALL {
            assert_eq!(Plant::parse(ailment.as_str()), Ok(Plant::These(vec![*ailment])));
        }
        assert_eq!(Plant::parse("random"), Ok(Plant::Random));
        assert_eq!(Plant::parse("none"), Ok(Plant::These(Vec::new())));
        let two = vec![Ailment::EngineSnapshot, Ailment::Deadline];
        assert_eq!(Plant::parse("deadline, engine_snapshot"), Ok(Plant::These(two)));
        for wrong in
            ["", "nonsense", "engine_blocks,deadline,poller_busy", "engine_blocks;deadline"]
        {
            assert!(Plant::parse(wrong).is_err(), "{wrong}");
        }
    }
}
