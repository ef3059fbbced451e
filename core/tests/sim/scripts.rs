//! Scenarios as scripts: each file of `scenarios/` is played, and what comes of it must be what the
//! file says. `UPDATE_GOLDENFILES=1` rewrites the files; look at the difference before you keep it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use raftlens_core::Rule;
use raftlens_core::sim::play::{Mistake, play};
use raftlens_core::sim::{Invariant, SimError};

fn folder() -> PathBuf {
    Path::new(".").join("tests/sim/scenarios")
}

/// Every script and its text, by name.
fn scripts() -> Vec<(String, PathBuf, String)> {
    let files = fs::read_dir(folder()).expect("the scenarios");
    let mut scripts: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_none())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a script");
            (name, path, text)
        })
        .collect();
    scripts.sort();
    scripts
}

/// The first line that differs, from both.
fn difference(written: &str, played: &str) -> String {
    let (mut written, mut played) = (written.lines(), played.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (written.next(), played.next()) {
            (Some(one), Some(other)) if one == other => {}
            (None, None) => return "nothing but line ends".to_owned(),
            (one, other) => {
                let (one, other) = (one.unwrap_or("the end"), other.unwrap_or("the end"));
                return format!(
                    "line {number}\n    is written as {one}\n    and played as {other}"
                );
            }
        }
    }
}

#[test]
fn every_scenario_plays_as_it_is_written() {
    let (mut wrong, only) = (Vec::new(), env::var("SCENARIO").unwrap_or_default());
    let is_update = env::var_os("UPDATE_GOLDENFILES").is_some();
    for (name, path, text) in scripts().into_iter().filter(|(name, ..)| name.contains(&only)) {
        match play(&text, &[]) {
            Ok(played) if played.text == text => {}
            Ok(played) if is_update => fs::write(path, played.text).expect("written"),
            Ok(played) => wrong.push(format!("{name}: {}", difference(&text, &played.text))),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_scenario_says_what_it_shows_and_ends_with_a_verdict() {
    let scripts = scripts();
    assert!(!scripts.is_empty());
    for (name, _, text) in scripts {
        assert!(text.starts_with("# "), "{name} begins with what it shows");
        let mut commands = text.lines().filter(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && !line.starts_with("->")
        });
        assert_eq!(commands.next_back(), Some("check"), "{name} ends with a verdict");
        let is_sound = text.trim_end().ends_with("-> sound");
        assert!(is_sound || text.contains("# Open hole"), "{name} is sound, or says why not");
    }
}

/// How often an arrow of a script says this.
fn told(text: &str, words: &str) -> usize {
    let arrows = text.lines().filter(|line| line.trim().starts_with("->"));
    arrows.filter(|line| line.contains(words)).count()
}

#[test]
fn every_scenario_shows_what_it_says_of_a_missing_rule() {
    let mut shown = Vec::new();
    for (name, _, text) in scripts() {
        for line in text.lines() {
            // `# Without T9: no answer`, or `# Without M3, P2: not linearizable`.
            let Some(line) = line.strip_prefix("# Without ") else { continue };
            let (rules, words) = line.split_once(": ").expect("rules, and what they prevent");
            let rules: Vec<Rule> =
                rules.split(", ").map(|rule| rule.parse().expect("a rule")).collect();
            let played = play(&text, &rules).expect("a script");
            let (with, without) = (told(&text, words), told(&played.text, words));
            assert!(without > with, "{name}, {line}:\n{}", played.text);
            shown.extend(rules);
        }
    }
    shown.sort_unstable();
    shown.dedup();
    assert!(shown.len() >= 25, "{shown:?}");
}

/// A row of the table in `README.md`: a number, TiKV's name, our file.
fn rows(readme: &str) -> Vec<(String, String)> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>());
    let numbered = cells.filter(|cells| cells[0].parse::<u32>().is_ok());
    numbered
        .map(|cells| {
            let name = cells[1].trim_matches('`');
            let file = cells[2].split(['[', ']']).nth(1).expect("a link");
            (file.to_owned(), format!("TiKV {}, {name}", cells[0]))
        })
        .collect()
}

