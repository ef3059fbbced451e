//! The answers to open questions: every picture of `dot/QUESTIONS.md` is what `raftlens` draws today.
//!
//! `UPDATE_GOLDENFILES=1 cargo test --test questions` writes them again; look at what has changed.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn kept() -> PathBuf {
    Path::new(".").join("dot/questions")
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

fn drawn() -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_raftlens"))
        .args(["sim", "--question", "all", "-o"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    files(folder.path())
}

#[test]
fn the_pictures_are_those_of_today() {
    let drawn = drawn();
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        fs::create_dir_all(kept()).unwrap();
        for (name, text) in &drawn {
            fs::write(kept().join(name), text).unwrap();
        }
    }
    let kept = files(&kept());
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&drawn), "UPDATE_GOLDENFILES=1 writes the pictures again");
    for (name, text) in &kept {
        assert!(drawn[name] == *text, "{name} differs: UPDATE_GOLDENFILES=1 writes it again");
    }
}

#[test]
fn every_picture_stands_on_the_page_and_what_must_not_be_is_red() {
    let page = Path::new(".").join("dot/QUESTIONS.md");
    let page = fs::read_to_string(page).unwrap();
    let pictures = files(&kept());
    let shown: Vec<&str> =
        page.split("](questions/").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    for name in pictures.keys().filter(|name| name.ends_with(".svg")) {
        let times = shown.iter().filter(|shown| *shown == name).count();
        assert_eq!(times, 1, "{name} stands {times} times on the page");
    }
    for name in shown {
        let picture = pictures.get(name).unwrap_or_else(|| panic!("there is no {name}"));
        let is_broken = picture.contains(">Without ") || name == "monotonic_raw.svg";
        assert_eq!(picture.contains("arrow data wrong"), is_broken, "{name}");
    }
}

#[test]
fn an_unknown_question_is_refused_with_the_known_ones() {
    let output = Command::new(env!("CARGO_BIN_EXE_raftlens"))
        .args(["sim", "--question", "why"])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("why") && message.contains("max_drift"), "{message}");
}
