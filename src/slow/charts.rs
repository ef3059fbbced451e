//! One chart for each group of slow reads, its slow arrows in warm colours.
//!
//! An input that did not fit into the window is read once more, for the traces of the slowest reads
//! of each group.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use raftlens_tracer::explain::{Explained, Group};
use raftlens_tracer::model::{TraceId, TraceSet};
use raftlens_viz::{DrawOptions, FlowGraph, Heat, Options, draw as picture};

use crate::cmd::Usage;
use crate::input::Inputs;
use crate::output;

/// Of each group of a long input, so many reads are drawn.
const MOST_DRAWN: usize = 200;
/// And so many spans of all groups are kept for it.
const MOST_SPANS: usize = 200_000;

/// Draws all groups into `folder`.
pub(crate) fn draw(folder: &Path, explained: &Explained, inputs: &[&str]) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let groups = explained.reads.groups();
    let again;
    let (traces, most) = match &explained.whole {
        Some(traces) => (traces, usize::MAX),
        None => {
            again = read_again(&groups, inputs)?;
            (&again, MOST_DRAWN)
        }
    };
    for (name, group) in groups {
        let ids: HashSet<TraceId> = group.slowest_traces(most).into_iter().collect();
        let spans = traces.spans.iter().filter(|span| ids.contains(&span.trace_id));
        let part =
            TraceSet { resources: traces.resources.clone(), spans: spans.cloned().collect() };
        let title = match group.count.min(ids.len()) {
            drawn if explained.whole.is_none() && drawn < group.count => {
                format!("{name}: the slowest {drawn} of {} reads", group.count)
            }
            _ => format!("{name}: {} reads", group.count),
        };
        let options = Options { title, ..Options::default() };
        let graph = FlowGraph::from_trace(&part, &options).context(name.to_owned())?;
        let svg = picture(&graph, &DrawOptions { heat: Heat::P99, ..DrawOptions::default() })?;
        let path = folder.join(format!("{}.svg", name.replace(' ', "_")));
        output::write_file(&path, svg)?;
        eprintln!("raftlens: wrote {}", path.display());
    }
    Ok(())
}

/// The spans of the reads that are drawn.
fn read_again(groups: &[(&str, &Group)], inputs: &[&str]) -> Result<TraceSet> {
    if inputs.contains(&"-") {
        let words = "-o: an input of this length must be a file, since it is read twice";
        return Err(Usage(words.to_owned()).into());
    }
    let ids: HashSet<TraceId> =
        groups.iter().flat_map(|(_, group)| group.slowest_traces(MOST_DRAWN)).collect();
    let mut kept = TraceSet::default();
    let mut open = Inputs::open(inputs, usize::MAX)?;
    while let Some(batch) = open.next_batch()? {
        let first = kept.resources.len() as u32;
        let before = kept.spans.len();
        let wanted = batch.spans.into_iter().filter(|span| ids.contains(&span.trace_id));
        kept.spans.extend(wanted.map(|mut span| {
            span.resource = span.resource.saturating_add(first);
            span
        }));
        if kept.spans.len() > before {
            kept.resources.extend(batch.resources);
        }
        if kept.spans.len() > MOST_SPANS {
            eprintln!("raftlens: -o: only the first {MOST_SPANS} spans are drawn");
            break;
        }
    }
    Ok(kept)
}
