//! What the charts say of raft-rs, against its source: the one that this workspace is built with.
//!
//! For our own source these boxes are outside of it, and their arrows are believed; here they are boxes
//! like any other.

use std::path::{Path, PathBuf};
use std::process::Command;

use raftlens_viz::check::{CheckOptions, Fault, check};
use raftlens_viz::from_source::SourceGraph;

use crate::{Named, all_charts, assert_none};

/// Where the `URL` of a box of raft-rs begins, before the path in its repository.
const REPOSITORY: &str = "https://github.com/tikv/raft-rs/blob/v";

/// The folder and the version of raft-rs, as cargo has it.
fn raft_rs() -> (PathBuf, String) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Packages of other platforms need not be on this machine.
    let about = Command::new(&cargo).arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", host])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let raft = packages.iter().find(|package| package["name"] == "raft").unwrap();
    let manifest = Path::new(raft["manifest_path"].as_str().unwrap());
    (manifest.parent().unwrap().to_owned(), raft["version"].as_str().unwrap().to_owned())
}

fn both_sources(raft_rs: &Path) -> SourceGraph {
    SourceGraph::read(&[PathBuf::from("core/src"), raft_rs.join("src")]).unwrap()
}

/// The chart with its boxes of raft-rs as boxes of a source; how many those are.
fn opened((name, mut chart): Named, version: &str) -> (Named, usize) {
    let mut count = 0;
    for drawn in &mut chart.boxes {
        let is_external = drawn.classes.iter().any(|class| class == "external");
        drawn.classes.retain(|class| class != "external");
        if is_external {
            let url = drawn.url.take().unwrap();
            let path = url.strip_prefix(&format!("{REPOSITORY}{version}/"));
            drawn.url = Some(path.unwrap_or_else(|| panic!("{name}: {url}")).to_owned());
            count += 1;
        }
    }
    ((name, chart), count)
}

#[test]
fn what_charts_say_of_raft_rs_is_in_its_source() {
    let (folder, version) = raft_rs();
    let source = both_sources(&folder);
    let (mut faults, mut boxes, mut arrows) = (Vec::new(), 0, 0);
    for named in all_charts() {
        let ((name, chart), count) = opened(named, &version);
        boxes += count;
        let checked = check(&chart, &source, None, CheckOptions::default());
        faults.extend(checked.faults.iter().map(|fault| format!("{name}: {fault}")));
        if name == "raft_read_index" {
            arrows = checked.arrows;
        }
    }
    println!("{boxes} boxes of raft-rs {version}; {arrows} arrows of raft_read_index are calls");
    assert_none(&faults);
    assert!(boxes > 0 && arrows > 0);
}

#[test]
fn a_wrong_word_about_raft_rs_is_noticed() {
    let (folder, version) = raft_rs();
    let source = both_sources(&folder);
    let chart = all_charts().into_iter().find(|(name, _)| *name == "raft_read_index").unwrap();
    let ((_, chart), _) = opened(chart, &version);
    let place = |id: &str| chart.boxes.iter().position(|drawn| drawn.id == id).unwrap();
    let (advance, recv_ack) = (place("ReadOnly::advance"), place("ReadOnly::recv_ack"));
    let faults = |chart| check(&chart, &source, None, CheckOptions::default()).faults;

    let mut wrong = chart.clone();
    wrong.boxes[advance].id = "ReadOnly::advanse".to_owned();
    assert!(matches!(&faults(wrong)[..], [Fault::NoCode { of, .. }] if *of == advance));

    let mut wrong = chart.clone();
    wrong.boxes[advance].url = Some("src/raft.rs".to_owned());
    assert!(matches!(&faults(wrong)[..], [Fault::Moved { of, .. }] if *of == advance));

    let mut wrong = chart.clone();
    let call = wrong.arrows.iter().find(|arrow| arrow.to == advance).unwrap().clone();
    wrong.arrows.push(raftlens_viz::ChartArrow { from: recv_ack, ..call });
    assert!(matches!(&faults(wrong)[..], [Fault::NoCall { .. }]));
}
