//! Which function of a source is which symbol of an index: the one that is defined at its line under
//! its name.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::index::{Document, Occurrence, ScipIndex};
use crate::from_source::SourceGraph;

/// What both a source and an index have.
pub(super) struct Places<'a> {
    /// Documents of the index that are files of the source, by the name that the source gives them.
    pub(super) documents: Vec<(&'a Document, String)>,
    /// Functions in these files, and those that the index defines.
    pub(super) functions: usize,
    pub(super) known: usize,
    by_symbol: HashMap<usize, usize>,
    by_function: HashSet<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(graph: &SourceGraph, index: &'a ScipIndex) -> Places<'a> {
        let mut places = Places {
            documents: documents(graph, index),
            functions: 0,
            known: 0,
            by_symbol: HashMap::new(),
            by_function: HashSet::new(),
        };
        let mut in_file: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, function) in graph.functions.iter().enumerate() {
            in_file.entry(&function.file).or_default().push(number);
        }
        for (document, file) in std::mem::take(&mut places.documents) {
            let mut at_line: HashMap<u32, Vec<&Occurrence>> = HashMap::new();
            for occurrence in document.occurrences.iter().filter(|it| it.is_definition) {
                at_line.entry(occurrence.start.0 + 1).or_default().push(occurrence);
            }
            for number in in_file.get(file.as_str()).into_iter().flatten() {
                places.functions += 1;
                let function = &graph.functions[*number];
                let name = own_name(&function.name);
                let defined = at_line.get_mut(&function.line).and_then(|all| {
                    // Two of one name in one line are told apart by their order alone.
                    let at = all.iter().position(|it| index.names[it.symbol] == name)?;
                    Some(all.remove(at))
                });
                if let Some(defined) = defined {
                    places.known += 1;
                    places.by_symbol.insert(defined.symbol, *number);
                    places.by_function.insert(*number);
                }
            }
            places.documents.push((document, file));
        }
        places
    }

    /// The function that a symbol is.
    pub(super) fn function_of(&self, symbol: usize) -> Option<usize> {
        self.by_symbol.get(&symbol).copied()
    }

    /// Whether the index has a symbol for a function.
    pub(super) fn is_known(&self, function: usize) -> bool {
        self.by_function.contains(&function)
    }

    /// The functions that implement a method which a trait declares.
    pub(super) fn implementations(&self, graph: &SourceGraph, declared: usize) -> Vec<usize> {
        let of = &graph.functions[declared];
        let is_one = |number: &usize| {
            let function = &graph.functions[*number];
            *number != declared
                && function.has_body
                && function.of_trait == of.of_trait
                && own_name(&function.name) == own_name(&of.name)
        };
        (0..graph.functions.len()).filter(is_one).collect()
    }
}

/// `total` of `Cart::total`.
pub(super) fn own_name(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// The documents of an index that are files of the source.
fn documents<'a>(graph: &SourceGraph, index: &'a ScipIndex) -> Vec<(&'a Document, String)> {
    let names: HashSet<&str> = graph.functions.iter().map(|it| &*it.file).collect();
    let real = |name: &str| std::fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name));
    let files: HashMap<PathBuf, &str> = names.into_iter().map(|name| (real(name), name)).collect();
    let found = |document: &Document| {
        let paths = index.roots.iter().map(|root| root.join(&document.path));
        paths
            .into_iter()
            .find_map(|path| files.get(&path.canonicalize().ok()?).map(|name| (*name).to_owned()))
    };
    index.documents.iter().filter_map(|it| Some((it, found(it)?))).collect()
}
