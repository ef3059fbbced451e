//! Source of other people: crates that this workspace depends on, where cargo keeps them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that are large and written by hand, services and libraries; as many as are needed.
const CRATES: [&str; 10] = [
    "tokio",
    "hyper",
    "h2",
    "tonic",
    "clap_builder",
    "petgraph",
    "regex-automata",
    "usvg",
    "syn",
    "reqwest",
];

/// Source folders that hold `least` lines in which code may stand.
pub(crate) fn with_lines(least: usize) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifest = |name: &str| {
        let package = packages.iter().find(|package| package["name"] == name)?;
        Some(PathBuf::from(package["manifest_path"].as_str()?))
    };
    let (mut found, mut lines) = (Vec::new(), 0);
    for manifest in CRATES.iter().filter_map(|name| manifest(name)) {
        if lines >= least {
            break;
        }
        let source = manifest.with_file_name("src");
        // What is read of it counts, which is not all that lies there.
        lines += raftlens_viz::from_source::SourceGraph::read(std::slice::from_ref(&source))
            .map_or(0, |graph| graph.lines);
        found.push(source);
    }
    assert!(lines >= least, "cargo has {lines} lines of {CRATES:?}, which is too little");
    found
}
