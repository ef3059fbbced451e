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
//!
//! All of it reads the plain model, so it knows nothing of how spans were collected.

pub mod attribution;
mod causes;
pub mod contrast;
pub mod critical_path;
pub mod facts;
mod held_up;
mod stages;
mod surroundings;
pub mod verdict;
pub mod wait_states;

pub use attribution::{Attribution, Share, attribute, reads};
pub use causes::Cause;
pub use contrast::{Difference, contrast};
pub use critical_path::{CriticalPath, Doing, Step, critical_path};
pub use facts::{Ack, Asked, Facts, Held, Stay};
pub use surroundings::{Leaders, Surroundings};
pub use verdict::{Verdict, judge};
pub use wait_states::WaitState;
