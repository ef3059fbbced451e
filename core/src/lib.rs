//! The linearizable read path of a multi-Raft key-value store, every step of it a span.
//!
//! # One read, from call to answer
//!
//! 1. `raft_kv`: [`RaftKv::async_snapshot`] makes a request and a callback that must be answered.
//! 2. `local_read_router`, `local_reader`: the reader's own thread checks the request against what
//!    it knows of the region (`read_delegate`), takes a snapshot, then the time, then looks at the
//!    leader's lease (`remote_lease`). If the lease is valid, that is the answer.
//! 3. `router`, `mailbox`: if not, the request goes to the raft thread.
//! 4. `peer/fsm`, `peer/propose`, `peer/inspect`: there the lease is looked at again, by the one who
//!    keeps it (`lease`, `request_policy`).
//! 5. `peer/read_local` answers under the lease. `peer/read_index` asks a quorum, or on a replica
//!    the leader, and the read waits in `read_queue`.
//! 6. `peer/step`, `peer/ready`: acknowledgements come back through raft-rs.
//! 7. `peer/apply_reads`, `peer/response_read`: what is confirmed is answered as soon as `apply` has
//!    caught up with it.
//! 8. `read_outcome` writes onto the read's stage what it came to, and what the engine had to do for it
//!    (`region_snapshot`, `engine/usage`).
//!
//! A region changes while all that goes on: it is split (`peer/split`), merged (`peer/merge`), gets
//! other replicas (`peer/membership`) and forgets the start of its log (`peer/compact`); a replica
//! that lags behind that gets a snapshot (`peer/snapshot`, `snapshot`), a new one begins with a first
//! message (`unknown_region`) or a split (`birth`). `apply/` has a file for each of these as well.
//!
//! Writes go through `peer/write` and are answered when they are applied. `peer_storage` and
//! `engine` keep the log and the data; `store` drives it all on tokio, `cluster` puts several stores
//! into one process, and `history` checks what clients saw.
//!
//! The ids of rules in comments (L1, T4, X1, ...) name why a line must be as it is: leases (L), terms
//! and commits (T), batching (B), replica reads (P), snapshots and delegates (S), never losing a
//! read (N), sleeping regions (Hb).
//!
//! This crate knows only the `tracing` facade. What spans and events it gives is in `spans`.

mod admin_command;
mod apply;
mod birth;
mod callback;
mod client;
mod clock;
mod cluster;
mod command;
mod config;
mod disk_room;
pub mod engine;
mod error;
pub mod history;
mod ids;
mod lease;
mod local_read_router;
mod local_reader;
mod mailbox;
mod message;
mod message_checks;
mod pd;
mod peer;
mod peer_storage;
mod poll_context;
mod raft_kv;
mod raft_log;
mod read_delegate;
mod read_outcome;
mod read_queue;
mod region;
mod region_snapshot;
mod reject;
mod remote_lease;
mod request_checks;
mod request_policy;
mod router;
mod rules;
#[cfg(feature = "sim")]
pub mod sim;
mod snap_cache;
mod snapshot;
mod spans;
mod store;
mod store_ident;
mod thread_log;
mod trace_context;
mod transport;
mod unknown_region;

pub use admin_command::{
    AdminCommand, ChangePeers, CommitMerge, CompactLog, PeerChange, PeerChangeKind, PrepareMerge,
    RollbackMerge, Split, SplitPiece,
};
pub use callback::{Callback, ReadMode, ReadResponse, ReadValue, WriteResponse};
pub use client::{Client, ReadFrom};
pub use clock::{Clock, Instant, ManualClock, MonotonicRawClock};
pub use cluster::{Cluster, ClusterConfig};
pub use command::{
    Body, KeyValue, Mutation, RaftCmdRequest, RaftCommand, ReadCommand, ReadWaits, RequestHeader,
    ScanRange,
};
pub use config::{Config, ConfigError, Consistency};
pub use error::Error;
pub use ids::{PeerId, ReadIdGen, RegionId, StoreId};
pub use lease::{Lease, LeaseState, RenewedBy};
pub use message::{ClusterTag, MessageKind, Payload, RaftMessage, SleepPoint};
pub use message_checks::{RefusedMessage, RefusedMessages};
pub use pd::{Pd, PdTask};
pub use raft_kv::{Answer, RaftKv, SnapContext};
pub use read_delegate::{ReadDelegate, ReadProgress};
pub use region::{PeerMeta, PeerRole, Region, RegionEpoch};
pub use region_snapshot::RegionSnapshot;
pub use reject::{RejectCounters, RejectReason};
pub use remote_lease::RemoteLease;
pub use request_policy::{NotLocal, RequestPolicy};
pub use rules::{Outcome, Rule, Rules, UnknownRule};
pub use snap_cache::ThreadReadId;
pub use snapshot::{PieceFault, SnapshotAsk, SnapshotPiece};
pub use store::{ApplyGate, Store, StoreConfig, StoreError};
pub use trace_context::{HandOver, NoPropagation, Propagator, TraceContext, Tracer};
pub use transport::{Action, FilterId, LocalNetwork, MessageFilter};
