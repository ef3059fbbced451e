//! Time and memory of large layouts, each in a process of its own: flat, and in clusters of 25 boxes.

use std::process::Command;
use std::time::Instant;

use raftlens_viz::quality;

use crate::Options;
use crate::corpus::{dot, layered};
use crate::peers;
use crate::table::{Row, Table};

const SIZES: [usize; 3] = [2_000, 5_000, 10_000];

pub(crate) fn measure(_: &Options, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for boxes in SIZES {
        let mut seconds = [f64::NAN; 2];
        for (index, kind) in ["flat", "clustered"].into_iter().enumerate() {
            let (ours, our_mb) = in_child("ours", boxes, kind);
            let (elkrs, elkrs_mb) = in_child("elkrs", boxes, kind);
            let chart = layered::chart(boxes, kind == "clustered");
            let file = peers::dot::file(folder.path(), &chart.name, &dot::write(&chart));
            let run = peers::dot::run(&file, "json", true);
            let dots = run.output.as_ref().map_or(f64::NAN, |_| run.took.as_secs_f64());
            let dot_mb = run.peak_kb.map_or(f64::NAN, |kb| kb as f64 / 1024.0);
            let dot_name = if run.late { "dot, over 60 s" } else { "dot" };
            for (peer_name, peer, peer_mb) in [(dot_name, dots, dot_mb), ("elkrs", elkrs, elkrs_mb)]
            {
                let case = format!("scale: {boxes} boxes, {kind}, time");
                table.row(&Row { case: &case, ours, peer, peer_name, unit: "s", runs: 1 });
                let case = format!("scale: {boxes} boxes, {kind}, memory");
                let (ours, peer) = (our_mb, peer_mb);
                table.row(&Row { case: &case, ours, peer, peer_name, unit: "MB", runs: 1 });
            }
            seconds[index] = ours;
        }
        let case = format!("scale: {boxes} boxes, clustered to flat");
        let [flat, clustered] = seconds;
        let peer_name = "ours, flat";
        table.row(&Row { case: &case, ours: clustered, peer: flat, peer_name, unit: "s", runs: 1 });
    }
}

/// Runs this program again for one layout: its seconds and peak megabytes.
fn in_child(engine: &str, boxes: usize, kind: &str) -> (f64, f64) {
    let program = std::env::current_exe().expect("the path of this program");
    let output =
        Command::new(program).args(["--child", &format!("{engine}/{boxes}/{kind}")]).output();
    let text =
        output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
    (numbers.next().unwrap_or(f64::NAN), numbers.next().unwrap_or(f64::NAN))
}

/// What such a process does: one layout, then two numbers.
pub(crate) fn child(task: &str) {
    let mut words = task.split('/');
    let engine = words.next().unwrap_or_default();
    let boxes = words.next().and_then(|word| word.parse().ok()).unwrap_or(100);
    let graph = layered::chart(boxes, words.next() == Some("clustered")).sized();
    let start = Instant::now();
    let placed = if engine == "ours" { peers::ours(&graph) } else { peers::elkrs(&graph) };
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = peers::dot::peak_kb(&status).map_or(f64::NAN, |kb| kb as f64 / 1024.0);
    match placed {
        Some(placed) => {
            println!("{seconds} {megabytes}");
            eprintln!("{task}: {seconds:.2} s, {megabytes:.0} MB, {:?}", quality(&graph, &placed));
        }
        None => println!("failed"),
    }
}
