//! Planted causes of slow reads on real clusters, for `raftlens sim --plant CAUSE --real`: the same
//! files as `sim::planted` writes, but of stores with threads, RocksDB and this machine's clock.
//!
//! ```text
//!   seed --> shape: the cluster     --+
//!        --> load: who reads when   --+--> course: a few seconds of real time --> traces, truth
//!        --> plan: what, where, how --+
//!            strong, step by step
//! ```
//!
//! A seed decides load, place, strength and times, but not what the threads of a machine make of
//! them: a run cannot be had twice. Only what a network, an apply gate, a client, much data or a blocked
//! runtime can do is planted: nothing here makes a snapshot, one voter or one region of a thread slow.

mod course;
mod fill;
mod load;
mod plan;
mod plan_replicas;
mod shape;
mod step;

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use raftlens_core::sim::plant::{Ailment, Plant};
use raftlens_tracer::format::{self, Format};
use raftlens_tracer::{Guard, init};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use crate::output;
use crate::planted_real::course::{Course, Ran};
use crate::planted_real::shape::Shape;
use crate::sim::planted::{self, Run};

/// What can be planted on a real cluster.
const POSSIBLE: &[Ailment] = &[
    Ailment::EngineBlocks,
    Ailment::EngineTombstones,
    Ailment::MailboxFull,
    Ailment::LeaseExpired,
    Ailment::LeaseSuspect,
    Ailment::NewLeader,
    Ailment::LeaderChange,
    Ailment::NoLeader,
    Ailment::QuorumNetwork,
    Ailment::DiskSync,
    Ailment::ApplyLagLeader,
    Ailment::ApplyLagReplica,
    Ailment::HeadOfLine,
    Ailment::ReadIndexLate,
    Ailment::SnapshotInstall,
    Ailment::SplitOrMerge,
    Ailment::EpochChange,
    Ailment::Deadline,
    Ailment::RuntimeStall,
];

/// Spans of one run: a few thousand requests, and the rounds and messages of each.
const SPANS_MAX: usize = 1_000_000;
/// How long the threads of a runtime have to end.
const ENDING: Duration = Duration::from_secs(5);

/// Something else was to be planted than can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} cannot be planted on a real cluster: with --real name random, none, or one of {possible}; \
     without it, runs are simulated and any cause can be planted",
    possible = words()
)]
pub(crate) struct NotForReal(String);

fn words() -> String {
    POSSIBLE.iter().map(|ailment| ailment.as_str()).collect::<Vec<_>>().join(", ")
}

/// What is planted in the runs of a real cluster: nothing, one cause, or what the seed decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RealPlant {
    This(Option<Ailment>),
    /// Nothing in one run of five, else one cause.
    Random,
}

impl TryFrom<&Plant> for RealPlant {
    type Error = NotForReal;

    fn try_from(plant: &Plant) -> Result<RealPlant, NotForReal> {
        match plant {
            Plant::Random => Ok(RealPlant::Random),
            Plant::These(ailments) => match ailments.as_slice() {
                [] => Ok(RealPlant::This(None)),
                [ailment] if POSSIBLE.contains(ailment) => Ok(RealPlant::This(Some(*ailment))),
                [ailment] => Err(NotForReal(ailment.as_str().to_owned())),
                _ => Err(NotForReal("more than one cause at once".to_owned())),
            },
        }
    }
}

impl RealPlant {
    fn ailment(self, rng: &mut SmallRng) -> Option<Ailment> {
        // Drawn in any case, so that a seed has the same load whatever is planted.
        let (is_clean, any) = (rng.random_range(0..5) == 0, POSSIBLE.choose(rng).copied());
        match self {
            RealPlant::This(ailment) => ailment,
            RealPlant::Random => any.filter(|_| !is_clean),
        }
    }
}

/// Runs seeds one after the other and writes their traces and `truth.json` into `folder`; how many
/// were run until `stop` said so. `done` is told how many are done.
///
/// # Errors
/// If tracing is already set up in this process, a cluster does not start or elects no leaders, spans
/// were lost, or a file cannot be written.
pub(crate) fn write(
    (seeds, plant): (&[RangeInclusive<u64>], RealPlant),
    folder: &Path,
    (stop, done): (&AtomicBool, &dyn Fn(u64)),
) -> Result<u64> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let recording = init().service_name("raftlens").level(LevelFilter::INFO).most_spans(SPANS_MAX);
    let recording = recording.memory().install().context("tracing cannot be set up")?;
    let mut runs: Vec<Value> = Vec::new();
    for seed in seeds.iter().cloned().flatten() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let truth = write_run((seed, plant), folder, &recording);
        runs.push(truth.with_context(|| format!("seed {seed}"))?);
        done(runs.len() as u64);
    }
    runs.sort_by_key(|run| run["seed"].as_u64());
    let count = runs.len() as u64;
    let truth = serde_json::to_string_pretty(&json!({ "runs": runs }))?;
    output::write_file(&folder.join("truth.json"), truth)?;
    Ok(count)
}

fn write_run((seed, plant): (u64, RealPlant), folder: &Path, recording: &Guard) -> Result<Value> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let ailment = plant.ailment(&mut rng);
    let shape = Shape::new(ailment, &mut rng);
    let data = tempfile::tempdir().context("no temporary folder can be made")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(shape.workers)
        .enable_all()
        .build()
        .context("no threads can be had")?;
    let course = Course::new(seed, shape.clone(), rng);
    let ran = runtime.block_on(course.run(data.path(), &recording.memory()));
    // Nothing may go on in the folder, nor be recorded with the next run.
    runtime.shutdown_timeout(ENDING);
    let Ran { planted } = ran?;
    let lost = recording.memory().dropped();
    anyhow::ensure!(lost == 0, "{lost} spans found no room: {SPANS_MAX} are kept");
    let run = Run { seed, planted, traces: recording.memory().take() };
    let name = format!("seed-{seed}.otlp.jsonl");
    format::write_file(&run.traces, &folder.join(&name), Format::OtlpJsonLines)?;
    let mut truth = planted::truth(&run, &name);
    truth["driver"] = json!("real");
    truth["hop_ns"] = json!(shape.hop.map_or(0, |hop| hop.as_nanos() as u64));
    Ok(truth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_planted_for_real_is_refused_with_what_can() {
        let parse = |text| RealPlant::try_from(&Plant::parse(text).unwrap());
        assert_eq!(parse("random"), Ok(RealPlant::Random));
        assert_eq!(parse("none"), Ok(RealPlant::This(None)));
        assert_eq!(parse("deadline"), Ok(RealPlant::This(Some(Ailment::Deadline))));
        for refused in ["engine_snapshot", "quorum_voter", "deadline,new_leader"] {
            let error = parse(refused).unwrap_err().to_string();
            assert!(error.contains("read_index_late"), "{error}");
        }
    }

    #[test]
    fn a_seed_has_one_ailment() {
        let of = |seed| RealPlant::Random.ailment(&mut SmallRng::seed_from_u64(seed));
        assert_eq!(of(7), of(7));
        let all: std::collections::BTreeSet<_> = (0..500).map(of).collect();
        assert_eq!(all.len(), POSSIBLE.len() + 1, "each of them, and nothing");
    }
}
