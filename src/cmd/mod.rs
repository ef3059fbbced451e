//! The verbs of the command, one file each.

pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod draw;
pub(crate) mod explain;
pub(crate) mod record;
pub(crate) mod sim;
pub(crate) mod slow;

/// A call that makes no sense, as opposed to one that failed: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
