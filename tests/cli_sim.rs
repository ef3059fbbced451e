//! `raftlens sim`: what it prints, what it refuses, and that its commands lead to the wrong arrow.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn raftlens(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.args(line.split_whitespace()).current_dir(folder);
    command
}

fn run(folder: &Path, line: &str) -> Output {
    raftlens(folder, line).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What stands behind a word such as `replay:` in the output.
fn behind<'a>(output: &'a str, word: &str) -> &'a str {
    let line = output.lines().find_map(|line| line.trim().strip_prefix(word));
    line.unwrap_or_else(|| panic!("no {word} in\n{output}")).trim()
}

#[test]
fn seeds_with_every_rule_on_are_clean_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "sim --seeds 1..4,9 --time 1s --jobs 2");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    for part in ["5 seeds", "times real time", "elections", "lease_local", "no violation"] {
        assert!(told.contains(part), "no {part} in\n{told}");
    }
    let json = run(folder.path(), "sim --seeds 1..3 --faults none --time 500ms --json");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["seeds"], 3);
    assert_eq!(json["faults"], serde_json::json!({}));
    assert_eq!(json["violations"], serde_json::json!([]));
    assert!(json["operations"]["write"].as_u64().unwrap() > 100);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "a clean run leaves nothing");
}

const FILES: [&str; 6] = [
    "violation.svg",
    "violation.dot",
    "log.txt",
    "trace.otlp.jsonl",
    "read_path.svg",
    "read_path.dot",
];

#[test]
fn a_broken_rule_leads_by_the_printed_commands_alone_to_the_wrong_arrow() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "sim --seeds 1..3 --time 2s --rule-off T6");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("violation of linearizability, seed 1"), "{told}");
    assert!(told.contains("before this read was called"), "{told}");
    let chart = fs::read_to_string(folder.path().join("out/sim-1/violation.svg")).unwrap();
    assert!(chart.contains("Off is T6: A replica read waits until its index is applied"));
    assert!(chart.contains("arrow data wrong") && chart.contains("and it still saw"));

    let files = |at: &Path| FILES.map(|name| fs::read(at.join(name)).unwrap());
    let before = files(&folder.path().join("out/sim-1"));
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    let replay = behind(&told, "replay: raftlens");
    let output = run(folder.path(), replay);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(before == files(&folder.path().join("out/sim-1")), "{replay} gave another run");

    let (draw, drawn) = (behind(&told, "draw:   raftlens"), "out/sim-1/read_path.svg");
    fs::remove_file(folder.path().join(drawn)).unwrap();
    let output = run(folder.path(), draw);
    assert!(output.status.success(), "{draw}: {}", text(&output.stderr));
    let drawn = fs::read_to_string(folder.path().join(drawn)).unwrap();
    assert!(drawn.contains("Peer::apply_reads"), "the trace crosses the raft thread");
}

#[test]
fn each_kind_of_violation_has_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    // (rule, faults that find it soon, what the picture must say)
    let rows = [
        ("L1", "delay,partition,disk-stall", "must not be"),
        ("L6", "transfer-leader,one-way-cut,drop", "must not be"),
        ("X1", "pause-apply", "and it still saw"),
        ("P4", "drop,partition", "no answer came"),
    ];
    for (rule, faults, says) in rows {
        let line = format!(
            "sim --seeds 1..400 --first --time 2s --faults {faults} --rule-off {rule} --json -o {rule}"
        );
        let output = run(folder.path(), &line);
        assert_eq!(output.status.code(), Some(1), "{line}: {}", text(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let written = json["violations"][0]["written"].as_array().unwrap();
        let chart = written.iter().find(|path| path.as_str().unwrap().ends_with("violation.svg"));
        let chart = folder.path().join(chart.unwrap().as_str().unwrap());
        let chart = fs::read_to_string(chart).unwrap();
        assert!(chart.contains(says), "{rule}: the picture does not say {says}");
        assert!(chart.contains(&format!("Off is {rule}:")), "{rule}");
    }
}

#[test]
fn a_script_is_played_and_drawn_and_shows_what_a_rule_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let script = "world\nelect n1\nwrite n1 k v1\nrun 25ms\npause apply n3\nwrite n1 k v2\nread n3 k replica\nrun 5ms\ncheck\n";
    fs::write(folder.path().join("replica_waits"), script).unwrap();
    let output = run(folder.path(), "sim --script replica_waits -o kept");
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    assert!(told.contains("check\n  -> sound"), "{told}");
    let picture = fs::read_to_string(folder.path().join("kept/script.svg")).unwrap();
    assert!(picture.contains("replica waits") && !picture.contains("arrow data wrong"));
    let ends = script.replace("check", "resume apply n3\nrun 20ms\ncheck");
    fs::write(folder.path().join("replica_waited"), ends).unwrap();
    let output = run(folder.path(), "sim --script replica_waited -o waited");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let output = run(folder.path(), "slow waited/script.otlp.jsonl --threshold 1ms");
    let slow = text(&output.stdout);
    assert!(
        slow.contains("1 read") && slow.contains("apply_lag"),
        "{slow}{}",
        text(&output.stderr)
    );

    let output = run(folder.path(), "sim --script replica_waits --rule-off T6 -o broken");
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    assert!(told.contains("violation of linearizability"), "{told}");
    for picture in ["script.svg", "violation.svg"] {
        let picture = fs::read_to_string(folder.path().join("broken").join(picture)).unwrap();
        assert!(picture.contains("arrow data wrong") && picture.contains("Off is T6:"));
    }

    fs::write(folder.path().join("wrong"), "world\nelect n1\nteleport n1\n").unwrap();
    // (script, exit code, what the message must say)
    for (script, code, says) in
        [("wrong", 2, "line 3, `teleport n1`: there is no command"), ("missing", 1, "missing")]
    {
        let output = run(folder.path(), &format!("sim --script {script}"));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let rows: [(&str, &[&str]); 10] = [
        ("sim --seeds 5..1", &["5..1", "first"]),
        ("sim --seeds many", &["many", "1..2000"]),
        ("sim --seeds 1..99999999999", &["100000000"]),
        ("sim --faults partition,wind", &["wind", "pause-reader"]),
        ("sim --rule-off L99", &["L99", "X1"]),
        ("sim --time 10", &["\"10\"", "10s"]),
        ("sim --time 2000m", &["2000m", "60m"]),
        ("sim --voters 0 --seeds 1", &["voters", "from 1 to 9"]),
        ("sim --jobs 0", &["--jobs"]),
        ("sim --consistency eventual", &["eventual", "tikv"]),
    ];
    for (line, says) in rows {
        let output = run(folder.path(), line);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {message}");
        assert!(says.iter().all(|part| message.contains(part)), "{line}: {message}");
        assert!(output.stdout.is_empty(), "{line} printed something");
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_it_with_what_was_found_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = raftlens(folder.path(), "sim --seeds 1..10000000 --time 50ms --json --jobs 1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whenever it comes: before the first seed is done, or after.
    let mut sent = false;
    while child.try_wait().unwrap().is_none() {
        if !sent && listens_to_interruptions(child.id()) {
            let process = child.id().to_string();
            sent = Command::new("kill").args(["-INT", &process]).status().unwrap().success();
        }
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted after"), "{message}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["seeds"].as_u64().unwrap() < 10_000_000);
}

/// Whether the process has set up its handling of SIGINT, as Linux tells; elsewhere a second has to
/// do.
#[cfg(unix)]
fn listens_to_interruptions(process: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else {
        std::thread::sleep(std::time::Duration::from_secs(1));
        return true;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 2 != 0)
}
