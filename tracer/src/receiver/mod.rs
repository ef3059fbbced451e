//! Receives OTLP over gRPC and HTTP, and writes it to files: a collector with one purpose, to have
//! the spans of any OpenTelemetry program in a file.
//!
//! ```no_run
//! use raftlens_tracer::receiver::{Receiver, Settings};
//!
//! # async fn record() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::new("127.0.0.1:4317,4318".parse()?, "out.otlp.jsonl");
//! let receiver = Receiver::start(settings).await?;
//! receiver.finished().await; // Or whatever else is to end it.
//! println!("{} spans", receiver.stop().await?.spans);
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! gRPC  -> grpc.rs  \                              writer.rs (one thread)
//!                    > body.rs, budget.rs -> queue -> decode.rs -> files.rs
//! HTTP  -> http.rs  /            <- acknowledged or refused <-
//! ```
//!
//! # What it promises
//!
//! - **Acknowledged is written.** A request is answered with success after its spans were handed to
//!   the operating system, as one line of OTLP JSON. So they outlive a recorder that is killed. To
//!   outlive a machine that loses power, [`Settings::is_synced`] has each write reach the disk
//!   first; a file that is complete always has.
//! - **A file under its own name is complete.** Until then it ends in `.part`. After a kill, the
//!   `.part` has every acknowledged span, and at most one cut line behind them.
//! - **Bounded memory.** Requests that wait take at most [`Settings::most_waiting_bytes`], beside one
//!   that is being written. When that is used up, requests are read more slowly, and after
//!   [`Settings::patience`] refused with a hint to come again, which exporters do.
//! - **A bad request harms nobody else.** It is refused as the protocol says, and counted.
//!
//! Either port takes either protocol, since the two are easily confused. What the span model has no
//! place for is not kept: attributes of scopes, and the addresses of schemas.

mod body;
mod budget;
mod counts;
mod decode;
mod error;
mod files;
mod grpc;
mod http;
mod listen;
mod refusal;
mod server;
mod writer;

pub use counts::Counts;
pub use error::ReceiverError;
pub use listen::{Listen, ListenError};
pub use refusal::Reason;
pub use server::{Receiver, Settings};
