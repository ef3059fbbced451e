//! The lease between the raft thread that keeps it and the readers that trust it, in every order that
//! the memory model allows: `make loom`.
//!
//! The lease here is `core/src/lease.rs` and `core/src/remote_lease.rs` themselves. Each model states
//! what a reader may conclude from what it sees; each that is about an order has a twin in which the
//! order is wrong, and the twin must be found out, or the model shows nothing.

// Each file is used here in part.
#![allow(dead_code, unused_imports, unused_macros)]

#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/lease.rs"]
mod lease;
#[path = "../../src/remote_lease.rs"]
mod remote_lease;
#[path = "../../src/rules.rs"]
mod rules;
#[path = "../../src/spans.rs"]
mod spans;

#[cfg(loom)]
mod models;

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    models::run()
}

#[cfg(not(loom))]
fn main() -> std::process::ExitCode {
    eprintln!("nothing to do without RUSTFLAGS=\"--cfg loom\": run `make loom`");
    std::process::ExitCode::from(2)
}
