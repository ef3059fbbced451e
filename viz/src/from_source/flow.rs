//! From the calls of a source to a [`FlowGraph`]: one box a function, one arrow for all calls of one
//! kind between two.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Call, CallKind, FlowOptions, Function, SourceError, SourceGraph};
use crate::flow_graph::{Arrow, ArrowKind, BoxId, FlowBox, FlowGraph};
use crate::from_trace::near_names;

/// Draws `source`, or what one function of it calls.
///
/// Calls for logs and spans are not drawn: nothing goes on in them. A call through a trait and one that is known by its name alone say so at their arrow; a function
/// that is handed over as a value is an [`ArrowKind::Data`]. What `options` leaves out is counted in
/// [`FlowGraph::left_out`].
///
/// # Errors
/// When no function is called as the root that was asked for.
pub fn flow_graph(source: &SourceGraph, options: &FlowOptions) -> Result<FlowGraph, SourceError> {
    let calls = Calls::new(source);
    let (chosen, reached) = match &options.root {
        Some(root) => {
            let reached = calls.reached(&roots(source, root)?, options.depth);
            let all = calls.reached(&roots(source, root)?, usize::MAX).len();
            (reached, all)
        }
        None => {
            let most_called = calls.by_neighbours();
            let all = most_called.len();
            (most_called, all)
        }
    };
    let chosen: Vec<usize> = chosen.into_iter().take(options.most).collect();
    let mut graph = FlowGraph::new(options.title.clone());
    graph.left_out.functions = (reached - chosen.len()) as u64;
    // In a whole source the order of the files is the one that a reader knows.
    let mut in_order = chosen.clone();
    if options.root.is_none() {
        in_order.sort_unstable();
    }
    let mut places: HashMap<usize, BoxId> = HashMap::new();
    for index in in_order {
        places.insert(index, graph.add_box(flow_box(&source.functions[index])));
    }
    let mut drawn = HashSet::new();
    for call in source.calls.iter().filter(|call| is_drawn(call)) {
        let (Some(from), Some(to)) = (places.get(&call.from), places.get(&call.to)) else {
            continue;
        };
        // A function that calls itself, and one of two ways between two boxes, need no second arrow.
        if from != to && drawn.insert((*from, *to, kind(call))) {
            graph.add_arrow(*from, *to, arrow(call));
        }
    }
    Ok(graph)
}

/// The functions that `root` names: by its whole name, else by the part behind the type.
pub(crate) fn roots(source: &SourceGraph, root: &str) -> Result<Vec<usize>, SourceError> {
    let with = |is: &dyn Fn(&Function) -> bool| -> Vec<usize> {
        let found = source.functions.iter().enumerate().filter(|(_, function)| is(function));
        found.map(|(index, _)| index).collect()
    };
    let whole = with(&|function| function.name == root);
    let tail = |function: &Function| function.name.rsplit("::").next() == Some(root);
    let found = if whole.is_empty() { with(&tail) } else { whole };
    if found.is_empty() {
        let known = source.functions.iter().map(|function| function.name.as_str());
        return Err(SourceError::RootNotFound {
            root: root.to_owned(),
            near: near_names(root, known),
        });
    }
    Ok(found)
}

/// Who calls whom, for walking.
pub(crate) struct Calls {
    next: Vec<Vec<usize>>,
    before: Vec<usize>,
}

impl Calls {
    pub(crate) fn new(source: &SourceGraph) -> Calls {
        let mut next = vec![Vec::new(); source.functions.len()];
        let mut before = vec![0; source.functions.len()];
        let mut known = HashSet::new();
        for call in source.calls.iter().filter(|call| is_drawn(call)) {
            if known.insert((call.from, call.to)) {
                next[call.from].push(call.to);
                before[call.to] += 1;
            }
        }
        Calls { next, before }
    }

    /// What is at most `depth` calls away, nearest first; the roots are among it.
    pub(crate) fn reached(&self, roots: &[usize], depth: usize) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen: HashSet<usize> = roots.iter().copied().collect();
        let mut open: VecDeque<(usize, usize)> = roots.iter().map(|root| (*root, 0)).collect();
        while let Some((index, away)) = open.pop_front() {
            order.push(index);
            if away < depth {
                for next in &self.next[index] {
                    if seen.insert(*next) {
                        open.push_back((*next, away + 1));
                    }
                }
            }
        }
        order
    }

    /// All that call or are called, those with most neighbours first.
    fn by_neighbours(&self) -> Vec<usize> {
        let neighbours = |index: usize| self.next[index].len() + self.before[index];
        let mut all: Vec<usize> =
            (0..self.next.len()).filter(|index| neighbours(*index) > 0).collect();
        all.sort_by_key(|index| std::cmp::Reverse(neighbours(*index)));
        all
    }
}

fn flow_box(function: &Function) -> FlowBox {
    FlowBox {
        identity: function.name.clone(),
        title: function.name.rsplit("::").next().unwrap_or(&function.name).to_owned(),
        owner: function.owner.clone(),
        file: Some(function.file.to_string()),
        line: Some(function.line),
        ..FlowBox::default()
    }
}

fn is_drawn(call: &Call) -> bool {
    call.kind != CallKind::Macro
}

fn kind(call: &Call) -> ArrowKind {
    match call.kind {
        CallKind::Direct
        | CallKind::Method
        | CallKind::Trait
        | CallKind::Closure
        | CallKind::Macro => ArrowKind::Call,
        CallKind::Callback | CallKind::Value => ArrowKind::Data,
    }
}

fn arrow(call: &Call) -> Arrow {
    let words = match call {
        Call { is_by_name: true, .. } => vec!["by name".to_owned()],
        Call { kind: CallKind::Trait, .. } => vec!["trait".to_owned()],
        _ => Vec::new(),
    };
    Arrow { words, ..Arrow::new(kind(call)) }
}
