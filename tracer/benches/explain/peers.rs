//! Critical paths of the same Jaeger JSON files, by raftlens and by others.
//!
//! Each trace is a file of its own, as CRISP wants them: a request of made-up services whose calls run
//! one after the other, so that all who compute a longest chain agree on what is on it. Both sides
//! read the files from the disk's cache and sum up the time on paths by operation.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};

use raftlens_tracer::explain::{Explainer, Settings};
use raftlens_tracer::format::{Format, stream, write};
use raftlens_tracer::model::{Attribute, Resource, Span, SpanId, TraceId, TraceSet, Value};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::seconds;

const SPANS_A_TRACE: u64 = 50;
const NETWORKX: &str = include_str!("longest_chain.py");

/// Microseconds on critical paths by `[service] operation`.
type Totals = BTreeMap<String, u64>;

pub fn rows(quick: bool, json: bool) {
    let (traces, runs) = if quick { (50, 3) } else { (1_000, 7) };
    let folder = tempfile::tempdir().unwrap();
    make_files(folder.path(), traces);
    let crisp = std::env::var("RAFTLENS_CRISP").ok();
    let python = std::env::var("RAFTLENS_PYTHON").ok();
    let folder = folder.path();
    row(json, "CRISP", crisp.map(|it| move || run_crisp(&it, folder)), (folder, runs));
    let name = "networkx, longest chain";
    row(json, name, python.map(|it| move || run_networkx(&it, folder)), (folder, runs));
}

/// One request a file: each call waits for those it makes, one after the other.
fn make_files(folder: &Path, traces: u64) {
    let mut random = SmallRng::seed_from_u64(1);
    let services = ["gateway", "cart", "checkout", "payment", "stock"];
    let resource = |name: &&str| Resource {
        attributes: vec![Attribute {
            key: "service.name".into(),
            value: Value::Str((*name).into()),
        }],
    };
    for trace in 1..=traces {
        let mut set =
            TraceSet { resources: services.iter().map(resource).collect(), spans: vec![] };
        let mut now_us = 1_790_000_000_000_000;
        let mut ids = 1..=SPANS_A_TRACE;
        call(&mut set, &mut ids, (trace, 0), &mut now_us, &mut random);
        let file = File::create(folder.join(format!("{trace}.json"))).unwrap();
        write(&set, file, Format::JaegerJson).unwrap();
    }
}

fn call(
    set: &mut TraceSet,
    ids: &mut std::ops::RangeInclusive<u64>,
    (trace, parent): (u64, u64),
    now_us: &mut u64,
    random: &mut SmallRng,
) {
    let Some(id) = ids.next() else { return };
    let start_us = *now_us;
    *now_us += random.random_range(10..500);
    let at = set.spans.len();
    set.spans.push(Span::default());
    // The root goes on until all spans are used.
    for _ in 0..if parent == 0 { SPANS_A_TRACE } else { random.random_range(0..3) } {
        call(set, ids, (trace, id), now_us, random);
        *now_us += random.random_range(10..500);
    }
    let service = if parent == 0 { 0 } else { random.random_range(0..5) };
    set.spans[at] = Span {
        trace_id: TraceId(u128::from(trace)),
        span_id: SpanId(id),
        parent_span_id: (parent != 0).then_some(SpanId(parent)),
        name: if parent == 0 { "request".into() } else { format!("op{}", id % 7).into() },
        start_ns: start_us * 1_000,
        end_ns: *now_us * 1_000,
        resource: service,
        ..Span::default()
    };
}

fn ours(folder: &Path) -> Totals {
    let mut explainer = Explainer::new(Settings::default());
    for entry in fs::read_dir(folder).unwrap() {
        let file = BufReader::new(File::open(entry.unwrap().path()).unwrap());
        stream(file).unwrap().for_each(|batch| explainer.add(batch.unwrap()));
    }
    let explained = explainer.finish();
    let operations = explained.paths.operations().into_iter();
    let total = |it: &raftlens_tracer::explain::Operation| {
        let us = it.on_path.sum_ns() / 1_000;
        (format!("[{}] {}", it.service, it.name), us as u64)
    };
    operations.map(total).filter(|(_, us)| *us > 0).collect()
}

/// Runs both in turns and prints what they took; a peer that gives totals must agree.
fn row(
    json: bool,
    name: &str,
    peer: Option<impl Fn() -> Option<Totals>>,
    (folder, runs): (&Path, usize),
) {
    let Some(peer) = peer else {
        println!("{}", skipped(json, name));
        return;
    };
    let (mut mine, mut other) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let mut totals = (Totals::new(), None);
        let of_mine = seconds(|| totals.0 = ours(folder));
        let of_other = seconds(|| totals.1 = peer());
        if let Some(theirs) = totals.1 {
            assert_eq!(totals.0, theirs, "{name} gives other totals");
        }
        // The first turn of each warms up.
        if run > 0 {
            mine.push(of_mine);
            other.push(of_other);
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (ours_s, peer_s) = (median(&mut mine), median(&mut other));
    let case = "critical paths of Jaeger files";
    let spread = |times: &[f64], median: f64| (times[times.len() - 1] - times[0]) / median;
    let (ours_spread, peer_spread) = (spread(&mine, ours_s), spread(&other, peer_s));
    let ratio = peer_s / ours_s;
    if json {
        println!(
            "{{\"bench\":\"explain\",\"case\":\"{case}\",\"ours\":{ours_s:.4},\"peer\":{peer_s:.4},\
             \"peer_name\":\"{name}\",\"ratio\":{ratio:.1},\"unit\":\"s\",\"runs\":{runs},\
             \"ours_spread\":{ours_spread:.2},\"peer_spread\":{peer_spread:.2}}}"
        );
    } else {
        println!(
            "{case}: {:.1} ms (spread {:.0} %), {name} {:.0} ms (spread {:.0} %), {ratio:.0} times",
            ours_s * 1e3,
            ours_spread * 100.0,
            peer_s * 1e3,
            peer_spread * 100.0
        );
    }
}

fn skipped(json: bool, name: &str) -> String {
    match json {
        true => format!(
            "{{\"bench\":\"explain\",\"case\":\"critical paths of Jaeger files\",\
             \"peer_name\":\"{name}\",\"skipped\":true}}"
        ),
        false => {
            format!("critical paths of Jaeger files, against {name}: SKIPPED, it is not there")
        }
    }
}

/// CRISP's fast mode, by its documented arguments; what it writes is not looked at.
fn run_crisp(command: &str, folder: &Path) -> Option<Totals> {
    let status = Command::new(command)
        .args(["-s", "gateway", "-a", "request", "--lightMode", "-i"])
        .arg(folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command}: {status}");
    None
}

fn run_networkx(python: &str, folder: &Path) -> Option<Totals> {
    let output = Command::new(python).args(["-c", NETWORKX]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let totals: Totals = serde_json::from_slice(&output.stdout).unwrap();
    Some(totals)
}
