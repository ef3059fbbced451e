//! Calls that are read from source, corrected by an index of it that rust-analyzer made.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use raftlens_viz::from_source::{Precise, ScipError, ScipIndex, SourceGraph};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/precise/shop")
}

/// The calls of one function: names of callees, kinds, and whether only the name is known.
fn calls(graph: &SourceGraph, from: &str) -> Vec<String> {
    let of = |call: &&raftlens_viz::from_source::Call| graph.functions[call.from].name == from;
    let words = |call: &raftlens_viz::from_source::Call| {
        let by_name = if call.is_by_name { " by name" } else { "" };
        format!("{} {:?}{by_name}", graph.functions[call.to].name, call.kind)
    };
    graph.calls.iter().filter(of).map(words).collect()
}

fn unresolved(graph: &SourceGraph, from: &str) -> Vec<String> {
    let of = graph.unresolved.iter().filter(|it| graph.functions[it.from].name == from);
    of.map(|it| it.text.clone()).collect()
}

fn external<'a>(graph: &'a SourceGraph, from: &str) -> Vec<&'a str> {
    let of = graph.external.iter().filter(|it| graph.functions[it.from].name == from);
    of.map(|it| it.name.as_str()).collect()
}

#[test]
fn an_index_tells_what_syntax_does_not() {
    let mut graph = SourceGraph::read(&[shop()]).unwrap();
    let none: [String; 0] = [];
    // What syntax alone makes of it.
    assert_eq!(calls(&graph, "several_have_the_name"), none);
    assert_eq!(unresolved(&graph, "several_have_the_name"), [".weight()"]);
    assert_eq!(unresolved(&graph, "std_has_the_name"), [".len()"]);
    assert_eq!(unresolved(&graph, "really_elsewhere"), [".len()"]);
    assert_eq!(calls(&graph, "the_only_one_of_its_name"), ["Cart::total Method by name"]);
    assert_eq!(calls(&graph, "another_one_of_that_name"), ["Cart::snapshot Method by name"]);
    assert_eq!(external(&graph, "taken_for_one_of_elsewhere"), ["cart", "weight"]);
    assert_eq!(calls(&graph, "in_a_macro"), none);

    let index = ScipIndex::read(&shop().join("index.scip")).unwrap();
    let precise = graph.correct(&index);
    assert_eq!(calls(&graph, "several_have_the_name"), ["Cart::weight Method"]);
    assert_eq!(calls(&graph, "std_has_the_name"), ["Cart::len Method"]);
    assert_eq!(external(&graph, "really_elsewhere"), ["from_fn", "len"]);
    assert_eq!(calls(&graph, "the_only_one_of_its_name"), ["Cart::total Method"]);
    assert_eq!(calls(&graph, "another_one_of_that_name"), none);
    assert_eq!(external(&graph, "another_one_of_that_name"), ["from_fn", "snapshot"]);
    assert_eq!(calls(&graph, "taken_for_one_of_elsewhere"), ["Cart::weight Method"]);
    assert_eq!(external(&graph, "taken_for_one_of_elsewhere"), ["cart"]);
    assert_eq!(calls(&graph, "in_a_macro"), ["Cart::weight Method"]);
    assert_eq!(calls(&graph, "through_a_trait"), ["Item::price Trait", "Cart::any Method"]);
    // What was right stays.
    assert_eq!(calls(&graph, "handed_over"), ["Cart::weight Callback"]);
    assert_eq!(calls(&graph, "Cart::weight"), ["Item::weight Closure"]);
    assert_eq!(graph.unresolved, []);
    let expected = Precise {
        functions: 17,
        known: 17,
        confirmed: 1,
        resolved: 2,
        resolved_outside: 1,
        added: 4,
        taken_back: 1,
    };
    assert_eq!(precise, expected);
}

#[test]
fn a_second_correction_changes_nothing() {
    let index = ScipIndex::read(&shop().join("index.scip")).unwrap();
    let mut graph = SourceGraph::read(&[shop()]).unwrap();
    graph.correct(&index);
    let (once, mut twice) = (graph.clone(), graph);
    let Precise { functions, known, .. } = twice.correct(&index);
    assert_eq!(functions, known);
    assert_eq!(once, twice);
}

/// Lines were added above: the index is older than the source, says so, and corrects nothing.
#[test]
fn an_index_of_another_version_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shop().join("src/lib.rs")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), format!("//! New.\n{text}")).unwrap();
    let bytes = fs::read(shop().join("index.scip")).unwrap();
    let index = ScipIndex::parse(&bytes, folder.path()).unwrap();
    let mut graph = SourceGraph::read(&[folder.path().to_owned()]).unwrap();
    let before = graph.clone();
    let precise = graph.correct(&index);
    assert_eq!((precise.known, precise.taken_back, precise.added), (0, 0, 0));
    assert!(precise.functions > 10, "{precise:?}");
    assert_eq!(graph, before);

    // And one of another program has none of its files.
    let mut own =
        SourceGraph::read(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check")]).unwrap();
    let before = own.clone();
    assert_eq!(own.correct(&index), Precise::default());
    assert_eq!(own, before);
}

#[test]
fn damaged_indexes_are_refused_or_read_and_never_panic() {
    let whole = fs::read(shop().join("index.scip")).unwrap();
    let graph = SourceGraph::read(&[shop()]).unwrap();
    let mut random = SmallRng::seed_from_u64(5);
    let (mut read, mut refused) = (0, 0);
    for round in 0..3_000 {
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match round % 3 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = random.random(),
                _ => drop(bytes.drain(at..(at + 3).min(bytes.len())).count()),
            }
        }
        match ScipIndex::parse(&bytes, &shop()) {
            Ok(index) => {
                let mut graph = graph.clone();
                graph.correct(&index);
                let count = graph.functions.len();
                assert!(graph.calls.iter().all(|call| call.from < count && call.to < count));
                read += 1;
            }
            Err(ScipError::Damaged { byte, .. }) => {
                assert!(byte <= bytes.len());
                refused += 1;
            }
            Err(error) => assert!(matches!(error, ScipError::Empty), "{error}"),
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}
