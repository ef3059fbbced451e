//! `--precise`: calls that are read from source, corrected by an index of it, as `raftlens draw` and
//! `raftlens check` take it.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("viz/tests/precise/shop")
}

fn raftlens(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a function calls, by the DOT that is drawn of it.
fn drawn(more: &[&str]) -> (String, String) {
    let root = ["draw", "--source", ".", "--root", "several_have_the_name", "-f", "dot"];
    let output = raftlens(&[&root, more].concat(), &shop());
    assert!(output.status.success(), "{}", said(&output));
    (String::from_utf8(output.stdout.clone()).unwrap(), said(&output))
}

#[test]
fn an_index_draws_what_syntax_cannot_tell() {
    let (by_syntax, _) = drawn(&[]);
    assert!(!by_syntax.contains("weight"), "{by_syntax}");
    let (corrected, told) = drawn(&["--precise", "index.scip"]);
    assert!(corrected.contains("Cart::weight"), "{corrected}");
    assert!(told.contains("knows 17 of 17 functions"), "{told}");
    assert!(told.contains("1 calls by name confirmed"), "{told}");
}

#[test]
fn a_check_by_an_index_finds_the_call_that_syntax_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let chart = r#"digraph c {
    a [id="several_have_the_name", label="several_have_the_name", class="function"];
    b [id="Cart::weight", label="weight", class="function"];
    a -> b [class="call"];
}"#;
    fs::write(folder.path().join("c.dot"), chart).unwrap();
    let (source, index) = (shop(), shop().join("index.scip"));
    let (source, index) = (source.to_str().unwrap(), index.to_str().unwrap());
    let check = ["check", "c.dot", "--source", source];
    let by_syntax = raftlens(&check, folder.path());
    let corrected = raftlens(&[&check[..], &["--precise", index]].concat(), folder.path());
    assert_eq!(by_syntax.status.code(), Some(1), "{}", said(&by_syntax));
    assert_eq!(corrected.status.code(), Some(0), "{}", said(&corrected));
}

#[test]
fn an_index_that_is_none_or_of_another_source_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lib.rs"), "pub fn one() { two(); }\nfn two() {}\n").unwrap();
    fs::write(folder.path().join("broken.scip"), [0xff; 20]).unwrap();
    let index = shop().join("index.scip");
    let draw = |index: &str| {
        let arguments = ["draw", "--source", ".", "--precise", index, "-f", "dot"];
        raftlens(&arguments, folder.path())
    };
    let foreign = draw(index.to_str().unwrap());
    assert!(foreign.status.success());
    assert!(said(&foreign).contains("has no file of this source"), "{}", said(&foreign));
    for wrong in ["broken.scip", "none.scip"] {
        let output = draw(wrong);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(wrong), "{}", said(&output));
    }
}
