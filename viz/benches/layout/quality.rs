//! Sums of every figure over the corpus: ours beside `dot` on the same files, each with its own sizes;
//! and ours beside `dot` and `elkrs` on the same sizes, those that we measure.

use std::fs;
use std::io::Write;
use std::path::Path;

use raftlens_viz::{Direction, Placed, Quality, SizedGraph, faults, layout_json, quality};

use crate::Options;
use crate::corpus::{self, Chart, dot};
use crate::peers;
use crate::table::{Row, Table};

/// The engines beside ours.
const PEERS: [&str; 3] = ["dot", "dot, our sizes", "elkrs"];

type Figure = (&'static str, &'static str, fn(&Quality) -> f64);

const FIGURES: [Figure; 12] = [
    ("crossings", "count", |it| it.crossings as f64),
    ("independent crossings", "count", |it| it.independent_crossings as f64),
    ("arrows through boxes", "count", |it| it.through_boxes as f64),
    ("arrows through foreign clusters", "count", |it| it.through_clusters as f64),
    ("overlapping boxes", "count", |it| it.box_overlaps as f64),
    ("overlapping clusters", "count", |it| it.cluster_overlaps as f64),
    ("containment faults", "count", |it| it.containment as f64),
    ("arrows against the reading", "count", |it| it.against as f64),
    ("length", "pt", |it| it.length),
    ("bends", "rad/arrow", |it| it.bend),
    ("area", "Mpt²", |it| it.area),
    ("lost", "count", |it| it.lost as f64),
];

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let charts = corpus::charts(options.charts);
    let mut sums = [(Quality::default(), Quality::default(), 0); PEERS.len()];
    let (mut failures, mut wrong, mut peer_failures) = (0, 0, [0; PEERS.len()]);
    for chart in &charts {
        // From the file, as `dot` gets it; and with the sizes that the other two are told.
        let (from_file, graph) = (chart.sized_from_dot(), chart.sized());
        let (read, ours) = (peers::ours(&from_file), peers::ours(&graph));
        failures += usize::from(read.is_none() || ours.is_none());
        let layouts =
            [("ours", &from_file, read.as_ref()), ("ours, our sizes", &graph, ours.as_ref())];
        let mut qualities = [None; 2];
        let mut found = Vec::new();
        for (place, (name, graph, placed)) in layouts.into_iter().enumerate() {
            let Some(placed) = placed else { continue };
            qualities[place] = Some(quality(graph, placed));
            found.extend(faults(graph, placed));
            dump(options, (chart, name), Some((graph, placed)));
        }
        wrong += usize::from(!found.is_empty());
        found.iter().for_each(|fault| eprintln!("{}: {fault}", chart.name));
        for (index, peer) in PEERS.iter().enumerate() {
            let answer = place(peer, chart, &graph, folder.path());
            dump(options, (chart, peer), answer.as_ref().map(|(graph, placed)| (graph, placed)));
            peer_failures[index] += usize::from(answer.is_none());
            // Only charts that both could place are compared.
            let our_quality = if *peer == "dot" { qualities[0] } else { qualities[1] };
            let both = our_quality.zip(answer.map(|(graph, placed)| quality(&graph, &placed)));
            if let Some((ours, theirs)) = both {
                let (our_sum, their_sum, count) = &mut sums[index];
                (*our_sum, *their_sum) = (*our_sum + ours, *their_sum + theirs);
                *count += 1;
            }
        }
    }
    for (peer_name, ((ours, theirs, runs), failed)) in
        PEERS.into_iter().zip(sums.into_iter().zip(peer_failures))
    {
        for (name, unit, figure) in FIGURES {
            let (case, ours, peer) = (format!("quality: {name}"), figure(&ours), figure(&theirs));
            table.row(&Row { case: &case, ours, peer, peer_name, unit, runs });
        }
        let (ours, peer, runs) = (failures as f64, failed as f64, charts.len());
        table.row(&Row { case: "quality: failures", ours, peer, peer_name, unit: "charts", runs });
    }
    let (ours, runs) = (wrong as f64, charts.len());
    let case = "quality: charts with any fault";
    table.row(&Row { case, ours, peer: f64::NAN, peer_name: "none", unit: "charts", runs });
}

/// One peer's layout of a chart, with the graph as that peer understood it.
fn place(
    peer: &str,
    chart: &Chart,
    graph: &SizedGraph,
    folder: &Path,
) -> Option<(SizedGraph, Placed)> {
    let text = match peer {
        "elkrs" => return Some((graph.clone(), peers::elkrs(graph)?)),
        "dot" => dot::write(chart),
        _ => dot::write_sized(chart, graph),
    };
    let file = peers::dot::file(folder, &chart.name, &text);
    let output = peers::dot::run(&file, "json", false).output?;
    peers::dot::read(chart, graph, &output)
}

/// Writes a layout and a line of its figures, for looking at single charts.
fn dump(
    options: &Options,
    (chart, engine): (&Chart, &str),
    layout: Option<(&SizedGraph, &Placed)>,
) {
    let (Some(folder), Some((graph, placed))) = (&options.dump, layout) else { return };
    let names: Vec<String> = chart.boxes.iter().map(|it| it.title.clone()).collect();
    let text = layout_json(graph, placed, &names);
    // The neutral form says "LR" whatever the chart says.
    let text = match chart.direction {
        Direction::TopDown => text.replace("\"rankdir\":\"LR\"", "\"rankdir\":\"TB\""),
        Direction::LeftRight | Direction::RightLeft | Direction::BottomUp => text,
    };
    let engine = engine.replace(", ", "_").replace(' ', "_");
    let counted = quality(graph, placed);
    let figures: Vec<String> =
        FIGURES.iter().map(|(.., figure)| format!("{:.3}", figure(&counted))).collect();
    let line = format!("{},{},{}\n", chart.name, chart.boxes.len(), figures.join(","));
    let place = folder.join(&engine);
    let written = fs::create_dir_all(&place)
        .and_then(|()| fs::write(place.join(format!("{}.json", chart.name)), text))
        .and_then(|()| append(&folder.join(format!("{engine}.csv")), &line));
    written.expect("a folder to write layouts to");
}

/// Adds a line to a table, with a heading if it is the first one.
fn append(file: &Path, line: &str) -> std::io::Result<()> {
    if !file.exists() {
        let names: Vec<&str> = FIGURES.iter().map(|(name, ..)| *name).collect();
        fs::write(file, format!("chart,boxes,{}\n", names.join(",")))?;
    }
    fs::OpenOptions::new().append(true).open(file)?.write_all(line.as_bytes())
}
