//! Runs in which causes are planted: their traces, and the truth about them, for
//! `raftlens slow DIR --score DIR/truth.json`.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use anyhow::{Context as _, Result};
use raftlens_core::Tracer;
use raftlens_core::sim::plant::{Plant, Planted, RECORDED_NS, run_planted};
use raftlens_core::sim::{SimError, Watch};
use raftlens_tracer::format::{self, Format};
use raftlens_tracer::model::TraceSet;
use raftlens_tracer::simulated::Recorder;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use super::propagation::RecordedPropagator;
use crate::output;

/// One run: what was planted in it, and its traces.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) planted: Vec<Planted>,
    pub(crate) traces: TraceSet,
}

/// Runs one seed.
pub(crate) fn run(seed: u64, plant: &Plant) -> Result<Run, SimError> {
    let watch = Watch::default();
    let time = watch.time.clone();
    let recorder = Recorder::of_level(move || time.now_ns(), RECORDED_NS, LevelFilter::INFO);
    let tracer = Tracer::new(RecordedPropagator);
    let planted = recorder.record(|| run_planted(seed, plant, tracer, watch))?;
    Ok(Run { seed, planted, traces: recorder.take("raftlens sim") })
}

/// Runs seeds, `jobs` at a time, and writes their traces and `truth.json` into `folder`; how many
/// were run until `stop` said so. `done` is told how many are done.
pub(crate) fn write(
    (seeds, plant): (&[RangeInclusive<u64>], &Plant),
    folder: &Path,
    jobs: usize,
    (stop, done): (&AtomicBool, &dyn Fn(u64)),
) -> Result<u64> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let next = Mutex::new(seeds.iter().cloned().flatten());
    let take = || {
        let mut seeds = next.lock().unwrap_or_else(PoisonError::into_inner);
        if stop.load(Ordering::Relaxed) { None } else { seeds.next() }
    };
    let count = AtomicU64::new(0);
    let (sender, written) = mpsc::channel();
    let mut truths = std::thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some(seed) = take() {
                    // Nobody listens any more once a run could not be written.
                    if sender.send(write_run(seed, plant, folder)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut truths = Vec::new();
        for truth in &written {
            truths.push(truth?);
            done(count.fetch_add(1, Ordering::Relaxed) + 1);
        }
        Ok::<_, anyhow::Error>(truths)
    })?;
    truths.sort_by_key(|(seed, _)| *seed);
    let runs: Vec<Value> = truths.into_iter().map(|(_, truth)| truth).collect();
    let truth = serde_json::to_string_pretty(&json!({ "runs": runs }))?;
    output::write_file(&folder.join("truth.json"), truth)?;
    Ok(count.into_inner())
}

fn write_run(seed: u64, plant: &Plant, folder: &Path) -> Result<(u64, Value)> {
    let run = run(seed, plant).with_context(|| format!("seed {seed}"))?;
    let name = format!("seed-{seed}.otlp.jsonl");
    format::write_file(&run.traces, &folder.join(&name), Format::OtlpJsonLines)?;
    Ok((seed, truth(&run, &name)))
}

/// What is true of a run whose traces are in the file `name`.
pub(crate) fn truth(run: &Run, name: &str) -> Value {
    let planted = |it: &Planted| {
        json!({
            "cause": it.ailment.as_str(), "store": it.node, "region": it.region,
            "from_ns": it.span_ns.start, "to_ns": it.span_ns.end, "strength_ns": it.strength_ns,
        })
    };
    let causes: Vec<_> = run.planted.iter().map(|it| it.ailment.as_str()).collect();
    let planted: Vec<_> = run.planted.iter().map(planted).collect();
    json!({ "trace": name, "seed": run.seed, "causes": causes, "planted": planted })
}