#[test]
fn the_table_names_every_scenario_of_tikv_that_a_script_answers() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("the table");
    let mut written = rows(&readme);
    let mut found = Vec::new();
    for (name, _, text) in scripts() {
        let after = text.split("TiKV ").nth(1).unwrap_or_default();
        let answers: String = after.chars().take_while(|it| !".\n".contains(*it)).collect();
        if answers.starts_with(|first: char| first.is_ascii_digit()) {
            let short = answers.split(", ").take(2).collect::<Vec<_>>().join(", ");
            found.push((name, format!("TiKV {short}")));
        }
    }
    written.sort();
    found.sort();
    assert_eq!(written, found);
}

#[test]
fn a_script_plays_the_same_twice_and_without_its_arrows() {
    for (name, _, text) in scripts().into_iter().take(5) {
        let bare: String = text
            .lines()
            .filter(|line| !line.trim().starts_with("->"))
            .map(|line| format!("{line}\n"))
            .collect();
        let (once, again) = (play(&text, &[]).unwrap(), play(&bare, &[]).unwrap());
        assert_eq!(once.text, again.text, "{name}");
        let hash = |world: Option<raftlens_core::sim::World>| world.map(|it| it.trace_hash());
        assert_eq!(hash(once.world), hash(again.world), "{name}");
    }
}

#[test]
fn a_script_shows_what_a_missing_rule_does() {
    let script = "world\nelect n1\nwrite n1 k v1\nrun 25ms\npause apply n3\nwrite n1 k v2\n\
                  read n3 k replica\ncheck\n";
    let kept = play(script, &[]).expect("a script");
    assert!(kept.text.ends_with("read n3 k replica\n  -> no answer yet\ncheck\n  -> sound\n"));
    assert_eq!(kept.violations, []);

    let broken = play(script, &[Rule::T6]).expect("a script");
    assert!(broken.text.contains("-> v1, by replica_lease"), "{}", broken.text);
    assert!(broken.text.contains("-> not linearizable"), "{}", broken.text);
    assert_eq!(broken.violations[0].invariant, Invariant::Linearizability);
    let own = play(&script.replace("world\n", "world rules-off=T6\n"), &[]).expect("a script");
    assert_eq!(own.violations, broken.violations);
}

#[test]
fn mistakes_say_which_line_and_what_there_is() {
    let rows = [
        ("elect n1", "line 1, `elect n1`: there is no world yet: the first command is `world`"),
        ("world\nworld", "line 2, `world`: there is a world already: a script has one"),
        (
            "world\n\n  shout n1",
            "line 3, `shout n1`: there is no command \"shout\"; there are world",
        ),
        ("world\nelect n4", "line 2, `elect n4`: there is no node n4: the world has n1 to n3"),
        ("world\nelect 1", "\"1\" is not a node, such as n1"),
        ("world\nelect", "it ends where a node should be"),
        ("world\nelect n1 soon", "there is nothing that \"soon\" could say here"),
        ("world\nrun 25", "\"25\" is no end of a run, such as 25ms; there are to, until"),
        ("world\nhold Heartbeat *", "there is no message type \"Heartbeat\""),
        ("world\nhold MsgAppend n1", "\"n1\" is not an edge, such as n1->n2 or n2,n3->n1"),
        ("world rules-off=L99", "there is no rule \"L99\""),
        ("world colour=red", "\"colour\" is no setting of a world; there are seed, voters"),
        ("world voters=0", "voters is 0, but it must be from 1 to 9"),
        ("world lease=95ms", "unsafe lease"),
        ("world\nresult late", "no request is called \"late\"; there are none"),
        ("world\nlate: heal", "heal has no answer, so it has no name"),
        ("world\na: read n1 k\na: read n1 k", "line 3, `a: read n1 k`: \"a\" is the name of"),
        ("world\nclock n1 rate fast", "\"fast\" is not a rate, such as -20%"),
        ("world\npause mind n1", "\"mind\" is no part of a node; there are raft, apply, reader"),
        ("world\nisolate n1\nelect n1", "n1 does not come to lead: region 1: not the leader"),
    ];
    for (script, words) in rows {
        let error = play(script, &[]).expect_err(script);
        assert!(error.to_string().contains(words), "{script}: {error}");
    }
    let error = play("world lease=95ms", &[]).expect_err("unsafe");
    assert!(matches!(*error.why, Mistake::World(SimError::Config(_))), "{error:?}");
    assert!(play("world lease=95ms unchecked", &[]).is_ok());
}
