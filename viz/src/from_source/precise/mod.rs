//! What syntax cannot tell, from an index that a compiler's front end made of the same source:
//! `rust-analyzer scip .` writes `index.scip`.
//!
//! ```text
//! SourceGraph --+
//!               +--> places (which function is which symbol) --> sites (who names whom, where)
//! ScipIndex ----+                                                   |
//!                                                     SourceGraph, corrected
//! ```
//!
//! The syntax says that something is called, and the index says what. Where both tell of a name in one
//! line of one function, the index is believed: calls that were known by their name alone are confirmed
//! or taken back, those that could not be told are told, and what the syntax does not show (in
//! the arguments of macros, on what a macro made) is added. Where the index knows nothing (a file that it
//! does not have, code that was changed since), all stays as it was, and is counted.

mod index;
mod places;
mod sites;
mod wire;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use thiserror::Error;

use super::{Call, CallKind, External, SourceGraph};
pub use index::ScipIndex;
use places::Places;
use sites::{Site, sites};

/// What an index changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precise {
    /// Functions of the source in files that the index has.
    pub functions: usize,
    /// Those of them that the index has too, at the same line: fewer when it is older than the source.
    pub known: usize,
    /// Calls that were known by their name alone, and are right.
    pub confirmed: usize,
    /// Calls that could not be told before: of functions of the source.
    pub resolved: usize,
    /// The same, of functions outside of it.
    pub resolved_outside: usize,
    /// Calls that were taken for calls of something else, or not seen.
    pub added: usize,
    /// Calls that are none, or are of something else.
    pub taken_back: usize,
}

/// Why an index could not be read.
#[derive(Debug, Error)]
pub enum ScipError {
    /// The file could not be opened.
    #[error("cannot read {path}: {error}", path = path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The bytes are no index.
    #[error(
        "byte {byte}: {why}: this is no SCIP index, or a part of one; `rust-analyzer scip .` makes one"
    )]
    Damaged {
        /// Where, from 0.
        byte: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// An index of nothing.
    #[error("the index holds no file: run `rust-analyzer scip .` in the folder of the project")]
    Empty,
}

impl SourceGraph {
    /// Corrects the calls by `index`, which was made of the same source. What it changed.
    pub fn correct(&mut self, index: &ScipIndex) -> Precise {
        let places = Places::new(self, index);
        let mut correction = Correction::new(self, &places);
        for site in sites(self, index, &places) {
            correction.site(self, &site);
        }
        let Correction { precise, wrong, told, made, outside, inside, .. } = correction;
        keep(&mut self.calls, |number, _| !wrong.contains(&number));
        keep(&mut self.unresolved, |number, _| !told.contains(&number));
        keep(&mut self.external, |_, it| !inside.contains(&(it.from, it.line, it.name.clone())));
        self.calls.extend(made);
        self.external.extend(outside);
        self.put_in_order();
        precise
    }
}

/// Keeps those of `all` that `is_kept`, which is told the number of each.
fn keep<T>(all: &mut Vec<T>, is_kept: impl Fn(usize, &T) -> bool) {
    let mut numbers = 0..;
    all.retain(|it| numbers.next().is_some_and(|number| is_kept(number, it)));
}

/// The correction of one graph in the making.
struct Correction<'a> {
    places: &'a Places<'a>,
    precise: Precise,
    /// The numbers of what could not be told, by caller and line.
    open: HashMap<(usize, u32), Vec<usize>>,
    /// The numbers of those that now are told.
    told: HashSet<usize>,
    /// The numbers of calls that are none.
    wrong: HashSet<usize>,
    made: Vec<Call>,
    outside: Vec<External>,
    /// Calls that were taken for such as leave the source: caller, line and name.
    inside: HashSet<(usize, u32, String)>,
}

