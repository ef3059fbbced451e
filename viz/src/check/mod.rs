//! Whether a chart still says what the code does, and what a run did: the list of what differs.
//!
//! A box is looked for by its name in the code: `code`, else `id`, else the name of its node. It may be
//! a function, a type, a variant, a field or a constant; one of class `external` is outside of the
//! source. An arrow of a function is kept by a call: a direct one, or one through at most
//! [`CheckOptions::through`] functions that the chart does not show. To a type, variant or field it is
//! kept by a mention, there or in whoever asks the function, to an external box by a call of that name.
//! Arrows of other boxes than functions and arrows of data cannot be told from code, and are counted.
//!
//! The other way round, a direct call between two functions that a chart shows should be an arrow of
//! it, or a way through branches and values, and so should every call between two of its boxes that a
//! run made. Calls that are known by their names alone, or that a log or span makes, are not asked for.

mod code;
mod mend;

use std::collections::HashSet;
use std::fmt;

pub use mend::{Mended, mend};

use crate::chart::{Chart, ChartBox};
use crate::flow_graph::{ArrowKind, BoxKind, FlowGraph};
use crate::from_source::SourceGraph;
use code::{Code, Thing};

/// How to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// Most functions without a box that may stand in the way of an arrow.
    pub through: usize,
    /// Whether direct calls in the code must be drawn.
    pub complete: bool,
}

impl Default for CheckOptions {
    fn default() -> Self {
        CheckOptions { through: 2, complete: true }
    }
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A box whose name is not in the code.
    NoCode {
        /// Index of the box.
        of: usize,
        /// What it is called in the chart.
        name: String,
        /// What it is probably called now, and its file.
        now: Option<(String, String)>,
    },
    /// A box whose code is in another file than its URL says.
    Moved {
        /// Index of the box.
        of: usize,
        /// What it is called in the chart.
        name: String,
        /// Where it should be.
        from: String,
        /// Where it is.
        to: String,
    },
    /// An arrow without a call.
    NoCall {
        /// Index of the arrow.
        of: usize,
        /// Its tail.
        from: String,
        /// Its head.
        to: String,
    },
    /// A call in the code that is no arrow.
    NotDrawn {
        /// Indices of the boxes.
        of: (usize, usize),
        /// Its tail.
        from: String,
        /// Its head.
        to: String,
        /// Where the call is.
        place: String,
    },
    /// An arrow that a run took and that is not in the chart.
    Taken {
        /// Indices of the boxes.
        of: (usize, usize),
        /// Its tail.
        from: String,
        /// Its head.
        to: String,
        /// How often.
        count: u64,
    },
}

impl Fault {
    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::NoCode { .. } => "no-code",
            Fault::Moved { .. } => "moved",
            Fault::NoCall { .. } => "no-call",
            Fault::NotDrawn { .. } => "not-drawn",
            Fault::Taken { .. } => "taken",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoCode { name, now: Some((now, file)), .. } => {
                write!(f, "the box {name} is not in the code: perhaps it is {now} in {file} now")
            }
            Fault::NoCode { name, now: None, .. } => {
                write!(f, "the box {name} is not in the code: correct it, or remove it")
            }
            Fault::Moved { name, from, to, .. } => {
                write!(f, "the box {name} says {from}: it is in {to}")
            }
            Fault::NoCall { from, to, .. } => {
                write!(f, "the arrow {from} -> {to} has no call in the code")
            }
            Fault::NotDrawn { from, to, place, .. } => {
                write!(f, "the call {from} -> {to} ({place}) is no arrow of the chart")
            }
            Fault::Taken { from, to, count, .. } => {
                write!(
                    f,
                    "a run took {from} -> {to} ({count} times), which is no arrow of the chart"
                )
            }
        }
    }
}

/// The outcome for one chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What differs: boxes, then arrows, in the order of the chart.
    pub faults: Vec<Fault>,
    /// Boxes that were found.
    pub boxes: usize,
    /// Arrows that were found.
    pub arrows: usize,
    /// Arrows that no code can tell: of data, and of boxes that are no functions.
    pub not_checked: usize,
}

/// Holds `chart` against the code and, if there is one, against what a run did.
pub fn check(
    chart: &Chart,
    source: &SourceGraph,
    run: Option<&FlowGraph>,
    options: CheckOptions,
) -> Checked {
    let code = Code::new(source);
    let mut checked = Checked::default();
    let found: Vec<Vec<Thing>> = chart.boxes.iter().map(|of| code.find(name(of))).collect();
    for (index, of) in chart.boxes.iter().enumerate() {
        match box_fault(&code, (index, of), &found[index], chart) {
            Some(fault) => checked.faults.push(fault),
            None => checked.boxes += 1,
        }
    }
    let shown: HashSet<usize> = found.iter().flat_map(|things| functions(things)).collect();
    for (index, arrow) in chart.arrows.iter().enumerate() {
        match is_kept(chart, &code, (index, options.through), (&found, &shown)) {
            None => checked.not_checked += 1,
            Some(true) => checked.arrows += 1,
            Some(false) => checked.faults.push(Fault::NoCall {
                of: index,
                from: chart.boxes[arrow.from].id.clone(),
                to: chart.boxes[arrow.to].id.clone(),
            }),
        }
    }
    if options.complete {
        checked.faults.extend(not_drawn(chart, &code, &found));
    }
    checked.faults.extend(run.map(|run| taken(chart, run)).unwrap_or_default());
    checked
}

