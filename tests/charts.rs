//! Keeps the charts in `dot/` honest: against the notes that they go back to, against the code that
//! they document, and against what the demonstration really ran.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops, and says what it saw")]

#[path = "charts/compare.rs"]
mod compare;
#[path = "charts/coverage.rs"]
mod coverage;
#[path = "charts/notes.rs"]
mod notes;
#[path = "charts/raft_rs.rs"]
mod raft_rs;
#[path = "charts/recorded.rs"]
mod recorded;
#[path = "charts/source.rs"]
mod source;
#[path = "charts/tables.rs"]
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};

use compare::compare;
use coverage::{Call, coverage, documented, is_enough, measured};
use raftlens_viz::{BoxKind, Chart, ChartBox, FlowGraph, Options};
use recorded::Recorded;
use tables::{Difference, Thing, differences, in_no_chart, names_in_code};

const NOTES: &str = include_str!("charts/notes.txt");
const PAGE: &str = include_str!("../dot/README.md");
/// The charts that the notes have.
const CHARTS: [(&str, &str); 6] = [
    ("async_snapshot", include_str!("../dot/1_async_snapshot.dot")),
    ("router_send", include_str!("../dot/2_router_send.dot")),
    ("inspect", include_str!("../dot/3_inspect.dot")),
    ("read_local", include_str!("../dot/4_read_local.dot")),
    ("read_index", include_str!("../dot/5_read_index.dot")),
    ("apply_reads", include_str!("../dot/6_apply_reads.dot")),
];

/// Their neighbours, which show what no span records as well.
const NEIGHBOURS: [(&str, &str); 7] = [
    ("lease_life", include_str!("../dot/7_lease_life.dot")),
    ("delegates", include_str!("../dot/8_delegates.dot")),
    ("snapshot_cache", include_str!("../dot/9_snapshot_cache.dot")),
    ("raft_read_index", include_str!("../dot/10_raft_read_index.dot")),
    ("follower_read", include_str!("../dot/11_follower_read.dot")),
    ("renew_lease", include_str!("../dot/12_renew_lease.dot")),
    ("write", include_str!("../dot/13_write.dot")),
];

type Named = (&'static str, Chart);

fn parsed((name, text): (&'static str, &str)) -> Named {
    (name, Chart::parse(text).unwrap())
}

fn charts() -> Vec<Named> {
    CHARTS.map(parsed).into()
}

fn neighbours() -> Vec<Named> {
    NEIGHBOURS.map(parsed).into()
}

fn all_charts() -> Vec<Named> {
    let mut all = charts();
    all.extend(neighbours());
    all
}

fn root() -> &'static Path {
    Path::new(".")
}

fn core_records() -> BTreeSet<Recorded> {
    recorded::in_folder(&root().join("core/src"))
}

/// Fails with every fault on a line of its own.
#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_box_and_arrow_of_the_notes_is_drawn_or_explained() {
    let notes = notes::parse(NOTES);
    let rows = differences(PAGE);
    let (mut boxes, mut arrows, mut boxes_kept, mut arrows_kept) = (0, 0, 0, 0);
    let mut faults = Vec::new();
    for ((name, ours), notes) in charts().iter().zip(&notes) {
        assert_eq!(*name, notes.name);
        let rows: Vec<&Difference> = rows.iter().filter(|row| row.chart == *name).collect();
        let found = compare(notes, ours, &rows);
        boxes += notes.boxes.len();
        arrows += notes.arrows.len();
        boxes_kept += found.boxes_kept;
        arrows_kept += found.arrows_kept;
        faults.extend(found.faults);
    }
    for row in rows.iter().filter(|row| CHARTS.iter().all(|(name, _)| row.chart != *name)) {
        faults.push(format!("a row is about no chart: {row:?}"));
    }
    println!("as in the notes: {boxes_kept} of {boxes} boxes, {arrows_kept} of {arrows} arrows");
    for change in ["renamed", "moved", "retired", "redrawn", "added"] {
        let count = |is_box: bool| {
            let of_kind = |row: &&Difference| {
                let thing = row.notes.as_ref().or(row.here.as_ref());
                row.has(change) && matches!(thing, Some(Thing::Box(_))) == is_box
            };
            rows.iter().filter(of_kind).count()
        };
        println!("{change}: {} boxes, {} arrows", count(true), count(false));
    }
    assert_none(&faults);
    assert_eq!((boxes, arrows), (95, 111), "the notes are complete");
}

