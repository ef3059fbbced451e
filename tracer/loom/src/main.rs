//! What threads do to the blocks of the flight recorder, in every order that the memory model
//! allows: `make loom`.
//!
//! The blocks here are the files of `tracer/src/recorder` themselves, made small. Each model says
//! what must hold; each that is about an order has a twin in which the order is wrong, and the twin
//! must be found out, or the model shows nothing.

// Each file is used here in part.
#![allow(dead_code, unused_imports, unused_macros)]

#[cfg(loom)]
mod recorder;

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    recorder::models::run()
}

#[cfg(not(loom))]
fn main() -> std::process::ExitCode {
    eprintln!("nothing to do without RUSTFLAGS=\"--cfg loom\": run `make loom`");
    std::process::ExitCode::from(2)
}
