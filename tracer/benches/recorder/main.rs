//! What a span costs: the flight recorder against its peers, in nanoseconds of processor time.
//!
//! `cargo bench -p raftlens-tracer --bench recorder -- [--json] [--quick]`: a table, or one row a
//! line.
//!
//! The work is a read as a store has it: a root and six spans nested in it, three fields each. Every
//! measurement is a process of its own, since a program has one subscriber; the variants take turns,
//! round after round, so that what else the machine does meets all of them. A row is the median of
//! its rounds, less what the same work takes without any recording.
//!
//! *Cold* rounds sweep a megabyte through the cache before each read, as the work of a real store
//! does.

// A bench measures time, uses threads of its own and prints.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod measure;
mod report;
mod variants;

use std::process::Command;

use measure::{Measured, Setting};
use variants::Variant;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--one") {
        let variant = Variant::named(&arguments[place + 1]).unwrap();
        let setting = Setting::parse(&arguments[place + 2]).unwrap();
        println!("{}", measure::measure(variant, setting));
        return;
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let rounds = if has("--quick") { 3 } else { 9 };
    let mut measured = Measured::default();
    for _ in 0..rounds {
        for setting in Setting::ALL {
            for variant in Variant::ALL {
                measured.add(variant, setting, run(variant, setting));
            }
        }
    }
    report::print(&measured, has("--json"));
}

/// One measurement, in a process of its own: nanoseconds a span, everything included.
fn run(variant: Variant, setting: Setting) -> f64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--one", variant.name(), &setting.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().unwrap_or_else(|_| panic!("{}: {text}", variant.name()))
}
