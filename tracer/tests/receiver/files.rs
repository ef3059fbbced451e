//! The files of the receiver: whole under their own names, numbered when they are rotated, and
//! readable after a kill.

use std::fs;
use std::path::{Path, PathBuf};

use raftlens_tracer::receiver::{Receiver, ReceiverError, Settings};

use super::client::post;
use super::{PROTOBUF, Running, lines, names, read, request, runtime, settings};
use prost14::Message as _;

fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn start_error(settings: Settings) -> ReceiverError {
    runtime().block_on(Receiver::start(settings)).unwrap_err()
}

#[test]
fn what_is_acknowledged_is_in_the_part_and_a_file_has_its_name_when_it_is_whole() {
    let running = Running::start(|settings| settings.is_synced = true);
    let folder = running.folder.path().to_owned();
    let part = folder.join("out.otlp.jsonl.part");
    for id in 1..=3 {
        assert_eq!(post(running.http(), PROTOBUF, &request(&[id]).encode_to_vec()).status, 200);
        assert_eq!(read(&part).spans.len(), usize::from(id), "before the recorder ends");
    }
    assert_eq!(listing(&folder), ["out.otlp.jsonl.part"]);
    let Running { runtime, receiver, folder: _kept } = running;
    let counts = runtime.block_on(receiver.stop()).unwrap();
    assert_eq!(listing(&folder), ["out.otlp.jsonl"]);
    assert_eq!(counts.files, [folder.join("out.otlp.jsonl")]);
    assert_eq!(counts.bytes, fs::metadata(&counts.files[0]).unwrap().len());
}

#[test]
fn files_that_are_there_are_not_touched() {
    let running = Running::start(|_| {});
    let path = running.folder.path().join("out.otlp.jsonl");
    let in_use = start_error(settings(running.folder.path()));
    assert!(matches!(in_use, ReceiverError::OutputInUse(_)), "{in_use}");
    let (_, _) = {
        let Running { runtime, receiver, folder } = running;
        runtime.block_on(receiver.stop()).unwrap();
        fs::write(&path, "mine").unwrap();
        let there = start_error(settings(folder.path()));
        assert!(matches!(there, ReceiverError::OutputExists(_)), "{there}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        fs::write(folder.path().join("out.otlp.jsonl.part"), "left").unwrap();
        let left = start_error(settings(folder.path()));
        assert!(matches!(left, ReceiverError::OutputLeft(_)), "{left}");
        let none = start_error(settings(&folder.path().join("none")));
        assert!(matches!(none, ReceiverError::Output { .. }), "{none}");
        (runtime, folder)
    };
}

#[test]
fn full_files_are_numbered_and_the_oldest_go() {
    let running = Running::start(|settings| {
        settings.rotate_bytes = Some(1);
        settings.most_files = Some(2);
    });
    let folder = running.folder.path().to_owned();
    // Like ours, but not.
    fs::write(folder.join("out-7.otlp.jsonl"), "").unwrap();
    for id in 1..=4 {
        assert_eq!(post(running.http(), PROTOBUF, &request(&[id]).encode_to_vec()).status, 200);
    }
    let Running { runtime, receiver, folder: kept } = running;
    let counts = runtime.block_on(receiver.stop()).unwrap();
    let expected = ["out-000003.otlp.jsonl", "out-000004.otlp.jsonl"];
    let paths: Vec<PathBuf> = expected.iter().map(|name| folder.join(name)).collect();
    assert_eq!(counts.files, paths);
    assert_eq!(listing(&folder), [expected[0], expected[1], "out-7.otlp.jsonl"]);
    assert_eq!(names(&read(&paths[0])), ["span 3"]);
    assert_eq!(names(&read(&paths[1])), ["span 4"]);
    drop(kept);
}

#[test]
fn what_a_killed_recorder_left_is_completed_without_its_cut_line() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (lines(&[1]), lines(&[2]));
    let left = [&whole[..], &cut[..cut.len() / 2]].concat();
    fs::write(folder.path().join("out.otlp.jsonl.part"), left).unwrap();
    fs::write(folder.path().join("out-000041.otlp.jsonl"), &whole).unwrap();
    let mut settings = settings(folder.path());
    settings.rotate_bytes = Some(1 << 30);
    let runtime = runtime();
    let receiver = runtime.block_on(Receiver::start(settings)).unwrap();
    let counts = runtime.block_on(receiver.stop()).unwrap();
    let completed = folder.path().join("out-000042.otlp.jsonl");
    assert_eq!(fs::read(&completed).unwrap(), whole);
    assert_eq!(counts.files, [completed], "an empty file is not kept");
    assert_eq!(listing(folder.path()), ["out-000041.otlp.jsonl", "out-000042.otlp.jsonl"]);
}
