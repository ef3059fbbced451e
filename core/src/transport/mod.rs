//! How messages between replicas travel from store to store.

mod local;

pub use local::{Action, FilterId, LocalNetwork, MessageFilter};

use crate::message::RaftMessage;

/// Takes messages to other stores. One that cannot be delivered is lost, which Raft allows.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Sends messages; those between the same two replicas arrive in this order, if they arrive.
    fn send(&self, messages: Vec<RaftMessage>);
}
