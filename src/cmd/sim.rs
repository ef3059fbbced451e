//! `raftlens sim`: simulated clusters, faults and oracles, seed by seed; what goes wrong is explained.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use raftlens_core::sim::plant::Plant;
use raftlens_core::sim::{Fault, Invariant, RunConfig, SimConfig, SimError, Violation};
use raftlens_core::{Consistency, Rule, Rules};

use crate::cmd::Usage;
use crate::interrupt::Interrupt;
use crate::output::say;
use crate::planted_real::{self, RealPlant};
use crate::sim::search::{Found, How, search};
use crate::sim::summary::{self, Explained};
use crate::sim::{explain, parse, planted, proof, questions, scripted, words};

/// What `raftlens sim` takes.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// Which seeds: a number, a range with both its ends such as 1..2000, or several with commas.
    #[arg(long, value_name = "SEEDS", default_value = "1..100")]
    seeds: String,
    /// Which faults: all, none, or names with commas between.
    #[arg(long, value_name = "LIST", default_value = "all")]
    faults: String,
    /// How long each seed runs with faults, in simulated time.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    time: String,
    /// Take a safety rule away, to see what it is for; may be given several times.
    #[arg(long, value_name = "ID")]
    rule_off: Vec<String>,
    /// Whether reads of the leader and of replicas fit together.
    #[arg(long, default_value = "strict")]
    consistency: ConsistencyArg,
    /// How many nodes vote.
    #[arg(long, default_value_t = 3)]
    voters: u64,
    /// How many nodes behind them only learn.
    #[arg(long, default_value_t = 0)]
    learners: u64,
    /// How many seeds run at a time; as many as there are processors if it is not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// End with the first seed that has a violation.
    #[arg(long)]
    first: bool,
    /// Where what explains a violation goes: into it for one seed, into sim-SEED below it for
    /// several. Without it, into out/sim-SEED.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Draw the answer to one of the open questions of dot/QUESTIONS.md, or to all of them, into
    /// the folder of -o, instead of running seeds.
    #[arg(long, value_name = "NAME|all", conflicts_with_all = ["seeds", "faults", "time", "rule_off"])]
    question: Option<String>,
    /// Plant causes of slow reads instead of looking for violations: random, none, or one or two
    /// causes with a comma between. The folder of -o, or out/planted, gets the traces of each seed
    /// and truth.json, which says what was planted; `raftlens slow --score` compares.
    #[arg(long, value_name = "CAUSE|random", conflicts_with_all = ["faults", "time", "rule_off", "consistency", "question", "script", "first", "voters", "learners"])]
    plant: Option<String>,
    /// Plant on real clusters in this process, with threads, RocksDB and this machine's clock,
    /// instead of simulated ones; they run one after the other, and never twice the same. Not every
    /// cause can be planted so.
    #[arg(long, requires = "plant", conflicts_with = "jobs")]
    real: bool,
    /// Play the script in this file instead of running seeds, and put what it does, as a picture and
    /// as traces for `slow` and `explain`, into the folder of -o, or into out/script.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "faults", "time", "question"])]
    script: Option<PathBuf>,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConsistencyArg {
    /// They do (rule X1).
    Strict,
    /// They do not, as in TiKV.
    Tikv,
}

/// Of this many seeds the violation is explained; of the others only the seed is told.
const EXPLAINED_MAX: usize = 3;

