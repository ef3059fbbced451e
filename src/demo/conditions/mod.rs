//! The conditions that a read can meet, each brought about on the running cluster.

pub(crate) mod lag;
pub(crate) mod leader;
pub(crate) mod lease;
pub(crate) mod modes;
pub(crate) mod refused;
