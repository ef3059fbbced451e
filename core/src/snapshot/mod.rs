//! A region's data on its way to a replica that the log cannot bring up to date.
//!
//! ```text
//!   leader's peer                                 the replica's peer
//!   Storage::snapshot: what it is of  -- MsgSnapshot -->  kept aside, not given to raft yet
//!                                     <- SnapshotAsk ---  the piece that it wants next
//!   reads a piece from the engine's   -- SnapshotPiece ->  checked, and staged on its disk
//!   snapshot                               ...             the last one: now raft may have it
//!                                                          install: range cleaned, pieces put in
//! ```
//!
//! The replica asks, so nothing is sent that it has no room for, and after a cut, a crash or a new
//! attempt it goes on with the piece that it lacks: pieces and what is known of them are on its disk.
//! Neither side ever holds more than one piece in memory.

mod incoming;
mod outgoing;
mod piece;

pub(crate) use self::incoming::{Incoming, Taken, discard_staging};
pub(crate) use self::outgoing::Outgoing;
pub(crate) use self::piece::{Pairs, SnapshotMeta};
pub use self::piece::{PieceFault, SnapshotAsk, SnapshotPiece};
