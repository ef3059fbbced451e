//! `raftlens check`: our own charts are true, and what somebody changes in the code is named and mended.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn check(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.current_dir(folder).arg("check").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).unwrap()),
        }
    }
}

/// Our charts and the source that they document, to be changed.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("core/src"), &folder.path().join("core/src"));
    copy(&root().join("dot"), &folder.path().join("dot"));
    folder
}

/// Replaces text that must be there.
fn change(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{} has no {old:?}", file.display());
    fs::write(file, text.replace(old, new)).unwrap();
}

#[test]
fn our_charts_are_what_the_code_does() {
    let output = check(root(), &["dot/", "--source", "core/src"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("nothing differs").count(), 13);
}

#[test]
fn a_renamed_function_a_lost_call_and_a_new_one_are_named_and_mended() {
    let folder = copied();
    let source = folder.path().join("core/src/peer");
    for file in ["read_index.rs", "hibernate.rs", "forwarded_reads.rs"] {
        let path = source.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("bcast_wake_up_message", "broadcast_wake_up_message"))
            .unwrap();
    }
    let file = source.join("read_index.rs");
    change(&file, "carrier.push_command(read);", "drop(read);");
    change(
        &file,
        "let region = self.region_id();\n        if self.is_splitting()",
        "let region = self.region_id();\n        let _ = self.is_leader();\n        if self.is_splitting()",
    );

    let args = ["dot/", "--source", "core/src"];
    let output = check(folder.path(), &args);
    let (found, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{found}{errors}");
    let faults: Vec<&str> =
        found.lines().filter(|line| !line.contains(" are in the code (")).collect();
    assert_eq!(faults.len(), 3, "{found}");
    assert!(
        faults[0].contains("the box Peer::bcast_wake_up_message is not in the code"),
        "{found}"
    );
    assert!(faults[0].contains("Peer::broadcast_wake_up_message in core/src/peer/read_index.rs"));
    assert!(faults[1].contains("Peer::read_index -> ReadIndexRequest::push_command has no call"));
    let added = "the call Peer::pre_read_index -> Peer::is_leader (core/src/peer/read_index.rs:";
    assert!(faults[2].contains(added), "{found}");

    let json = check(folder.path(), &["dot/", "--source", "core/src", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let kinds: Vec<&str> = json["charts"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|chart| chart["faults"].as_array().unwrap())
        .map(|fault| fault["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["no-code", "no-call", "not-drawn"]);

    let chart = folder.path().join("dot/5_read_index.dot");
    let before = fs::read_to_string(&chart).unwrap();
    let output = check(folder.path(), &["dot/", "--source", "core/src", "--write"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let after = fs::read_to_string(&chart).unwrap();
    // One line is another one, one is gone, one is new; everything else is as it was.
    let gone: Vec<&str> = before.lines().filter(|line| !after.contains(*line)).collect();
    let new: Vec<&str> = after.lines().filter(|line| !before.contains(*line)).collect();
    assert_eq!((gone.len(), new.len()), (2, 2), "{gone:#?} {new:#?}");
    assert_eq!(before.lines().count(), after.lines().count());
    assert!(new[0].contains("id=\"Peer::broadcast_wake_up_message\""), "{new:?}");
    assert!(new[0].contains("label=\"broadcast_wake_up_message\""), "{new:?}");
    assert_eq!(new[1].trim(), "pre_read_index -> is_leader [class=\"call\"];");
    let output = check(folder.path(), &args);
    assert!(output.status.success(), "{}", text(&output.stdout));
}

#[test]
fn what_cannot_be_checked_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.rs"), "fn one() {}").unwrap();
    fs::write(folder.path().join("bad.dot"), "digraph { a -> ").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let rows: [(&[&str], i32, &str); 4] = [
        (&["bad.dot", "--source", "a.rs"], 1, "bad.dot: line 1"),
        (&["empty", "--source", "a.rs"], 2, "no .dot"),
        (&["bad.dot", "--source", "empty"], 2, "no Rust file"),
        (&["bad.dot", "--source", "nothing"], 1, "cannot read nothing"),
    ];
    for (args, code, says) in rows {
        let output = check(folder.path(), args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(says), "{args:?}: {error}");
    }
}
