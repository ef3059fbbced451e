//! The attributes that explaining a read looks at; all others are for charts and for people.

/// Makes the table of keys: one variant for each name.
macro_rules! keys {
    ($($(#[$doc:meta])* $key:ident = $name:literal,)*) => {
        /// An attribute of a span that explaining looks at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Key {
            $($(#[$doc])* $key,)*
        }

        impl Key {
            /// All of them.
            pub const ALL: &[Key] = &[$(Key::$key,)*];

            /// Its name in a trace.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Key::$key => $name,)*
                }
            }

            /// The key of this name.
            pub fn of(name: &str) -> Option<Key> {
                match name {
                    $($name => Some(Key::$key),)*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    /// The store that the span is of; a number.
    Store = "raft.store_id",
    /// The region; a number.
    Region = "raft.region_id",
    /// What the replica was; text.
    Role = "raft.role",
    /// The index up to which its log was applied; a number.
    AppliedIndex = "raft.applied_index",
    /// How a read was served; text.
    Mode = "read.mode",
    /// The index that a read had to see; a number.
    ReadIndex = "read.index",
    /// Why the reader's thread did not answer; text.
    RejectReason = "reject.reason",
    /// What a read ended with; text.
    Error = "error",
    /// The stage that a trace was in when it was recorded, before its end; text.
    WaitsIn = "raftlens.waits_in",
    /// The kind of a raft message; text.
    MessageType = "message.type",
    /// The store that sent it; a number.
    MessageFrom = "message.from_store",
    /// How long its sender kept it; nanoseconds.
    MessageKept = "message.kept_ns",
    /// How long of that its sender waited for the disk; nanoseconds.
    MessageKeptDisk = "message.kept_disk_ns",
    /// How long of that its sender served regions; nanoseconds.
    MessageKeptPoller = "message.kept_poller_ns",
    /// The stay in a mailbox; nanoseconds.
    Mailbox = "wait.mailbox_ns",
    /// How long of that the thread waited for the disk; nanoseconds.
    Disk = "wait.disk_ns",
    /// How long of that the thread served regions; nanoseconds.
    Poller = "wait.poller_ns",
    /// The region that the thread served longest; a number.
    PollerRegion = "poller.region_id",
    /// The wait for the apply loop; nanoseconds.
    Apply = "wait.apply_ns",
    /// How long of that the raft thread waited for the disk; nanoseconds.
    ApplyDisk = "wait.apply_disk_ns",
    /// The wait for a quorum; nanoseconds.
    Quorum = "wait.quorum_ns",
    /// The wait for a snapshot that was put in; nanoseconds.
    Install = "wait.install_ns",
    /// How long taking the engine's snapshot took; nanoseconds.
    Snapshot = "wait.snapshot_ns",
    /// How long a snapshot took that no lease covered; nanoseconds.
    ReaderSnapshot = "wait.reader_snapshot_ns",
    /// How long the engine was read; nanoseconds.
    Engine = "wait.engine_ns",
    /// Which thread read it; text.
    EngineThread = "engine.thread",
    /// Blocks that were in no cache; a number.
    BlockReads = "engine.block_reads",
    /// How long fetching them took; nanoseconds.
    BlockReadTime = "engine.block_read_ns",
    /// Deleted keys that were passed; a number.
    Tombstones = "engine.tombstones",
    /// Keys that a scan found; a number.
    Keys = "engine.keys",
    /// The lease as it was seen; text.
    LeaseState = "lease.state",
    /// What had renewed it last; text.
    LeaseRenewedBy = "lease.renewed_by",
    /// What was left of it; nanoseconds, negative once it is over.
    LeaseRemaining = "lease.remaining_ns",
    /// The function of a span; text.
    Function = "code.function.name",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_name() {
        for key in Key::ALL {
            assert_eq!(Key::of(key.as_str()), Some(*key));
        }
        assert_eq!((Key::of("raft.store"), Key::of("")), (None, None));
        assert!(Key::ALL.len() <= 64, "a set of keys is a number of 64 bits");
    }
}