pub(crate) fn run(args: &SimArgs) -> Result<ExitCode> {
    if let Some(name) = &args.question {
        return answer(name, args);
    }
    if let Some(script) = &args.script {
        return play(script, args);
    }
    if let Some(what) = &args.plant {
        return plant(what, args);
    }
    let usage = |error: &dyn std::fmt::Display| Usage(error.to_string());
    let seeds = parse::seeds(&args.seeds).map_err(|error| usage(&error))?;
    let config = config(args)?;
    let jobs = jobs(args)?;
    let how = How { jobs, only_first: args.first };
    let total = seeds.iter().map(parse::count).sum();
    let started = Instant::now();
    let (stop, bar) = (stop_when_interrupted()?, progress(total, !args.json));
    let done = |found: &Found| {
        bar.set_position(found.seeds);
        if !found.violated.is_empty() {
            bar.set_message(format!("{} with violations", found.violated.len()));
        }
    };
    // A store that panics is a violation like any other, and is told as one.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let found = search(&seeds, &config, how, (&stop, &done));
    let took = started.elapsed();
    let explained = found.map_err(refused).and_then(|found| {
        let explained = explain_all(args, &found, &config, total == 1)?;
        Ok((found, explained))
    });
    std::panic::set_hook(hook);
    bar.finish_and_clear();
    let (found, explained) = explained?;
    if args.json {
        say!("{}", summary::json(&found, &explained, took));
    } else {
        explained.iter().for_each(|explained| say!("{}", explained.text()));
        crate::output::text(&summary::text(&found, took));
    }
    Ok(match (found.is_interrupted, found.violated.is_empty()) {
        (true, _) => {
            eprintln!("raftlens: interrupted after {} of {total} seeds", found.seeds);
            ExitCode::from(130)
        }
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

fn jobs(args: &SimArgs) -> Result<usize> {
    match args.jobs {
        Some(0) => Err(Usage("--jobs: it must be at least 1".to_owned()).into()),
        Some(jobs) => Ok(jobs),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// Writes runs with planted causes.
fn plant(what: &str, args: &SimArgs) -> Result<ExitCode> {
    let plant = Plant::parse(what).map_err(|error| Usage(format!("--plant: {error}")))?;
    let seeds = parse::seeds(&args.seeds).map_err(|error| Usage(error.to_string()))?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("out/planted"));
    let total = seeds.iter().map(parse::count).sum();
    let (stop, bar) = (stop_when_interrupted()?, progress(total, !args.json));
    let done = |count| bar.set_position(count);
    let ran = if args.real {
        let plant =
            RealPlant::try_from(&plant).map_err(|error| Usage(format!("--plant: {error}")))?;
        planted_real::write((&seeds, plant), &folder, (&stop, &done))?
    } else {
        planted::write((&seeds, &plant), &folder, jobs(args)?, (&stop, &done))?
    };
    bar.finish_and_clear();
    let shown = folder.display();
    if args.json {
        say!("{}", serde_json::json!({ "runs": ran, "truth": format!("{shown}/truth.json") }));
    } else {
        say!("{ran} runs in {shown}; compare: raftlens slow {shown} --score {shown}/truth.json");
    }
    Ok(if ran < total { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// Draws the answers to open questions.
fn answer(name: &str, args: &SimArgs) -> Result<ExitCode> {
    let questions = questions::find(name)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("out/questions"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut written = Vec::new();
    for question in questions {
        let graph = question.draw().with_context(|| question.name)?;
        explain::write_graph(&folder.join(question.name), &graph, &mut written)?;
    }
    if args.json {
        say!("{}", serde_json::json!({ "written": written }));
    } else {
        written.iter().for_each(|path| say!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays a script: prints what came of each of its commands.
fn play(script: &Path, args: &SimArgs) -> Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("out/script"));
    let (played, written) = scripted::run(script, &rules_off(args)?, &folder)?;
    if args.json {
        let violations: Vec<_> = played.violations.iter().map(ToString::to_string).collect();
        let (text, written) = (&played.text, &written);
        say!(
            "{}",
            serde_json::json!({ "text": text, "violations": violations, "written": written })
        );
    } else {
        crate::output::text(&played.text);
        written.iter().for_each(|path| say!("wrote {}", path.display()));
    }
    Ok(if played.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rules_off(args: &SimArgs) -> Result<Vec<Rule>> {
    let parse = |id: &String| {
        let rule: Result<Rule, _> = id.parse();
        rule.map_err(|error| Usage(format!("--rule-off: {error}")).into())
    };
    args.rule_off.iter().map(parse).collect()
}

/// A world that there cannot be is a wrong call, a store that does not start is not.
fn refused(error: SimError) -> anyhow::Error {
    match error {
        SimError::OutOfRange { .. } | SimError::Config(_) | SimError::OtherTiming { .. } => {
            Usage(error.to_string()).into()
        }
        SimError::Store(_) => error.into(),
    }
}

fn config(args: &SimArgs) -> Result<RunConfig> {
    let usage = |error: &dyn std::fmt::Display| Usage(error.to_string());
    let faults =
        Fault::parse_list(&args.faults).map_err(|error| usage(&format!("--faults: {error}")))?;
    let duration = parse::time(&args.time).map_err(|error| usage(&error))?;
    let rules = rules_off(args)?.into_iter().fold(Rules::ALL_ON, Rules::without);
    let mut sim =
        SimConfig { voters: args.voters, learners: args.learners, rules, ..SimConfig::new(0) };
    sim.core.consistency = match args.consistency {
        ConsistencyArg::Strict => Consistency::Strict,
        ConsistencyArg::Tikv => Consistency::Tikv,
    };
    Ok(RunConfig { sim, faults, duration, ..RunConfig::default() })
}

/// Looks at the violations of the first seeds that have any.
fn explain_all(
    args: &SimArgs,
    found: &Found,
    config: &RunConfig,
    is_single: bool,
) -> Result<Vec<Explained>> {
    let mut explained = Vec::new();
    let rules_off = rules_off(args)?;
    for (seed, report) in found.violated.iter().take(EXPLAINED_MAX) {
        // One with operations can be seen on them.
        let proved = report.violations.iter().find(|violation| !violation.operations.is_empty());
        let Some(violation) = proved.or(report.violations.first()) else { continue };
        let folder = match &args.out {
            Some(out) if is_single => out.clone(),
            Some(out) => out.join(format!("sim-{seed}")),
            None => PathBuf::from(format!("out/sim-{seed}")),
        };
        let watched = explain::watch(report, config, violation)?;
        let title = title(violation, &rules_off);
        let written = explain::write(&folder, &watched, violation, &title)
            .with_context(|| format!("explaining seed {seed}"))?;
        let folder = folder.display();
        let replay = format!("raftlens sim --seeds {seed}{} -o {folder}", flags(args));
        let draw = format!("raftlens draw {folder}/trace.otlp.jsonl -o {folder}/read_path.svg");
        let draw = (!watched.traces.spans.is_empty()).then_some(draw);
        let (seed, violation) = (*seed, violation.clone());
        explained.push(Explained { seed, violation, replay, draw, written });
    }
    Ok(explained)
}

/// What is wrong, as the title of the picture, and the rule that is off.
fn title(violation: &Violation, rules_off: &[Rule]) -> String {
    let what = match (proof::proof(&violation.operations), violation.invariant) {
        (Some(proof), _) => format!("A stale read of {}", words::text(&proof.stale.key)),
        (None, Invariant::LeaseExclusive) => "Two leases at once".to_owned(),
        (None, other) => format!("A violation of {}", other.as_str()),
    };
    words::titled(&what, rules_off)
}

/// The flags that make a seed what it was.
fn flags(args: &SimArgs) -> String {
    let mut flags = format!(" --faults {} --time {}", args.faults.replace(' ', ""), args.time);
    for rule in &args.rule_off {
        flags.push_str(&format!(" --rule-off {rule}"));
    }
    if args.consistency == ConsistencyArg::Tikv {
        flags.push_str(" --consistency tikv");
    }
    for (flag, value, default) in [("voters", args.voters, 3), ("learners", args.learners, 0)] {
        if value != default {
            flags.push_str(&format!(" --{flag} {value}"));
        }
    }
    flags
}

/// Is set when the user or the system wants an end.
fn stop_when_interrupted() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no signals can be had")?;
    let interrupt = runtime.block_on(async { Interrupt::listen() }).context("no signals")?;
    let asked = Arc::clone(&stop);
    std::thread::spawn(move || {
        runtime.block_on(interrupt.come());
        asked.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}

/// How many seeds are done, on a terminal.
fn progress(total: u64, wanted: bool) -> ProgressBar {
    if !wanted || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {eta} left {msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
