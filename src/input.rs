//! Where traces come from: a file, standard input, or a running Jaeger.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use raftlens_tracer::format::{self, ReadReport};
use raftlens_tracer::live::{self, JaegerQuery, LiveError};
use raftlens_tracer::model::TraceSet;

use crate::cmd::Usage;

/// Reads traces, and says on standard error what of them is odd. A file that is cut off or damaged
/// is refused, with what of it was whole.
pub(crate) fn read(input: &str) -> Result<TraceSet> {
    let name = source_name(input);
    let mut report = read_partial(input)?;
    if let Some(error) = report.error.take() {
        return Err(anyhow::Error::new(error).context(name));
    }
    for warning in &report.warnings {
        eprintln!("raftlens: {name}: {warning}");
    }
    Ok(report.traces)
}

/// Reads as much of the traces as is whole; what is wrong with the rest is in the report.
pub(crate) fn read_partial(input: &str) -> Result<ReadReport> {
    if input.starts_with(live::SCHEME) {
        return read_live(input);
    }
    let reader: Box<dyn BufRead> = if input == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = File::open(input).with_context(|| format!("cannot open {input}"))?;
        Box::new(BufReader::new(file))
    };
    Ok(format::read_partial(reader))
}

fn read_live(input: &str) -> Result<ReadReport> {
    let query: JaegerQuery = input.parse().map_err(usage)?;
    let fetched = query.fetch().map_err(usage)?;
    if fetched.is_limit_reached {
        eprintln!("raftlens: Jaeger: as many traces as asked for; there may be more (limit=)");
    }
    Ok(fetched.report)
}

/// What is wrong with the call itself has its own exit code.
fn usage(error: LiveError) -> anyhow::Error {
    match error {
        LiveError::Address { .. }
        | LiveError::UnknownParameter { .. }
        | LiveError::BadParameter { .. }
        | LiveError::NoService { .. } => Usage(error.to_string()).into(),
        other => other.into(),
    }
}

/// What to call an input in a message.
pub(crate) fn source_name(input: &str) -> String {
    match input {
        "-" => "standard input".to_owned(),
        _ if input.starts_with(live::SCHEME) => "Jaeger".to_owned(),
        _ => input.to_owned(),
    }
}

/// What to call an input in a title.
pub(crate) fn short_name(input: &str) -> &str {
    if input.starts_with(live::SCHEME) {
        return "Jaeger";
    }
    let name = Path::new(input).file_name().and_then(|name| name.to_str());
    name.filter(|name| *name != "-").unwrap_or("trace")
}
