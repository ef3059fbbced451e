//! What of the read path's charts the demonstration never takes: nothing that `dot/NEVER_TAKEN.md` does
//! not explain.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

const CHARTS: [&str; 6] = [
    "1_async_snapshot",
    "2_router_send",
    "3_inspect",
    "4_read_local",
    "5_read_index",
    "6_apply_reads",
];

/// The ids of what a picture draws faint.
fn faint(picture: &str) -> Vec<String> {
    let groups = picture.split("<g ").filter_map(|group| group.split_once('>'));
    let is_faint = groups.map(|(head, _)| head).filter(|head| head.contains(" faint"));
    let id = |head: &str| head.split("id=\"").nth(1)?.split('"').next().map(str::to_owned);
    is_faint.filter_map(id).collect()
}

#[test]
fn whatever_the_demonstration_never_takes_is_explained() {
    let project = Path::new(".").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let raftlens = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_raftlens"))
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    raftlens(&["demo"]);
    let page = std::fs::read_to_string(project.join("dot/NEVER_TAKEN.md")).unwrap();
    let source = project.join("core/src");
    for chart in CHARTS {
        let dot = project.join("dot").join(chart).with_extension("dot");
        let (dot, source) = (dot.to_str().unwrap(), source.to_str().unwrap());
        let run = "out/traces.otlp.jsonl";
        raftlens(&["draw", "--chart", dot, "--source", source, "--trace", run, "-o", "views.svg"]);
        let picture = std::fs::read_to_string(folder.path().join("views.svg")).unwrap();
        assert!(picture.contains("id=\"box-"), "{chart} has no boxes");
        for id in faint(&picture) {
            let row = format!("| {chart} | `{id}` |");
            assert!(
                page.contains(&row),
                "{chart} draws {id} faint, and dot/NEVER_TAKEN.md has no row {row}"
            );
        }
    }
}

#[test]
fn what_is_faint_is_found() {
    let picture =
        r#"<g id="box-a" class="box"></g><g id="box-b" class="box never-taken faint"></g>"#;
    assert_eq!(faint(picture), ["box-b"]);
}
