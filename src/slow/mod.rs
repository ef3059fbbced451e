//! What `raftlens slow` found, for people (`text`), for programs (`json`) and as charts (`charts`).

pub(crate) mod charts;
pub(crate) mod json;
pub(crate) mod text;
