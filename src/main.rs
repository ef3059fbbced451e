//! The command `raftlens`: one file for each verb in `cmd/`.
//!
//! Exit codes: 0 for success, 1 for a failure, 2 for a wrong call.

// Printing is what a command does.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod charts;
mod cmd;
mod demo;
mod input;
mod interrupt;
mod output;
mod picture;
mod planted_real;
mod propagation;
mod score;
mod sim;
mod slow;
mod source;
mod views;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Makes every slow read explain itself: reads of a Raft store, their traces, their charts.
#[derive(Debug, Parser)]
#[command(name = "raftlens", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Hold charts against the source that they document, and against what a run did.
    Check(cmd::check::CheckArgs),
    /// Turn a trace file into another format, and say what the format cannot hold.
    Convert(cmd::convert::ConvertArgs),
    /// Start a three-store cluster, read through every path, and draw what ran.
    Demo(cmd::demo::DemoArgs),
    /// Lay two runs, or two versions of a chart, over each other: what is new, gone, slower, faster.
    Diff(cmd::diff::DiffArgs),
    /// Draw a trace file, or what a running Jaeger has, as a call-flow chart.
    Draw(cmd::draw::DrawArgs),
    /// Tell one trace as a story: where its time went, and why.
    Explain(cmd::explain::ExplainArgs),
    /// Receive the spans of any OpenTelemetry program, over gRPC and HTTP, into a file.
    Record(cmd::record::RecordArgs),
    /// Run simulated clusters through faults, seed by seed, and explain what goes wrong.
    Sim(cmd::sim::SimArgs),
    /// Find slow and failed reads, and say why they were.
    Slow(cmd::slow::SlowArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Check(args) => cmd::check::run(&args),
        Verb::Convert(args) => cmd::convert::run(&args),
        Verb::Demo(args) => cmd::demo::run(&args),
        Verb::Diff(args) => cmd::diff::run(&args),
        Verb::Draw(args) => cmd::draw::run(&args),
        Verb::Explain(args) => cmd::explain::run(&args),
        Verb::Record(args) => cmd::record::run(&args),
        Verb::Sim(args) => cmd::sim::run(&args),
        Verb::Slow(args) => cmd::slow::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("raftlens: {error:#}");
            ExitCode::from(error.downcast_ref::<cmd::Usage>().map_or(1, |_| 2))
        }
    }
}
