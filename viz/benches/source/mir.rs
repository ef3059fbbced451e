//! Reads the calls within one crate out of the text of its MIR.
//!
//! The text has no stable form: this reader is for the compiler of `rust-toolchain`, and fails loudly
//! when it finds hardly any function.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use raftlens_viz::from_source::{NameKind, SourceGraph};

use crate::Edge;
use crate::names::{Callee, callee, is_unwritten, last};

/// What the compiler says.
pub(crate) struct Truth {
    pub(crate) callers: BTreeSet<String>,
    pub(crate) calls: BTreeSet<Edge>,
}

/// The calls from hand-written functions to functions of the crate.
pub(crate) fn calls(text: &str, root: &Path, graph: &SourceGraph) -> Truth {
    let mut sources: HashMap<String, Vec<String>> = HashMap::new();
    let mut of_function: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let types: BTreeSet<String> = graph
        .names
        .iter()
        .filter(|name| name.kind == NameKind::Type)
        .map(|name| name.name.clone())
        .collect();
    let mut modules: BTreeSet<String> = BTreeSet::new();
    for function in &graph.functions {
        modules.extend(function.module.split("::").map(str::to_owned));
    }
    let mut caller: Option<String> = None;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("fn ") {
            caller = head_name(head, root, &mut sources, &types);
            if let Some(name) = &caller {
                of_function.entry(name.clone()).or_default();
            }
        } else if line.starts_with(|first: char| !first.is_whitespace() && first != '}') {
            caller = None;
        } else if let (Some(name), Some(called)) = (&caller, called(line)) {
            of_function.entry(name.clone()).or_default().insert(called.to_owned());
        }
    }
    assert!(of_function.len() > 500, "only {} functions: has MIR changed?", of_function.len());
    let known: BTreeSet<&str> =
        graph.functions.iter().map(|function| function.name.as_str()).collect();
    let is_known = |name: &str| known.contains(name) || of_function.contains_key(name);
    let mut calls = BTreeSet::new();
    for (from, texts) in &of_function {
        for text in texts {
            let to = match callee(text) {
                Some(Callee::Path(path)) => path_name(&path, &of_function, (&types, &modules)),
                Some(Callee::OfTrait(of, of_trait, method)) => {
                    if is_unwritten(&of_trait) {
                        continue;
                    }
                    let own = format!("{of}::{method}");
                    let declared = format!("{of_trait}::{method}");
                    let is_of_type = known.contains(own.as_str());
                    Some(if is_of_type { own } else { declared })
                }
                None => None,
            };
            if let Some(to) = to.filter(|to| is_known(to)) {
                calls.insert((from.clone(), to));
            }
        }
    }
    Truth { callers: of_function.into_keys().collect(), calls }
}

/// The name of a function from its head; `None` for what nobody wrote.
fn head_name(
    head: &str,
    root: &Path,
    sources: &mut HashMap<String, Vec<String>>,
    types: &BTreeSet<String>,
) -> Option<String> {
    let (head, signature) = head.split_at(head.find('(')?);
    // What a closure or an async block calls, its function calls.
    let head = head.split("::{").next()?;
    if let Some(at) = head.find("<impl at ") {
        let place = &head[at + 9..];
        let end = place.find('>')?;
        let method = place[end + 1..].strip_prefix("::")?;
        let mut parts = place[..end].split(':');
        let file = parts.next()?;
        let line: usize = parts.next()?.trim().parse().ok()?;
        let column: usize = parts.next()?.trim().parse().ok()?;
        let lines = sources.entry(file.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        let (of_trait, of) = implementation(&lines[line - 1..], column)?;
        // The type is a macro's argument: the receiver says which; without one nothing does.
        let of = match of.starts_with('$') {
            true => last(signature.strip_prefix("(_1: &")?.split([',', ')']).next()?),
            false => of,
        };
        if of_trait.is_some_and(|it| it == "Message") {
            return None;
        }
        // A function inside of a method has a name of its own.
        return Some(match method.rsplit_once("::") {
            Some((_, inner)) => inner.to_owned(),
            None => format!("{of}::{method}"),
        });
    }
    let path: Vec<&str> = head.split("::").collect();
    let name = path.last()?;
    Some(match path.len().checked_sub(2).map(|at| path[at]) {
        Some(above) if types.contains(above) => format!("{above}::{name}"),
        _ => (*name).to_owned(),
    })
}

/// Trait and type of the `impl` that begins in `lines` at `column`, from 1; a derive is none.
fn implementation(lines: &[String], column: usize) -> Option<(Option<String>, String)> {
    let mut text = lines.first()?.get(column - 1..)?.to_owned();
    for more in lines.iter().skip(1).take(12) {
        text.push(' ');
        text.push_str(more);
    }
    let text = text.strip_prefix("unsafe ").unwrap_or(&text);
    let mut rest = text.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0usize;
        let bytes = rest.as_bytes();
        let end = bytes.iter().enumerate().position(|(at, byte)| {
            match byte {
                b'<' => depth += 1,
                b'>' if bytes[at - 1] != b'-' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        rest = &rest[end + 1..];
    }
    let head = rest.split(['{']).next()?.split(" where").next()?.trim();
    match head.split_once(" for ") {
        Some((of_trait, of)) => Some((Some(last(of_trait)), last(of))),
        None => Some((None, last(head))),
    }
}

/// The callee of a line that calls one.
fn called(line: &str) -> Option<&str> {
    let (_, right) = line.split_once(" = ")?;
    if !right.contains(") -> ") || right.starts_with(['&', '(', '[', '{']) {
        return None;
    }
    let (mut depth, bytes) = (0usize, right.as_bytes());
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' => depth = depth.saturating_sub(1),
            b'(' if depth == 0 => {
                let text = &right[..at];
                return (!text.contains(' ') || text.contains('<')).then_some(text);
            }
            _ => {}
        }
    }
    None
}

/// A path as a name of this crate, if it can be one.
fn path_name(
    path: &[String],
    compiled: &BTreeMap<String, BTreeSet<String>>,
    (types, modules): (&BTreeSet<String>, &BTreeSet<String>),
) -> Option<String> {
    let (name, above) = path.split_last()?;
    match above.split_last() {
        None => Some(name.clone()),
        Some((of, before)) => {
            let is_here = before.first().is_none_or(|first| modules.contains(first));
            let whole = format!("{of}::{name}");
            // A type that a macro makes is known by its methods alone.
            if (types.contains(of) || compiled.contains_key(&whole)) && is_here {
                Some(whole)
            } else {
                (modules.contains(of) && is_here).then(|| name.clone())
            }
        }
    }
}
