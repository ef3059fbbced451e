//! `raftlens convert`: a trace file of any format becomes one of another.

use std::collections::HashSet;
use std::io::{self, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use raftlens_tracer::format::{self, Format, Loss, Losses, ReadReport};
use serde_json::json;

use crate::cmd::Usage;
use crate::input;
use crate::output::say;

/// What `raftlens convert` takes.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The trace file, in any format that is read; `-` for standard input; or a running Jaeger:
    /// jaeger:http://HOST:16686?service=NAME. What a file contains decides the format.
    #[arg(required_unless_present = "from", default_value = "", hide_default_value = true)]
    input: String,
    /// The same, by name.
    #[arg(long, value_name = "INPUT", conflicts_with = "input")]
    from: Option<String>,
    /// Where to write; `-` for standard output. The ending decides the format: .otlp.jsonl,
    /// .otlp.json, .otlp.pb, .jaeger.json or .chrome.json.
    #[arg(short, long, default_value = "-")]
    output: String,
    /// The format, if the ending of the output does not say it: otlp-jsonl, otlp-json, otlp-proto,
    /// jaeger or chrome.
    #[arg(short, long)]
    format: Option<String>,
    /// Take what is whole of a damaged file.
    #[arg(long)]
    partial: bool,
    /// Print a summary as JSON on standard output.
    #[arg(long)]
    json: bool,
}

impl ConvertArgs {
    fn input(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.input)
    }
}

pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode> {
    let target = target(args)?;
    let source = &input::source_name(args.input());
    let mut report = input::read_partial(args.input())?;
    let damage = report.error.take();
    let spans = report.traces.spans.len();
    let damage = match damage {
        // Nothing whole is nothing to convert.
        Some(error) if !args.partial || spans == 0 => {
            return Err(anyhow::Error::new(error).context(source.clone()));
        }
        damage => damage.map(|error| error.to_string()),
    };
    let losses = format::losses(&report.traces, target);
    write(&report, &args.output, target)?;
    if let Some(damage) = &damage {
        eprintln!("raftlens: {source}: {damage}");
        let spans = if spans == 1 { "1 span".to_owned() } else { format!("{spans} spans") };
        eprintln!("raftlens: {source}: {spans} taken, the rest is missing");
    }
    for warning in &report.warnings {
        eprintln!("raftlens: {source}: {warning}");
    }
    if !losses.is_none() {
        eprintln!("raftlens: {}: {losses}", args.output);
    }
    if args.json {
        say!("{}", summary(args, target, &report, damage.as_deref(), &losses));
    }
    Ok(ExitCode::SUCCESS)
}

fn target(args: &ConvertArgs) -> Result<Format> {
    let target = match &args.format {
        Some(name) => name.parse().map_err(|error| Usage(format!("-f {name}: {error}")))?,
        None if args.output == "-" => Format::OtlpJsonLines,
        None => Format::of_path(Path::new(&args.output)).ok_or_else(|| {
            Usage(format!(
                "-o {}: the ending says no format: use .otlp.jsonl, .otlp.json, .otlp.pb, \
                 .jaeger.json or .chrome.json, or say -f",
                args.output
            ))
        })?,
    };
    if !target.is_written() {
        let message = format!("{target} is read, not written; take jaeger or one of OTLP's forms");
        return Err(Usage(message).into());
    }
    if args.json && args.output == "-" {
        let message = "--json prints to standard output, and so does -o -; give -o a file";
        return Err(Usage(message.to_owned()).into());
    }
    Ok(target)
}

fn write(report: &ReadReport, output: &str, target: Format) -> Result<()> {
    if output == "-" {
        let out = BufWriter::new(io::stdout().lock());
        return format::write(&report.traces, out, target).context("standard output");
    }
    Ok(format::write_file(&report.traces, Path::new(output), target)?)
}

/// What was done, for programs.
fn summary(
    args: &ConvertArgs,
    target: Format,
    report: &ReadReport,
    damage: Option<&str>,
    losses: &Losses,
) -> serde_json::Value {
    let traces: HashSet<_> = report.traces.spans.iter().map(|span| span.trace_id).collect();
    let list = |losses: &[Loss]| -> Vec<_> {
        losses
            .iter()
            .map(|loss| json!({ "what": loss.detail.name(), "count": loss.count }))
            .collect()
    };
    let warnings: Vec<_> = report
        .warnings
        .iter()
        .map(|warning| json!({ "text": warning.to_string(), "count": warning.count() }))
        .collect();
    json!({
        "input": args.input(),
        "from": report.format.map(Format::name),
        "output": args.output,
        "to": target.name(),
        "traces": traces.len(),
        "spans": report.traces.spans.len(),
        "damage": damage,
        "warnings": warnings,
        "lost": list(&losses.lost),
        "own_tags": list(&losses.own_tags),
    })
}
