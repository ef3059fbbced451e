//! Time from a file to its SVG: ours in this process, `dot` as the process that people run, on the
//! same charts in turns; and the layout alone beside that of `elkrs`.

use std::hint::black_box;
use std::time::Instant;

use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, draw};

use crate::Options;
use crate::corpus::{self, Chart, dot, layered};
use crate::peers;
use crate::table::{Row, Table, median};

const ROUNDS: usize = 3;

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let charts = corpus::charts(options.charts);
    group(table, "all charts", &charts, ROUNDS);
    let mut medium: Vec<Chart> = charts.into_iter().filter(|it| it.boxes.len() >= 20).collect();
    for boxes in [100, 300] {
        medium.extend([false, true].map(|clustered| layered::chart(boxes, clustered)));
    }
    group(table, "20 to 300 boxes", &medium, 2);
    for (name, clustered) in [("1000 boxes, flat", false), ("1000 boxes, clustered", true)] {
        group(table, name, &[layered::chart(1_000, clustered)], ROUNDS);
    }
}

fn group(table: &mut Table, name: &str, charts: &[Chart], rounds: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut ours, mut theirs, mut layout, mut elkrs) = (vec![], vec![], vec![], vec![]);
    let millis = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
    for _ in 0..rounds {
        for chart in charts {
            let text = dot::write(chart);
            let file = peers::dot::file(folder.path(), &chart.name, &text);
            let start = Instant::now();
            let graph = FlowGraph::from_dot(text.as_bytes(), &DotOptions::default());
            let drawn = graph.is_ok_and(|graph| draw(&graph, &DrawOptions::default()).is_ok());
            let our_time = millis(start);
            let run = peers::dot::run(&file, "svg", false);
            if drawn && run.output.is_some() {
                ours.push(our_time);
                theirs.push(run.took.as_secs_f64() * 1e3);
            }
            let sized = chart.sized();
            let start = Instant::now();
            black_box(peers::ours(&sized));
            layout.push(millis(start));
            let start = Instant::now();
            black_box(peers::elkrs(&sized));
            elkrs.push(millis(start));
        }
    }
    let runs = ours.len();
    let (case, ours, peer) = (format!("speed: {name}, to SVG"), median(ours), median(theirs));
    table.row(&Row { case: &case, ours, peer, peer_name: "dot", unit: "ms", runs });
    let (runs, case) = (layout.len(), format!("speed: {name}, layout"));
    let (ours, peer) = (median(layout), median(elkrs));
    table.row(&Row { case: &case, ours, peer, peer_name: "elkrs", unit: "ms", runs });
}
