//! `raftlens demo`: a real cluster, reads through every path, and the charts of what ran.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use raftlens_tracer::init;
use raftlens_tracer::model::TraceSet;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use crate::demo::{Drive, Progress, report, results};
use crate::interrupt::Interrupt;
use crate::output::say;
use crate::picture::LayoutArg;

/// What `raftlens demo` takes.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the charts and traces go.
    #[arg(short, long, default_value = "out")]
    out: PathBuf,
    /// Keep the stores' data in this folder, and read what an earlier run left there.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Also send the traces to a running Jaeger, e.g. http://127.0.0.1:4318.
    #[arg(long, value_name = "URL")]
    jaeger: Option<String>,
    /// What places the boxes of the charts.
    #[arg(long, default_value = "embedded")]
    layout: LayoutArg,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// The seed of election timeouts and read ids.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Spans of a run: functions, not only stages, of a few thousand reads.
const SPANS_MAX: usize = 400_000;

pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let progress = Progress::start(!args.json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads can be had")?;
    // Before anything is made that an interruption would have to remove.
    let interrupt = runtime.block_on(async { Interrupt::listen() }).context("no signals")?;
    let temporary = match args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("no temporary folder can be made")?),
    };
    let data = match (&args.data, &temporary) {
        (Some(data), _) => data.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => unreachable!("one of them is there"),
    };
    for folder in [&data, &args.out] {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let Some((traces, sent)) = drive(args, data, runtime, interrupt, &progress)? else {
        progress.finish();
        eprintln!("raftlens: interrupted; nothing was written");
        return Ok(ExitCode::from(130));
    };
    drop(temporary);
    progress.step("drawing");
    let written = results::write(&traces, &args.out, args.layout.into())?;
    progress.finish();
    let table = report::Table::of(&traces);
    if args.json {
        say!("{}", table.json(&written, started.elapsed()));
    } else {
        crate::output::text(&table.text(&written, started.elapsed()));
    }
    // Last, since what was recorded is of use even if nobody took it.
    sent.map(|()| ExitCode::SUCCESS)
}

/// Runs the cluster and its reads; `None` when the user interrupted it. Also says whether the traces
/// could be sent where they were to be sent.
fn drive(
    args: &DemoArgs,
    data: PathBuf,
    runtime: Runtime,
    interrupt: Interrupt,
    progress: &Progress,
) -> Result<Option<(TraceSet, Result<()>)>> {
    let mut recording =
        init().service_name("raftlens").level(LevelFilter::TRACE).most_spans(SPANS_MAX).memory();
    if let Some(url) = &args.jaeger {
        recording = recording.otlp(url);
    }
    let guard = recording.install().context("tracing cannot be set up")?;
    let finished = runtime.block_on(async {
        tokio::select! {
            driven = Drive::run(data, args.seed, progress) => driven.map(|()| true),
            () = interrupt.come() => Ok(false),
        }
    });
    // The stores' threads end when their handles are dropped; wait for them, so that the folder
    // can go and nothing writes into it any more.
    runtime.shutdown_timeout(Duration::from_secs(5));
    if !finished? {
        return Ok(None);
    }
    let traces = guard.memory().snapshot();
    let sent = guard.shutdown().context("the traces could not be sent").map(|counts| {
        if counts.dropped > 0 {
            eprintln!("raftlens: {} spans were dropped for want of room", counts.dropped);
        }
    });
    Ok(Some((traces, sent)))
}
