//! Where traces come from: a file, standard input, or a running Jaeger.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use raftlens_tracer::format::{self, FormatError, ReadOptions, ReadReport, SpanStream, Warning};
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

/// Reads the traces of several inputs, as [`read`] does.
pub(crate) fn read_all(inputs: &[String]) -> Result<TraceSet> {
    let mut all = TraceSet::default();
    for input in inputs {
        let TraceSet { resources, mut spans } = read(input)?;
        let offset = u32::try_from(all.resources.len()).context("too many resources")?;
        for span in &mut spans {
            span.resource = span.resource.saturating_add(offset);
        }
        all.resources.extend(resources);
        all.spans.append(&mut spans);
    }
    Ok(all)
}

/// Reads as much of the traces as is whole; what is wrong with the rest is in the report.
pub(crate) fn read_partial(input: &str) -> Result<ReadReport> {
    if input.starts_with(live::SCHEME) {
        return read_live(input);
    }
    Ok(format::read_partial(reader(input)?))
}

fn reader(input: &str) -> Result<Box<dyn BufRead>> {
    if input == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(input).with_context(|| format!("cannot open {input}"))?;
    Ok(Box::new(BufReader::new(file)))
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

/// Several inputs, read batch by batch: always from the one that has come least far in time, so that
/// spans of one trace in several inputs come near each other.
pub(crate) struct Inputs {
    open: Vec<Open>,
}

struct Open {
    name: String,
    source: Source,
    /// The last start of a span, in nanoseconds since the Unix epoch.
    reached_ns: u64,
    has_ended: bool,
}

enum Source {
    Stream(Box<SpanStream<Box<dyn BufRead>>>),
    /// What a running Jaeger had.
    Fetched(Option<TraceSet>, Vec<Warning>),
}

impl Source {
    fn open(input: &str, most_item_bytes: usize) -> Result<Source> {
        if input.starts_with(live::SCHEME) {
            let report = read_live(input)?;
            if let Some(error) = report.error {
                return Err(anyhow::Error::new(error).context(source_name(input)));
            }
            let of_spans = format::oddities(&report.traces);
            let mut warnings = report.warnings;
            warnings.retain(|warning| !of_spans.contains(warning));
            return Ok(Source::Fetched(Some(report.traces), warnings));
        }
        let mut options = ReadOptions::default();
        options.most_item_bytes = options.most_item_bytes.max(most_item_bytes);
        let stream = format::stream_with(reader(input)?, options);
        Ok(Source::Stream(Box::new(stream.with_context(|| source_name(input))?)))
    }

    fn next_batch(&mut self) -> Option<Result<TraceSet, FormatError>> {
        match self {
            Source::Stream(stream) => stream.next(),
            Source::Fetched(traces, _) => traces.take().map(Ok),
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        match self {
            Source::Stream(stream) => stream.warnings(),
            Source::Fetched(_, warnings) => warnings.clone(),
        }
    }
}

impl Inputs {
    /// Looks at the beginning of each input. What must be in memory as a whole, such as a trace of
    /// Jaeger JSON or a document of Zipkin's, may have `most_item_bytes` bytes, and 64 MB anyway.
    pub(crate) fn open(inputs: &[&str], most_item_bytes: usize) -> Result<Inputs> {
        let open = |input: &&str| {
            let name = source_name(input);
            let source = Source::open(input, most_item_bytes)?;
            Ok(Open { name, source, reached_ns: 0, has_ended: false })
        };
        Ok(Inputs { open: inputs.iter().map(open).collect::<Result<_>>()? })
    }

    /// The next spans; an input that is cut off or damaged is refused.
    pub(crate) fn next_batch(&mut self) -> Result<Option<TraceSet>> {
        loop {
            let open = self.open.iter_mut().filter(|it| !it.has_ended);
            let Some(next) = open.min_by_key(|it| it.reached_ns) else { return Ok(None) };
            match next.source.next_batch() {
                Some(Ok(batch)) => {
                    let starts = batch.spans.iter().map(|span| span.start_ns);
                    next.reached_ns = starts.max().unwrap_or(0).max(next.reached_ns);
                    return Ok(Some(batch));
                }
                Some(Err(error)) => {
                    let name = match error {
                        FormatError::TooLarge { .. } => {
                            format!("{} (try --window-bytes with twice as much)", next.name)
                        }
                        _ => next.name.clone(),
                    };
                    return Err(anyhow::Error::new(error).context(name));
                }
                None => next.has_ended = true,
            }
        }
    }

    /// Says on standard error what is odd about the inputs, and about all their spans if they are
    /// there.
    pub(crate) fn warn(&self, spans: Option<&TraceSet>) {
        if let Some(spans) = spans {
            let names: Vec<&str> = self.open.iter().map(|it| &*it.name).collect();
            for warning in format::oddities(spans) {
                eprintln!("raftlens: {}: {warning}", names.join(", "));
            }
        }
        for open in &self.open {
            for warning in open.source.warnings() {
                eprintln!("raftlens: {}: {warning}", open.name);
            }
        }
    }
}
