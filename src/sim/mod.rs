//! Simulated runs: which seeds, what came of them, and why.
//!
//! `search` runs seeds, `summary` says what came of them. A violation is run once more, and watched
//! (`explain`): its trace, its log, and a picture in time (`violation`, made with `picture`) on which
//! the wrong arrow is red. `planted` makes runs whose slow reads have known causes. `questions` draws situations that the charts of the read path leave open.

pub(crate) mod explain;
pub(crate) mod parse;
pub(crate) mod picture;
pub(crate) mod planted;
pub(crate) mod proof;
mod propagation;
pub(crate) mod questions;
pub(crate) mod scripted;
pub(crate) mod search;
pub(crate) mod summary;
pub(crate) mod violation;
pub(crate) mod words;