/// The name of a box in the code.
fn name(of: &ChartBox) -> &str {
    of.code.as_deref().unwrap_or(&of.id)
}

fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn functions(things: &[Thing]) -> Vec<usize> {
    let functions = things.iter().filter_map(|thing| match thing {
        Thing::Function(index) => Some(*index),
        Thing::Name(_) => None,
    });
    functions.collect()
}

fn box_fault(
    code: &Code<'_>,
    (index, of): (usize, &ChartBox),
    found: &[Thing],
    chart: &Chart,
) -> Option<Fault> {
    if of.is_external() {
        return None;
    }
    let url = of.url.as_deref().map(|url| url.split('#').next().unwrap_or(url));
    let file = url.filter(|url| !url.is_empty() && !url.contains("://"));
    if found.is_empty() {
        let others = chart.boxes.iter().map(name).collect();
        let now = code.renamed(name(of), file, &others);
        return Some(Fault::NoCode { of: index, name: of.id.clone(), now });
    }
    let file = file?;
    let is_there = found.iter().any(|thing| code::is_same_file(code.file(*thing), file));
    (!is_there).then(|| Fault::Moved {
        of: index,
        name: of.id.clone(),
        from: file.to_owned(),
        to: code.file(found[0]).to_owned(),
    })
}

/// Whether the code has what an arrow says; `None` where code cannot tell.
fn is_kept(
    chart: &Chart,
    code: &Code<'_>,
    (index, through): (usize, usize),
    (found, shown): (&[Vec<Thing>], &HashSet<usize>),
) -> Option<bool> {
    let arrow = &chart.arrows[index];
    let (from, to) = (&chart.boxes[arrow.from], &chart.boxes[arrow.to]);
    let mut tails = functions(&found[arrow.from]);
    let is_call = arrow.kind == ArrowKind::Call && from.kind == BoxKind::Function;
    if !is_call || tails.is_empty() {
        return None;
    }
    if to.is_external() {
        // A type from outside is taken, not called.
        let reach = code.reach(&tails, through, shown);
        return (to.kind == BoxKind::Function).then(|| code.calls_outside(&reach, last(name(to))));
    }
    if found[arrow.to].is_empty() {
        return None;
    }
    if !functions(&found[arrow.to]).is_empty() {
        let reach = code.reach(&tails, through, shown);
        return Some(found[arrow.to].iter().any(|thing| reach.has(*thing)));
    }
    // What a decision leads to may be named by the one who asked for it, or further on.
    let before = chart.arrows.iter().filter(|other| other.to == arrow.from);
    tails.extend(before.flat_map(|other| functions(&found[other.from])));
    let reach = code.reach(&tails, through, &HashSet::new());
    let mut heads = found[arrow.to].clone();
    if matches!(to.kind, BoxKind::Struct { .. }) {
        let fields = code.fields(name(to), arrow.to_port.as_deref());
        match arrow.to_port {
            Some(_) => heads = fields,
            None => heads.extend(fields),
        }
    }
    Some(heads.iter().any(|thing| reach.has(*thing)))
}

/// Whether an arrow leads from one box to another, or several do through branches and values.
struct Drawn<'c> {
    chart: &'c Chart,
}

impl Drawn<'_> {
    fn has(&self, from: usize, to: usize) -> bool {
        let mut open = vec![from];
        let mut seen = HashSet::new();
        while let Some(at) = open.pop() {
            for arrow in self.chart.arrows.iter().filter(|arrow| arrow.from == at) {
                let is_step = self.chart.boxes[arrow.to].kind != BoxKind::Function;
                if arrow.to == to {
                    return true;
                }
                if is_step && seen.insert(arrow.to) {
                    open.push(arrow.to);
                }
            }
        }
        false
    }
}

/// Direct calls between two shown functions that no arrow stands for.
fn not_drawn(chart: &Chart, code: &Code<'_>, found: &[Vec<Thing>]) -> Vec<Fault> {
    let drawn = Drawn { chart };
    let mut faults = Vec::new();
    for (from, tails) in found.iter().enumerate() {
        for (to, heads) in found.iter().enumerate() {
            if from != to
                && let Some(place) = code.direct(&functions(tails), &functions(heads))
                && !drawn.has(from, to)
            {
                faults.push(Fault::NotDrawn {
                    of: (from, to),
                    from: chart.boxes[from].id.clone(),
                    to: chart.boxes[to].id.clone(),
                    place,
                });
            }
        }
    }
    faults
}

/// What a run took between two boxes of the chart without an arrow in it.
fn taken(chart: &Chart, run: &FlowGraph) -> Vec<Fault> {
    let place = |identity: &str| chart.boxes.iter().position(|of| of.id == identity);
    let drawn = Drawn { chart };
    let mut seen = HashSet::new();
    let mut faults = Vec::new();
    // Who waited for whom is no call: hand-overs are not asked for.
    for (_, tail, head, arrow) in run.arrows().filter(|it| it.3.kind == ArrowKind::Call) {
        let (tail, head) = (run.flow_box(tail), run.flow_box(head));
        let (Some(from), Some(to)) = (place(&tail.identity), place(&head.identity)) else {
            continue;
        };
        if from != to && !drawn.has(from, to) && seen.insert((from, to)) {
            faults.push(Fault::Taken {
                of: (from, to),
                from: tail.identity.clone(),
                to: head.identity.clone(),
                count: arrow.count,
            });
        }
    }
    faults
}
