//! Rust source on the command line: read, and what could not be read of it said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use raftlens_viz::from_source::{SourceError, SourceGraph};

use crate::cmd::Usage;

/// How many things of one kind are named one by one.
const NAMED: usize = 10;

/// Reads the source in `paths`, and says on standard error what of it could not be told.
pub(crate) fn read(paths: &[PathBuf]) -> Result<SourceGraph> {
    let read = SourceGraph::read(paths).map_err(|error| match error {
        SourceError::NoSource { .. } => anyhow::Error::new(Usage(format!("--source: {error}"))),
        other => other.into(),
    })?;
    for left_out in read.left_out.iter().take(NAMED) {
        eprintln!("raftlens: not read: {left_out}");
    }
    if read.left_out.len() > NAMED {
        eprintln!("raftlens: not read: {} more places", read.left_out.len() - NAMED);
    }
    let by_name = read.calls.iter().filter(|call| call.is_by_name).count();
    let mut whys: BTreeMap<String, usize> = BTreeMap::new();
    for unresolved in &read.unresolved {
        let why = match &unresolved.why {
            raftlens_viz::from_source::WhyUnresolved::Receiver { .. } => {
                "the receiver's type is not known, and several functions have the name".to_owned()
            }
            why => why.to_string(),
        };
        *whys.entry(why).or_default() += 1;
    }
    let (functions, calls) = (read.functions.len(), read.calls.len());
    eprintln!(
        "raftlens: {} lines, {functions} functions, {calls} calls ({by_name} by their name alone)",
        read.lines
    );
    for (why, count) in whys {
        eprintln!("raftlens: {count} calls are not told: {why}");
    }
    Ok(read)
}

/// What to call a source in a title.
pub(crate) fn short_name(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| {
        let full = path.canonicalize().unwrap_or_else(|_| path.clone());
        let own = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let above = full.parent().and_then(|above| above.file_name());
        match (own.as_str(), above) {
            ("src", Some(above)) => above.to_string_lossy().into_owned(),
            _ => own,
        }
    });
    names.collect::<Vec<_>>().join(", ")
}