#[test]
fn a_chart_that_lost_an_arrow_or_a_box_is_noticed() {
    let notes = notes::parse(NOTES);
    let rows = differences(PAGE);
    let rows: Vec<&Difference> = rows.iter().filter(|row| row.chart == "inspect").collect();
    let ours = Chart::parse(CHARTS[2].1).unwrap();
    let faults = |chart: &Chart, rows: &[&Difference]| compare(&notes[2], chart, rows).faults;

    let mut broken = ours.clone();
    broken.arrows.remove(0);
    assert_eq!(
        faults(&broken, &rows),
        ["inspect: propose -> inspect is not drawn, and has no row"]
    );

    let mut broken = ours.clone();
    broken.boxes[0].id = "Peer::suggest".to_owned();
    assert_eq!(faults(&broken, &rows), ["inspect: propose is renamed, and no row says so"]);

    let mut broken = ours.clone();
    broken.boxes[0].owner.push("inner".to_owned());
    assert_eq!(faults(&broken, &rows), ["inspect: propose is moved, and no row says so"]);

    // Without its row, the arrow that we added is unexplained; with a row too many, that one is.
    assert_eq!(faults(&ours, &[]).len(), 1);
    let needless = differences(&PAGE.replace("| inspect | - |", "| inspect | `bound` |"));
    let needless: Vec<&Difference> = needless.iter().filter(|row| row.chart == "inspect").collect();
    assert!(!faults(&ours, &needless).is_empty());
}

