//! The code that boxes of a chart stand for, by name, and how far its calls reach.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::from_source::{CallKind, NameKind, SourceGraph};

/// Likeness from which on a name is taken for a new one of the same function.
const ALIKE: f64 = 0.75;

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    /// Index in the source's functions.
    Function(usize),
    /// Index in the source's other names.
    Name(usize),
}

/// A source, to be asked by name.
pub(super) struct Code<'s> {
    source: &'s SourceGraph,
    by_name: HashMap<&'s str, Vec<Thing>>,
    calls: Vec<Vec<(usize, usize)>>,
    mentions: Vec<Vec<usize>>,
    external: Vec<Vec<&'s str>>,
}

/// What some functions get to.
pub(super) struct Reach {
    /// Those whose bodies count: the functions themselves, and those without a box behind them.
    bodies: Vec<usize>,
    things: HashSet<Thing>,
}

impl Reach {
    pub(super) fn has(&self, thing: Thing) -> bool {
        self.things.contains(&thing)
    }
}

impl<'s> Code<'s> {
    pub(super) fn new(source: &'s SourceGraph) -> Code<'s> {
        let mut by_name: HashMap<&str, Vec<Thing>> = HashMap::new();
        for (index, function) in source.functions.iter().enumerate() {
            by_name.entry(&function.name).or_default().push(Thing::Function(index));
        }
        for (index, name) in source.names.iter().enumerate() {
            by_name.entry(&name.name).or_default().push(Thing::Name(index));
        }
        let count = source.functions.len();
        let (mut calls, mut mentions) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        let mut external = vec![Vec::new(); count];
        for (index, call) in source.calls.iter().enumerate() {
            calls[call.from].push((call.to, index));
            // A box may stand for the declaration as well.
            if let Some(declared) = call.declared.filter(|declared| *declared != call.to) {
                calls[call.from].push((declared, index));
            }
        }
        for mention in &source.mentions {
            mentions[mention.from].push(mention.to);
        }
        for call in &source.external {
            external[call.from].push(call.name.as_str());
        }
        Code { source, by_name, calls, mentions, external }
    }

    /// Everything of this name; a method of a trait is all its implementations as well.
    pub(super) fn find(&self, name: &str) -> Vec<Thing> {
        let mut found = self.by_name.get(name).cloned().unwrap_or_default();
        let Some((of, own)) = name.rsplit_once("::") else { return found };
        let functions = &self.source.functions;
        let is_declared = found.iter().any(|thing| match thing {
            Thing::Function(index) => functions[*index].of_trait.as_deref() == Some(of),
            Thing::Name(_) => false,
        });
        if is_declared {
            let is_it = |index: &usize| {
                let function = &functions[*index];
                function.of_trait.as_deref() == Some(of)
                    && function.name.rsplit("::").next() == Some(own)
                    && function.name != name
            };
            found.extend((0..functions.len()).filter(is_it).map(Thing::Function));
        }
        found
    }

    /// The fields of a type: only the one of this name, if one is asked for.
    pub(super) fn fields(&self, of: &str, field: Option<&str>) -> Vec<Thing> {
        let names = self.source.names.iter().enumerate().filter(|(_, name)| {
            name.kind == NameKind::Field
                && name
                    .name
                    .strip_prefix(of)
                    .and_then(|rest| rest.strip_prefix("::"))
                    .is_some_and(|own| field.is_none_or(|wanted| wanted == own))
        });
        names.map(|(index, _)| Thing::Name(index)).collect()
    }

    pub(super) fn file(&self, thing: Thing) -> &str {
        match thing {
            Thing::Function(index) => &self.source.functions[index].file,
            Thing::Name(index) => &self.source.names[index].file,
        }
    }

    /// What `roots` call, through at most `through` functions that are not `shown`.
    pub(super) fn reach(&self, roots: &[usize], through: usize, shown: &HashSet<usize>) -> Reach {
        let mut reach = Reach { bodies: Vec::new(), things: HashSet::new() };
        let mut seen: HashSet<usize> = roots.iter().copied().collect();
        let mut open: VecDeque<(usize, usize)> = roots.iter().map(|root| (*root, 0)).collect();
        while let Some((index, away)) = open.pop_front() {
            reach.bodies.push(index);
            reach.things.extend(self.mentions[index].iter().map(|name| Thing::Name(*name)));
            for (next, _) in &self.calls[index] {
                reach.things.insert(Thing::Function(*next));
                if away < through && !shown.contains(next) && seen.insert(*next) {
                    open.push_back((*next, away + 1));
                }
            }
        }
        reach
    }

    /// Whether something of this name is called outside of the source.
    pub(super) fn calls_outside(&self, reach: &Reach, name: &str) -> bool {
        reach.bodies.iter().any(|index| self.external[*index].contains(&name))
    }

    /// Where one of `tails` calls one of `heads` itself, if it does so by a call of a known callee.
    pub(super) fn direct(&self, tails: &[usize], heads: &[usize]) -> Option<String> {
        let calls = tails.iter().flat_map(|tail| &self.calls[*tail]);
        let mut found = calls.filter(|(to, _)| heads.contains(to)).map(|(_, call)| call);
        found.find_map(|call| {
            let call = &self.source.calls[*call];
            let is_sure =
                matches!(call.kind, CallKind::Direct | CallKind::Method | CallKind::Closure);
            (is_sure && !call.is_by_name).then(|| format!("{}:{}", call.file, call.line))
        })
    }

    /// What was probably called `name` before: the most alike function of the same type and file that
    /// no other box of the chart stands for.
    pub(super) fn renamed(
        &self,
        name: &str,
        file: Option<&str>,
        others: &HashSet<&str>,
    ) -> Option<(String, String)> {
        let (of, own) = name.rsplit_once("::").unwrap_or(("", name));
        let mut best: Option<(f64, &str, &str)> = None;
        let functions = self.source.functions.iter().map(|it| (it.name.as_str(), &*it.file));
        let names = self.source.names.iter().map(|it| (it.name.as_str(), &*it.file));
        for (known, place) in functions.chain(names) {
            let (known_of, known_own) = known.rsplit_once("::").unwrap_or(("", known));
            let is_near = known_of == of || (known_own == own && !own.is_empty());
            if !is_near || others.contains(known) {
                continue;
            }
            let mut likeness = strsim::jaro_winkler(known_own, own);
            if file.is_some_and(|file| is_same_file(place, file)) {
                likeness += 0.1;
            }
            if likeness >= ALIKE && best.is_none_or(|(so_far, ..)| likeness > so_far) {
                best = Some((likeness, known, place));
            }
        }
        best.map(|(_, name, file)| (name.to_owned(), file.to_owned()))
    }
}

/// Whether a path as it was found and one as a chart says it are one file: the shorter one is the end
/// of the other.
pub(super) fn is_same_file(found: &str, said: &str) -> bool {
    let parts = |path: &'_ str| -> Vec<String> {
        let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect()
    };
    let (found, said) = (parts(found), parts(said));
    let shorter = found.len().min(said.len());
    shorter > 0 && found[found.len() - shorter..] == said[said.len() - shorter..]
}
