//! The six charts of the read path, laid out by us: nothing overlaps, and they read left to right.
//!
//! With `CHARTS_OUT=DIR` each is also written there as SVG, DOT and layout JSON, to be looked at.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

mod fixtures;

use fixtures::{CHARTS, chart};
use raftlens_viz::{DrawOptions, Embedded, Engine, FlowGraph, Format, Graphviz, draw, faults};
use raftlens_viz::{Layout, LayoutError, Placed, SizedGraph, sized};

/// Boxes that start each chart: they stand left of everything that they lead to.
const ENTRIES: [(&str, &str); 6] = [
    ("async_snapshot", "engine_async_snapshot"),
    ("router_send", "RaftRouter_send"),
    ("inspect", "propose"),
    ("read_local", "propose"),
    ("read_index", "propose"),
    ("apply_reads", "collect_ready"),
];

fn place(graph: &FlowGraph) -> (SizedGraph, Placed) {
    let sized = sized(graph);
    let placed = Embedded.place(&sized).unwrap();
    (sized, placed)
}

#[test]
fn nothing_overlaps_and_no_arrow_crosses_a_box() {
    for name in CHARTS {
        for measured in [true, false] {
            let (sized, placed) = place(&chart(name, measured));
            assert_eq!(faults(&sized, &placed), Vec::<String>::new(), "{name}");
        }
    }
}

/// Arrows may enter a cluster by its upper border, but the title there stays legible.
#[test]
fn no_arrow_runs_over_a_title() {
    for name in CHARTS {
        let (sized, placed) = place(&chart(name, true));
        for (cluster, rect) in sized.clusters.iter().zip(&placed.clusters) {
            for (index, arrow) in placed.arrows.iter().enumerate() {
                let points = arrow.flattened();
                let steps = points.windows(2).flat_map(|pair| {
                    (0..=64).map(|step| {
                        let at = |a: f64, b: f64| a + (b - a) * f64::from(step) / 64.0;
                        (at(pair[0].x, pair[1].x), at(pair[0].y, pair[1].y))
                    })
                });
                let mut on_title = steps.filter(|(x, y)| {
                    (rect.x..rect.x + cluster.title.width).contains(x)
                        && (rect.y + 2.0..rect.y + cluster.title.height).contains(y)
                });
                assert_eq!(on_title.next(), None, "{name}: arrow {index}");
            }
        }
    }
}

#[test]
fn the_entry_stands_at_the_left() {
    for (name, entry) in ENTRIES {
        let graph = chart(name, true);
        let (_, placed) = place(&graph);
        let rect = &placed.boxes[graph.find_identity(entry).unwrap().index()];
        let left = placed.boxes.iter().map(|rect| rect.x).fold(f64::INFINITY, f64::min);
        assert!(rect.x < left + rect.width, "{name}: {entry} begins at {}", rect.x);
    }
}

#[test]
fn almost_all_arrows_run_to_the_right() {
    let (mut arrows, mut backwards) = (0, 0);
    for name in CHARTS {
        let graph = chart(name, true);
        let (_, placed) = place(&graph);
        for (_, from, to, _) in graph.arrows() {
            let middle = |index: usize| placed.boxes[index].center().x;
            arrows += 1;
            backwards += usize::from(middle(from.index()) > middle(to.index()) + 1.0);
        }
    }
    // Callbacks into the cluster that called must run back; there are five in the charts.
    assert_eq!(arrows, 111);
    assert!(backwards <= 5, "{backwards} arrows run backwards");
}

#[test]
fn the_same_chart_gives_the_same_bytes() {
    for name in CHARTS {
        for format in [Format::Svg, Format::Dot, Format::LayoutJson] {
            let options = DrawOptions { format, ..DrawOptions::default() };
            let one = draw(&chart(name, true), &options).unwrap();
            assert_eq!(one, draw(&chart(name, true), &options).unwrap(), "{name} {format:?}");
        }
    }
}

#[test]
fn an_installed_dot_places_the_charts_as_well() {
    for name in CHARTS {
        let sized = sized(&chart(name, true));
        match Graphviz::default().place(&sized) {
            Ok(placed) => {
                // `dot` sends some arrows through boxes; boxes, clusters and labels must be right.
                let mut found = faults(&sized, &placed);
                found.retain(|fault| !fault.contains("passes through"));
                assert_eq!(found, Vec::<String>::new(), "{name}");
            }
            Err(LayoutError::DotNotInstalled) => {
                eprintln!("`dot` is not on the PATH: only its absence was checked");
                return;
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn pictures_to_look_at() {
    let Some(out) = std::env::var_os("CHARTS_OUT").map(std::path::PathBuf::from) else { return };
    for name in CHARTS {
        for (engine, suffix) in [(Engine::Embedded, ""), (Engine::Dot, ".dot-layout")] {
            let write = |format: Format, ending: &str, measured: bool| {
                let options = DrawOptions { format, engine, ..DrawOptions::default() };
                let text = draw(&chart(name, measured), &options).unwrap();
                std::fs::write(out.join(format!("{name}{suffix}.{ending}")), text).unwrap();
            };
            write(Format::Svg, "svg", true);
            write(Format::Svg, "plain.svg", false);
            write(Format::LayoutJson, "json", true);
            write(Format::Dot, "dot", true);
        }
    }
}
