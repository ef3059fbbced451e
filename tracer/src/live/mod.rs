//! Reads traces from a running Jaeger, through its query service (port 16686).
//!
//! ```no_run
//! use raftlens_tracer::live::JaegerQuery;
//!
//! # fn main() -> Result<(), raftlens_tracer::live::LiveError> {
//! let query: JaegerQuery = "jaeger:http://127.0.0.1:16686?service=store-1&lookback=10m".parse()?;
//! let fetched = query.fetch()?;
//! println!("{} spans", fetched.report.traces.spans.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Parameters
//!
//! | name | meaning | default |
//! |---|---|---|
//! | `service` | the service's name; needed unless `traceID` is there | |
//! | `operation` | the name of a span | any |
//! | `lookback` | how far back a span may have started, e.g. `90s`, `15m`, `2h`, `3d` | `1h` |
//! | `limit` | at most so many traces | 20 |
//! | `minDuration`, `maxDuration` | how long a span took, e.g. `500us`, `20ms` | any |
//! | `tags` | `key=value` that a span must have; may be repeated | any |
//! | `traceID` | this trace and no search; may be repeated | |
//! | `api` | `v3` or `legacy` | `v3` if it is there |
//! | `timeout` | how long an answer may take | `60s` |
//!
//! # The two interfaces of Jaeger
//!
//! - `v3` answers with OTLP JSON: nothing of a span is lost that Jaeger has kept. It cannot search
//!   by `tags`, so a query with tags goes to the other one. (Its documentation calls the limit
//!   `query.search_depth`, and the servers of the 1.x line read `query.num_traces`; both are sent.)
//! - `legacy` is what Jaeger's own pages use. It has microseconds, cut off towards zero, for spans and
//!   events, and leaves out flags, and of links everything but where they lead, so hand-overs lose
//!   their `link.kind`: unless the span carries raftlens' own tags (see
//!   [`format`](mod@crate::format)). All else comes back as it was sent.
//!
//! Both are asked for spans as they were stored, without Jaeger's corrections of clocks.
//!
//! The client blocks, so it must not be used on a thread that drives an asynchronous runtime.

mod client;
mod error;
mod query;
mod time;

pub use client::Fetched;
pub use error::LiveError;
pub use query::{Api, JaegerQuery};

/// What an input begins with that is a running Jaeger and not a file.
pub const SCHEME: &str = "jaeger:";
