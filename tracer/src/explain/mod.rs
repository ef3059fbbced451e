//! Says where the time of a read, or of any request, went: the critical path of a trace, the wait
//! states of a read, and the verdict on both.
//!
//! | module | what it gives |
//! |---|---|
//! | [`critical_path`](mod@critical_path) | what a request waited for at each moment, for the trace of any service |
//! | [`wait_states`] | the table of what a read can wait for |
//! | [`facts`] | what the spans of a read say |
//! | [`attribution`] | each nanosecond of a read, given to exactly one wait state |
//! | [`verdict`] | the cause in a sentence, with evidence and a next step |
//! | [`contrast`](mod@contrast) | what sets slow reads apart from the others |
//! | [`clocks`] | how far the clocks of the nodes are apart, and spans moved accordingly |
//! | [`explainer`] | all of it for a stream of any length, in one pass and bounded memory |
//! | [`read_totals`], [`path_totals`] | what is kept of many reads, and of many critical paths |
//! | [`what_if`] | how durations would change if one thing took less |
//! | [`sketch`] | how long many things took, in little memory |
//!
//! All of it reads the plain model, so it knows nothing of how spans were collected.

pub mod attribution;
mod briefs;
mod causes;
mod clock_bounds;
pub mod clocks;
pub mod contrast;
pub mod critical_path;
mod engine_use;
pub mod explainer;
pub mod facts;
mod gone;
mod held_up;
mod known_keys;
mod open_traces;
mod parts;
pub mod path_totals;
pub mod read_totals;
pub mod sketch;
mod stages;
mod surroundings;
pub mod verdict;
pub mod wait_states;
pub mod what_if;

pub use attribution::{Attribution, Share, attribute, reads};
pub use causes::Cause;
pub use clock_bounds::Interval;
pub use clocks::{ClockPair, Clocks};
pub use contrast::{Difference, contrast};
pub use critical_path::{CriticalPath, Doing, Step, critical_path};
pub use engine_use::EngineUse;
pub use explainer::{Explained, Explainer, Settings};
pub use facts::{Ack, Asked, Facts, Held, Stay};
pub use open_traces::Unfit;
pub use path_totals::{Operation, PathTotals};
pub use read_totals::{Group, GroupBy, Limit, ReadTotals, StateTotal, Told};
pub use sketch::Sketch;
pub use surroundings::{Leaders, Surroundings};
pub use verdict::{Verdict, judge};
pub use wait_states::WaitState;
pub use what_if::{Outcome, WhatIf, WhatIfError};
