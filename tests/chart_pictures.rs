//! The pictures of our charts: beside each chart in `dot/` lies what `raftlens` draws of it today.
//!
//! `UPDATE_GOLDENFILES=1 cargo test --test chart_pictures` (`make pictures`) writes them again; look
//! at what has changed.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use raftlens_viz::{DotOptions, Embedded, FlowGraph, Layout as _, faults, sized};

/// Our charts, or their pictures.
fn files(ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dot");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    found.sort();
    found
}

fn drawn(chart: &Path) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_raftlens")).arg("draw").arg(chart).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_chart_has_its_picture_of_today() {
    let charts = files("dot");
    assert_eq!(charts.len(), 13);
    for chart in &charts {
        let (picture, drawn) = (chart.with_extension("svg"), drawn(chart));
        if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
            fs::write(&picture, &drawn).unwrap();
        }
        let kept = fs::read_to_string(&picture).unwrap_or_default();
        let name = picture.display();
        assert!(kept == drawn, "{name} differs: UPDATE_GOLDENFILES=1 writes it again");
    }
    let of_charts: Vec<PathBuf> = charts.iter().map(|chart| chart.with_extension("svg")).collect();
    assert_eq!(files("svg"), of_charts, "a picture without a chart");
}

#[test]
fn nothing_overlaps_and_no_arrow_crosses_a_box() {
    for chart in files("dot") {
        let bytes = fs::read(&chart).unwrap();
        let graph = FlowGraph::from_dot(&bytes, &DotOptions::default()).unwrap();
        let sized = sized(&graph);
        let placed = Embedded.place(&sized).unwrap();
        assert_eq!(faults(&sized, &placed), Vec::<String>::new(), "{}", chart.display());
    }
}
