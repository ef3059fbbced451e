//! Rust source on the command line: read, and what could not be read of it said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use raftlens_viz::from_source::{ScipIndex, SourceError, SourceGraph};

use crate::cmd::Usage;

/// How many things of one kind are named one by one.
const NAMED: usize = 10;

/// Reads the source in `paths`, corrects it by the index at `precise` if there is one, and says on
/// standard error what of it could not be told.
pub(crate) fn read(paths: &[PathBuf], precise: Option<&Path>) -> Result<SourceGraph> {
    // First, since a wrong name is sooner found out than a source is read.
    let index = precise.map(read_index).transpose()?;
    let mut read = SourceGraph::read(paths).map_err(|error| match error {
        SourceError::NoSource { .. } => anyhow::Error::new(Usage(format!("--source: {error}"))),
        other => other.into(),
    })?;
    if let Some((name, index)) = &index {
        correct(&mut read, name, index);
    }
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

/// The index, and what to call it in a message.
fn read_index(path: &Path) -> Result<(String, ScipIndex)> {
    let name = format!("--precise {}", path.display());
    let index = ScipIndex::read(path).with_context(|| name.clone())?;
    Ok((name, index))
}

fn correct(read: &mut SourceGraph, name: &str, index: &ScipIndex) {
    let precise = read.correct(index);
    if precise.functions == 0 {
        eprintln!("raftlens: {name}: the index has no file of this source, so it corrects nothing");
        return;
    }
    let (known, functions) = (precise.known, precise.functions);
    eprintln!("raftlens: {name}: knows {known} of {functions} functions in its files");
    if known * 10 < functions * 9 {
        eprintln!(
            "raftlens: {name}: the others stand elsewhere by now, or are for another build: run \
             `rust-analyzer scip .` again"
        );
    }
    eprintln!(
        "raftlens: {name}: {} calls by name confirmed, {} that were not told are told ({} of them leave \
         the source), {} added, {} taken back",
        precise.confirmed,
        precise.resolved + precise.resolved_outside,
        precise.resolved_outside,
        precise.added,
        precise.taken_back
    );
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