impl<'a> Correction<'a> {
    fn new(graph: &SourceGraph, places: &'a Places<'a>) -> Self {
        let mut open: HashMap<(usize, u32), Vec<usize>> = HashMap::new();
        for (number, unresolved) in graph.unresolved.iter().enumerate() {
            open.entry((unresolved.from, unresolved.line)).or_default().push(number);
        }
        let (functions, known) = (places.functions, places.known);
        Correction {
            places,
            precise: Precise { functions, known, ..Precise::default() },
            open,
            told: HashSet::new(),
            wrong: HashSet::new(),
            made: Vec::new(),
            outside: Vec::new(),
            inside: HashSet::new(),
        }
    }

    /// Corrects what is known of one name in one line.
    fn site(&mut self, graph: &mut SourceGraph, site: &Site) {
        let ours: HashSet<usize> = site.uses.iter().filter_map(|it| it.callee).collect();
        let mut known: HashSet<usize> = HashSet::new();
        for number in &site.calls {
            let call = &mut graph.calls[*number];
            let ends = [Some(call.to), call.declared];
            let right: Vec<usize> =
                ends.into_iter().flatten().filter(|end| ours.contains(end)).collect();
            known.extend(&right);
            // Of what a macro makes of its arguments nothing may stand in the file.
            let can_be_wrong = self.places.is_known(call.to) && call.kind != CallKind::Macro;
            if right.is_empty() && can_be_wrong {
                self.wrong.insert(*number);
                self.precise.taken_back += 1;
                let (from, name, line) = (site.from, site.name.clone(), site.line);
                let is_outside = site.uses.iter().any(|of| of.callee.is_none());
                self.outside.extend(is_outside.then_some(External { from, name, line }));
            } else if !right.is_empty() && call.is_by_name {
                call.is_by_name = false;
                self.precise.confirmed += 1;
            }
        }
        for of in &site.uses {
            match of.callee {
                Some(callee) if known.insert(callee) => {
                    match self.tell(graph, site) {
                        true => self.precise.resolved += 1,
                        false => self.precise.added += 1,
                    }
                    self.add(graph, site, (callee, of.kind));
                }
                // The same once more in this line.
                Some(_) => self.precise.resolved += usize::from(self.tell(graph, site)),
                None if self.tell(graph, site) => {
                    self.precise.resolved_outside += 1;
                    let (from, name, line) = (site.from, site.name.clone(), site.line);
                    self.outside.push(External { from, name, line });
                }
                None => {}
            }
        }
        if site.uses.iter().all(|of| of.callee.is_some()) {
            self.inside.insert((site.from, site.line, site.name.clone()));
        }
    }

    /// Whether a call of this name in this line could not be told; from now on it is.
    fn tell(&mut self, graph: &SourceGraph, site: &Site) -> bool {
        let open = self.open.get(&(site.from, site.line)).map_or(&[][..], Vec::as_slice);
        let is_it = |number: &&usize| {
            last(&graph.unresolved[**number].text) == site.name && !self.told.contains(number)
        };
        let found = open.iter().find(is_it).copied();
        found.is_some_and(|number| self.told.insert(number))
    }

    /// Adds a call; one of a trait's method goes to each implementation of it.
    fn add(&mut self, graph: &SourceGraph, site: &Site, (callee, kind): (usize, CallKind)) {
        let call = |to: usize, kind: CallKind, declared: Option<usize>| Call {
            from: site.from,
            to,
            kind,
            declared,
            is_by_name: false,
            file: graph.functions[site.from].file.clone(),
            line: site.line,
        };
        let implementations = match graph.functions[callee].has_body {
            true => Vec::new(),
            false => self.places.implementations(graph, callee),
        };
        if implementations.is_empty() {
            self.made.push(call(callee, kind, None));
        }
        let kind = if kind == CallKind::Value { kind } else { CallKind::Trait };
        self.made.extend(implementations.into_iter().map(|to| call(to, kind, Some(callee))));
    }
}

/// The name behind the path or the receiver: `get` of `Cart::get` and of `.get()`.
fn last(text: &str) -> &str {
    let text = text.strip_suffix("()").unwrap_or(text);
    text.rsplit(['.', ':']).next().unwrap_or(text)
}
