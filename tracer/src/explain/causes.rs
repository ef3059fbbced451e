//! Why a read took its time or failed, as a table: the cause, the word for it, and what to do next.

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $next:literal;)*) => {
        /// Why a read took its time, or failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $($(#[$doc])* $variant,)*
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &[Cause] = &[$(Cause::$variant,)*];

            /// The word for it in tables, in JSON and in truth files.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$variant => $word,)* }
            }

            /// What to do next.
            pub fn next_step(self) -> &'static str {
                match self { $(Cause::$variant => $next,)* }
            }
        }
    };
}

causes! {
    /// Taking a snapshot of the engine was slow.
    EngineSnapshot = "engine_snapshot", "see what holds the engine's lock: write stalls, flushes, other snapshots";
    /// The engine fetched blocks that were in no cache.
    EngineBlocks = "engine_blocks", "give the block cache of the store more memory, and see who else reads its disk";
    /// A scan of the engine passed many deleted keys.
    EngineTombstones = "engine_tombstones", "compact the range that was read, and delete ranges rather than keys";
    /// Reading the engine was slow for another reason.
    Engine = "engine", "see how many keys such reads find, and whether their thread ran";
    /// The raft thread served another region.
    PollerBusy = "poller_busy", "see what keeps the named region's rounds long; more pollers, or smaller batches";
    /// A raft thread waited for its disk.
    DiskSync = "disk_sync", "check the named store's disk: the latency of its syncs, and who else writes to it";
    /// The mailbox took no more.
    MailboxFull = "mailbox_full", "spread the load over more regions, or let clients back off";
    /// The lease had run out, so the read needed a quorum.
    LeaseExpired = "lease_expired", "renew the lease in advance, or read more often than it lasts";
    /// The lease was under suspicion.
    LeaseSuspect = "lease_suspect", "see which transfer, split or merge was under way";
    /// A leader that had not applied an entry of its term.
    NewLeader = "new_leader", "see why the leader changed; the read may be asked again at once";
    /// The leader or its term changed while the read waited.
    LeaderChange = "leader_change", "see why there was an election";
    /// The replica knew no leader.
    NoLeader = "no_leader", "check whether a majority of the voters is up and connected";
    /// One split or merge refused it.
    SplitOrMerge = "split_or_merge", "ask again when the region has changed";
    /// The quorum was slow: messages to and from the voter.
    QuorumNetwork = "quorum_network", "check the network between the leader and the named voter";
    /// The quorum was slow: the voter's raft thread.
    QuorumVoter = "quorum_voter", "check the named voter's load, and why no nearer voter answered";
    /// The quorum was slow, and the trace does not say through whom.
    QuorumSlow = "quorum_slow", "record the `step` spans of all voters, in one file with the leader's";
    /// The leader had not applied what the read had to see.
    ApplyLagLeader = "apply_lag_leader", "check the leader's apply threads and its disk";
    /// The replica had not applied what the read had to see.
    ApplyLagReplica = "apply_lag_replica", "check the replica's apply threads and whether it gets its log in time";
    /// The replica was getting a snapshot.
    SnapshotInstall = "snapshot_install", "see why the replica had fallen so far behind; let it catch up before it is read";
    /// It was confirmed and had its data, but waited behind another one.
    HeadOfLine = "head_of_line", "look at the read in front: raftlens explain shows what that waited for";
    /// A message of a replica's read index was lost or late.
    ReadIndexLate = "read_index_late", "check the network between the replica and its leader";
    /// The region had changed.
    EpochChange = "epoch_change", "let the client refresh its regions";
    /// The caller did not wait as long as such reads take.
    Deadline = "deadline", "raise the deadline above what such reads usually take";
    /// The code ran where it waits for nothing, or rather did not run.
    RuntimeStall = "runtime_stall", "check the named store for too few processors, a blocked runtime, or a stopped process";
    /// The request itself was wrong.
    Refused = "refused", "correct the request as the error says";
    /// It had not ended yet, and nothing it had recorded so far took long.
    StillWaits = "still_waits", "see what the named store does now; once the read has ended, its trace says what it waited for";
    /// Nothing recorded says why.
    Unknown = "unknown", "record all stages of the read path";
}
