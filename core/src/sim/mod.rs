//! A deterministic simulation of a cluster: the same `Peer`, apply loop and reader as in a real
//! store, on one thread, in a world that one seed decides.
//!
//! ```text
//!   clients, scripts --> doors --> LocalReader --> Mailbox --> poll: PeerFsmDelegate --> effects
//!                          |                          ^                                    |
//!                          v                          +---- network (queue of events) <----+
//!                       history, oracles              +---- apply, disk           <--------+
//! ```
//!
//! - [`World`] owns true time, the queue of events, nodes and network. [`SimConfig`] says what it is
//!   made of; `script` has the calls that scripts are made of.
//! - [`run()`] runs one seed with clients and [`Fault`]s, then without faults, and gives a [`Report`]
//!   with its [`Violation`]s.
//! - `poll` drives a node as `store::poller` does, one step at a time; `node` starts it as
//!   `store::start` does. The rules are nowhere but in the code that real stores run.
//! - `story` keeps what mattered as data, for whoever explains a violation.
//! - [`plant`] makes runs in which it is known why reads are slow.
//! - [`play`] plays scripts: situations written down as text, with what came of them.
//! - `oracle` has one file for each invariant.
//!
//! Not here: RocksDB's own crashes, tokio, sockets.

mod client;
mod clock;
mod config;
mod disk;
mod fault;
mod move_region;
mod nemesis;
mod network;
mod node;
mod observe;
mod oracle;
pub mod plant;
pub mod play;
mod poll;
mod queue;
mod requests;
mod run;
mod script;
mod script_members;
mod script_nodes;
mod script_regions;
mod story;
mod tally;
mod trace_log;
mod waiting;
mod world;

pub use self::clock::{SimClock, TrueTime};
pub use self::config::{SimConfig, SimError, Watch};
pub use self::disk::{DiskKind, Room};
pub use self::fault::{Fault, UnknownFault};
pub use self::move_region::{MovedRegion, move_region};
pub use self::network::{MessagePattern, NetworkCounts, UnknownMessage};
pub use self::oracle::{Invariant, Violation};
pub use self::requests::{AskRead, OpId, OpResult};
pub use self::run::{Report, RunConfig, prepare, run, run_in};
pub use self::script::ReplicaView;
pub use self::script_nodes::StoppedRead;
pub use self::story::{Asked, Happening, Message, Operation, ReplicaState, Scene, Story};
pub use self::tally::Tally;
pub use self::world::World;