#[test]
fn every_chart_of_the_folder_is_looked_at() {
    let mut here: Vec<String> = fs::read_dir(root().join("dot"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "dot"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut known: Vec<&str> = CHARTS.iter().chain(&NEIGHBOURS).map(|(_, text)| *text).collect();
    here.sort();
    known.sort_unstable();
    assert!(here == known, "{} files in dot/, {} charts here", here.len(), known.len());
    for (name, chart) in all_charts() {
        assert_eq!(chart.name, name);
    }
}

#[test]
fn identities_tell_the_boxes_of_a_chart_apart() {
    for (name, chart) in all_charts() {
        let identities: BTreeSet<&str> = chart.boxes.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(identities.len(), chart.boxes.len(), "{name}: two boxes with one id");
        // `read_index` would stand for three functions: every node is stated, none by an arrow.
        assert!(chart.boxes.iter().all(|one| !one.classes.is_empty()), "{name}");
    }
}

/// Why a box does not stand for a piece of code, if it does not.
fn code_fault(drawn: &ChartBox, in_code: &BTreeMap<String, String>) -> Option<String> {
    let id = &drawn.id;
    let Some(url) = &drawn.url else { return Some(format!("{id} has no URL")) };
    if drawn.classes.iter().any(|class| class == "external") {
        let names_raft_rs = url.starts_with("https://github.com/tikv/raft-rs/");
        return (!names_raft_rs).then(|| format!("{id} is external, and {url} is not raft-rs"));
    }
    let Ok(source) = fs::read_to_string(root().join(url)) else {
        return Some(format!("{id}: there is no file {url}"));
    };
    let name = in_code.get(id).unwrap_or(id);
    (!source::defines(&source, name)).then(|| format!("{id}: {url} defines no {name}"))
}

#[test]
fn every_box_is_in_the_file_that_its_url_names() {
    let in_code: BTreeMap<String, String> = names_in_code(PAGE).into_iter().collect();
    let boxes: Vec<ChartBox> =
        all_charts().into_iter().flat_map(|(_, chart)| chart.boxes).collect();
    let faults: Vec<String> =
        boxes.iter().filter_map(|drawn| code_fault(drawn, &in_code)).collect();
    assert_none(&faults);
    // A row that is needed no more is as wrong as one that is missing.
    for id in in_code.keys() {
        let mut drawn = boxes.iter().filter(|drawn| drawn.id == *id);
        let is_needed = drawn.any(|drawn| code_fault(drawn, &BTreeMap::new()).is_some());
        assert!(is_needed, "{id} needs no row in the table of names");
    }
}

#[test]
fn a_box_without_code_is_noticed() {
    let chart = Chart::parse(CHARTS[2].1).unwrap();
    let fault = |change: fn(&mut ChartBox)| {
        let mut drawn =
            chart.boxes.iter().find(|drawn| drawn.id == "Peer::inspect").unwrap().clone();
        assert_eq!(code_fault(&drawn, &BTreeMap::new()), None);
        change(&mut drawn);
        code_fault(&drawn, &BTreeMap::new()).unwrap()
    };
    let wrong_file = fault(|drawn| drawn.url = Some("core/src/lease.rs".to_owned()));
    assert_eq!(wrong_file, "Peer::inspect: core/src/lease.rs defines no Peer::inspect");
    let no_file = fault(|drawn| drawn.url = Some("core/src/nothing.rs".to_owned()));
    assert_eq!(no_file, "Peer::inspect: there is no file core/src/nothing.rs");
    let no_function = fault(|drawn| drawn.id = "Peer::inspekt".to_owned());
    assert_eq!(no_function, "Peer::inspekt: core/src/peer/inspect.rs defines no Peer::inspekt");
    let foreign = fault(|drawn| drawn.classes.push("external".to_owned()));
    assert!(foreign.contains("not raft-rs"), "{foreign}");
}

/// Where what is recorded and what is drawn differ. Only charts of the notes have nothing but what
/// is recorded.
fn recording_faults(
    charts: &[(&str, Chart)],
    neighbours: &[(&str, Chart)],
    recorded: &BTreeSet<Recorded>,
    elsewhere: &[String],
) -> Vec<String> {
    let mut faults = Vec::new();
    let is_of_notes = |name: &str| charts.iter().any(|(known, _)| *known == name);
    for (name, chart) in charts.iter().chain(neighbours) {
        for drawn in &chart.boxes {
            let owner = drawn.owner.join("/");
            let owners: Vec<&str> = recorded
                .iter()
                .filter(|one| one.identity == drawn.id)
                .map(|one| one.owner.as_str())
                .collect();
            if owners.is_empty() {
                if is_of_notes(name) {
                    faults.push(format!("{name}: {} is drawn, and never recorded", drawn.id));
                }
            } else if !owners.contains(&owner.as_str()) {
                faults.push(format!(
                    "{name}: {} is drawn in {owner}, recorded in {owners:?}",
                    drawn.id
                ));
            }
        }
    }
    let is_drawn = |identity: &str| {
        let mut boxes = charts.iter().chain(neighbours).flat_map(|(_, chart)| &chart.boxes);
        boxes.any(|drawn| drawn.id == identity)
    };
    let identities: BTreeSet<&str> = recorded.iter().map(|one| one.identity.as_str()).collect();
    for identity in &identities {
        match (is_drawn(identity), elsewhere.iter().any(|other| other == identity)) {
            (false, false) => {
                faults.push(format!("{identity} is recorded, and in no chart or table"))
            }
            (true, true) => faults.push(format!("{identity} is in a chart, so its row is wrong")),
            (true, false) | (false, true) => {}
        }
    }
    for other in elsewhere.iter().filter(|other| !identities.contains(other.as_str())) {
        faults.push(format!("{other} is in the table, and never recorded"));
    }
    faults
}

#[test]
fn what_core_records_is_drawn_in_its_cluster() {
    let (charts, neighbours) = (charts(), neighbours());
    let faults = recording_faults(&charts, &neighbours, &core_records(), &in_no_chart(PAGE));
    assert_none(&faults);
}

#[test]
fn a_box_in_the_wrong_cluster_is_noticed() {
    let (mut charts, mut neighbours) = (charts(), neighbours());
    let recorded = core_records();
    // In a chart of the notes, and in the life of the lease.
    for (_, chart) in [&mut charts[2], &mut neighbours[0]] {
        let index = chart.boxes.iter().position(|drawn| drawn.id == "Lease::inspect").unwrap();
        chart.boxes[index].owner = vec!["Peer".to_owned()];
    }
    let faults = recording_faults(&charts, &neighbours, &recorded, &in_no_chart(PAGE));
    let fault =
        |chart| format!(r#"{chart}: Lease::inspect is drawn in Peer, recorded in ["Lease"]"#);
    assert_eq!(faults, [fault("inspect"), fault("lease_life")]);
}

/// The calls in the trace that the demonstration writes.
fn demonstrated() -> BTreeSet<Call> {
    let out = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_raftlens"))
        .args(["demo", "--out"])
        .arg(out.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "raftlens demo: {status}");
    let file = fs::File::open(out.path().join("traces.otlp.jsonl")).unwrap();
    let traces = raftlens_tracer::format::read(BufReader::new(file)).unwrap().traces;
    measured(&FlowGraph::from_trace(&traces, &Options::default()).unwrap())
}

#[test]
fn the_demonstration_takes_nine_in_ten_documented_calls() {
    let (recorded, ran) = (core_records(), demonstrated());
    let (mut all_found, mut all_missing) = (BTreeSet::new(), BTreeSet::new());
    for (name, chart) in all_charts() {
        let calls = documented(&chart, &recorded);
        let (found, missing) = coverage(&calls, &ran);
        println!("{name}: {} of {} documented calls ran", found.len(), calls.len());
        for call in &missing {
            println!("    never ran: {call}");
        }
        all_found.extend(found.into_iter().cloned());
        all_missing.extend(missing.into_iter().cloned());
    }
    let (found, missing) = (all_found.len(), all_missing.len());
    println!("together, each call once: {found} of {}", found + missing);
    assert!(is_enough(found, missing), "only {found} of {} calls ran", found + missing);
}

#[test]
fn calls_that_never_ran_are_counted_as_missing() {
    let chart = Chart::parse(CHARTS[2].1).unwrap();
    let calls = documented(&chart, &core_records());
    let names: Vec<String> = calls.iter().map(Call::to_string).collect();
    assert!(names.contains(&"Peer::propose -> Peer::inspect".to_owned()), "{names:?}");
    // Branches and values have no spans, so no call of them can be measured.
    assert!(names.iter().all(|name| !name.contains("RequestPolicy")), "{names:?}");

    let mut ran: BTreeSet<Call> = calls.clone();
    let lost = ran.pop_first().unwrap();
    let (found, missing) = coverage(&calls, &ran);
    assert_eq!((found.len(), missing), (calls.len() - 1, vec![&lost]));
    assert!(is_enough(9, 1) && !is_enough(8, 1) && !is_enough(0, 0));
}

#[test]
fn records_keep_their_fields_and_ports() {
    let chart = Chart::parse(CHARTS[4].1).unwrap();
    let queue = chart.boxes.iter().position(|drawn| drawn.id == "ReadIndexQueue").unwrap();
    let fields = ["reads", "ready_cnt", "handled_cnt", "contexts", "retry_countdown"];
    let expected = BoxKind::Struct { fields: fields.map(str::to_owned).into() };
    assert_eq!(chart.boxes[queue].kind, expected);
    let ports: BTreeSet<&str> =
        chart.arrows.iter().filter_map(|arrow| arrow.to_port.as_deref()).collect();
    assert_eq!(ports, BTreeSet::from(["contexts", "reads"]));
}
