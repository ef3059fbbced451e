//! Verdicts against what was planted: `raftlens slow DIR --score truth.json`.
//!
//! The truth is a JSON object `{"runs": [{"trace": "seed-1.otlp.jsonl", "causes": ["deadline"]}]}`:
//! for each run its trace file, in the folder or below it, and the words of the causes that were
//! planted, none for a clean run. A run is right if the causes found most often, as many as were
//! planted, are those; a clean one if no read was slow or failed. A planted cause may also be a word
//! that no verdict has; it then counts as missed.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use raftlens_tracer::explain::Cause;
use raftlens_tracer::model::TraceSet;
use serde_json::{Value, json};

use crate::input::read;
use crate::output::say;

/// The word of a clean run in the matrix.
const NOTHING: &str = "nothing";

/// One run of the truth.
struct Run<'a> {
    trace: &'a str,
    causes: Vec<&'a str>,
}

#[derive(Default)]
struct Score {
    runs: usize,
    right: usize,
    clean_runs: usize,
    clean_right: usize,
    /// What was planted, then what was found, and how often.
    matrix: BTreeMap<String, BTreeMap<String, usize>>,
}

/// Judges every run of `truth` with `causes_of`, which gives the causes found most often first.
pub(crate) fn run(
    folder: &Path,
    truth: &Path,
    json: bool,
    causes_of: impl Fn(&TraceSet) -> Vec<Cause>,
) -> Result<ExitCode> {
    let name = truth.display().to_string();
    let text = std::fs::read(truth).with_context(|| format!("cannot open {name}"))?;
    let content: Value = serde_json::from_slice(&text).with_context(|| name.clone())?;
    let runs = parse(&content).with_context(|| name)?;
    let mut score = Score::default();
    for run in &runs {
        let path = folder.join(run.trace);
        let found = causes_of(&read(&path.to_string_lossy())?);
        score.add(run, &found);
    }
    if json {
        say!("{:#}", score.as_json());
    } else {
        score.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(content: &Value) -> Result<Vec<Run<'_>>> {
    let Some(runs) = content.get("runs").and_then(Value::as_array) else {
        bail!("there is no list `runs`: write truth.json with `raftlens sim --plant`");
    };
    runs.iter()
        .enumerate()
        .map(|(at, run)| parse_run(run).with_context(|| format!("run {at}")))
        .collect()
}

fn parse_run(run: &Value) -> Result<Run<'_>> {
    let trace = run.get("trace").and_then(Value::as_str).context("no text `trace`")?;
    let stays = Path::new(trace).components().all(|part| matches!(part, Component::Normal(_)));
    if !stays || trace.is_empty() {
        bail!("`trace` is {trace}: name a file in the folder or below it");
    }
    let causes = run.get("causes").and_then(Value::as_array).context("no list `causes`")?;
    let word = |cause| Value::as_str(cause).context("a cause is no text");
    Ok(Run { trace, causes: causes.iter().map(word).collect::<Result<_>>()? })
}

impl Score {
    fn add(&mut self, run: &Run<'_>, found: &[Cause]) {
        let words = |causes: &mut Vec<&str>| {
            causes.sort_unstable();
            causes.dedup();
            if causes.is_empty() { NOTHING.to_owned() } else { causes.join("+") }
        };
        let mut planted = run.causes.clone();
        let planted_words = words(&mut planted);
        let many = planted.len().max(1);
        let mut named: Vec<&str> = found.iter().take(many).map(|cause| cause.as_str()).collect();
        let named_words = words(&mut named);
        let is_right = usize::from(planted_words == named_words);
        if planted.is_empty() {
            self.clean_runs += 1;
            self.clean_right += is_right;
        } else {
            self.runs += 1;
            self.right += is_right;
        }
        let row = self.matrix.entry(planted_words).or_default();
        *row.entry(named_words).or_default() += 1;
    }

    fn as_json(&self) -> Value {
        json!({
            "runs": self.runs, "right": self.right,
            "clean_runs": self.clean_runs, "clean_right": self.clean_right,
            "matrix": self.matrix,
        })
    }

    fn print(&self) {
        say!("{} of {} runs with a planted cause are right", self.right, self.runs);
        say!("{} of {} clean runs are right", self.clean_right, self.clean_runs);
        for (planted, row) in &self.matrix {
            let cells: Vec<_> =
                row.iter().map(|(found, count)| format!("{found} {count}")).collect();
            say!("  planted {planted}: {}", cells.join(", "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_right_if_the_most_frequent_causes_are_those_planted() {
        let mut score = Score::default();
        let run = |causes: &[&'static str]| Run { trace: "t", causes: causes.to_vec() };
        score.add(&run(&["engine"]), &[Cause::Engine, Cause::Unknown]);
        score.add(&run(&["engine"]), &[Cause::Unknown, Cause::Engine]);
        score.add(&run(&["head_of_line", "engine"]), &[Cause::Engine, Cause::HeadOfLine]);
        score.add(&run(&["no such cause"]), &[]);
        score.add(&run(&[]), &[]);
        score.add(&run(&[]), &[Cause::Engine]);
        let expected = json!({
            "runs": 4, "right": 2, "clean_runs": 2, "clean_right": 1,
            "matrix": {
                "engine": {"engine": 1, "unknown": 1},
                "engine+head_of_line": {"engine+head_of_line": 1},
                "no such cause": {"nothing": 1},
                "nothing": {"nothing": 1, "engine": 1},
            },
        });
        assert_eq!(score.as_json(), expected);
    }

    #[test]
    fn a_truth_that_does_not_fit_is_refused() {
        let wrong = [
            json!([]),
            json!({"runs": 3}),
            json!({"runs": [{"causes": []}]}),
            json!({"runs": [{"trace": "a"}]}),
            json!({"runs": [{"trace": "a", "causes": [1]}]}),
            json!({"runs": [{"trace": "../a", "causes": []}]}),
            json!({"runs": [{"trace": "/a", "causes": []}]}),
            json!({"runs": [{"trace": "", "causes": []}]}),
        ];
        for content in wrong {
            assert!(parse(&content).is_err(), "{content}");
        }
    }
}
