//! Puts spans together: children under their parents, followers behind what they follow.
//!
//! A trace is a DAG, not a tree: a span has at most one parent, and any number of links to spans
//! that it follows from. Input may be incomplete or wrong, so parents can be missing (orphans),
//! ids can occur twice (the first counts), and parents can form a ring (broken at its first span).

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::model::{SpanId, TraceId, TraceSet};
use crate::view::{LinkView, SpanSet, SpanView};

/// A hand-over: one link between two spans of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver<'a> {
    /// The span that was followed, as an index into [`TraceSet::spans`].
    pub from: usize,
    /// The span that has the link.
    pub to: usize,
    /// The link's `link.kind`, if it states one.
    pub kind: Option<&'a str>,
}

/// How a span hangs in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It names no parent.
    Root,
    /// Its parent is in the set.
    Child(usize),
    /// It names a parent that is not in the set.
    Orphan,
    /// Its parents lead back to itself; this span was taken as the top of the ring.
    Ring,
}

/// One span of a tree, with what hangs below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanTree {
    /// The index into [`TraceSet::spans`].
    pub span: usize,
    /// Whether it is a root, or an orphan or ring taken as one.
    pub place: Place,
    /// Its children, earliest first.
    pub children: Vec<SpanTree>,
}

/// The spans of a set, put together. Spans are named by their index into the set: that of
/// [`TraceSet::spans`], or of whatever other form the set has.
#[derive(Debug)]
pub struct Assembly<'a, S = TraceSet> {
    traces: &'a S,
    by_id: ById,
    places: Vec<Place>,
    children: Lists<usize>,
    /// Sorted when somebody asks.
    tops: OnceLock<Vec<usize>>,
    followers: Lists<HandOver<'a>>,
    follows: Lists<HandOver<'a>>,
}

/// The spans by their ids: a table of indices alone, so that it stays near the processor when there are
/// many spans.
#[derive(Debug)]
struct ById {
    table: HashTable<u32>,
    hasher: RandomState,
}

impl ById {
    fn new(spans: &impl SpanSet) -> Self {
        let hasher = RandomState::default();
        let mut table: HashTable<u32> = HashTable::with_capacity(spans.count());
        let key_of = |at: u32| spans.view(at as usize).map(|it| (it.trace_id(), it.span_id()));
        for (at, span) in (0..u32::MAX).zip(spans.views()) {
            let key = (span.trace_id(), span.span_id());
            let is_same = |other: &u32| key_of(*other) == Some(key);
            let place =
                table.entry(hasher.hash_one(key), is_same, |it| hasher.hash_one(key_of(*it)));
            place.or_insert(at);
        }
        ById { table, hasher }
    }

    fn find(&self, spans: &impl SpanSet, key: (TraceId, SpanId)) -> Option<usize> {
        let is_it = |at: &u32| {
            spans.view(*at as usize).is_some_and(|it| (it.trace_id(), it.span_id()) == key)
        };
        self.table.find(self.hasher.hash_one(key), is_it).map(|at| *at as usize)
    }
}

/// A list for each span, all in one piece of memory.
#[derive(Debug)]
struct Lists<T> {
    /// Where the list of each span begins, and where the last one ends.
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    fn empty() -> Self {
        Lists { starts: Vec::new(), items: Vec::new() }
    }

    /// Lists of `spans` spans; each item goes to the list of `owner`, in the order that they have.
    fn new(spans: usize, items: &[T], owner: impl Fn(&T) -> usize) -> Self {
        let mut starts = vec![0; spans + 1];
        for item in items {
            starts[owner(item) + 1] += 1;
        }
        for at in 0..spans {
            starts[at + 1] += starts[at];
        }
        let Some(first) = items.first() else { return Lists { starts, items: Vec::new() } };
        let mut next = starts.clone();
        let mut sorted = vec![*first; items.len()];
        for item in items {
            let place = &mut next[owner(item)];
            sorted[*place] = *item;
            *place += 1;
        }
        Lists { starts, items: sorted }
    }

    fn of(&self, span: usize) -> &[T] {
        &self.items[self.starts[span]..self.starts[span + 1]]
    }
}

impl<'a, S: SpanSet> Assembly<'a, S> {
    /// Puts the spans of `traces` together, in time proportional to their number.
    pub fn new(traces: &'a S) -> Self {
        let mut assembly = Assembly {
            traces,
            by_id: ById::new(traces),
            places: Vec::new(),
            children: Lists::empty(),
            tops: OnceLock::new(),
            followers: Lists::empty(),
            follows: Lists::empty(),
        };
        assembly.places = traces.views().map(|span| assembly.place_by_parent(span)).collect();
        assembly.break_rings();
        assembly.hang();
        assembly.connect();
        assembly
    }

    fn place_by_parent(&self, span: S::View<'_>) -> Place {
        match span.parent_span_id() {
            None => Place::Root,
            Some(parent) => self.find(span.trace_id(), parent).map_or(Place::Orphan, Place::Child),
        }
    }

    /// Walks up from every span once; a walk that meets its own steps has found a ring.
    fn break_rings(&mut self) {
        const UNSEEN: u32 = 0;
        let mut walk_of = vec![UNSEEN; self.places.len()];
        for start in 0..self.places.len() {
            let walk = start as u32 + 1;
            let mut at = start;
            while walk_of[at] == UNSEEN {
                walk_of[at] = walk;
                match self.places[at] {
                    Place::Child(parent) if walk_of[parent] == walk => {
                        // `parent` is on this very walk, so it is above and below `at`.
                        self.places[parent] = Place::Ring;
                        break;
                    }
                    Place::Child(parent) => at = parent,
                    Place::Root | Place::Orphan | Place::Ring => break,
                }
            }
        }
    }

    fn hang(&mut self) {
        let mut called = Vec::with_capacity(self.places.len());
        for (index, place) in self.places.iter().enumerate() {
            if let Place::Child(parent) = place {
                called.push((*parent, index));
            }
        }
        let (traces, count) = (self.traces, self.places.len());
        let order = |index: &usize| (traces.view(*index).map(SpanView::start_ns), *index);
        let lists = Lists::new(count, &called, |(parent, _)| *parent);
        let items = lists.items.into_iter().map(|(_, child)| child).collect();
        self.children = Lists { starts: lists.starts, items };
        for parent in 0..count {
            let range = self.children.starts[parent]..self.children.starts[parent + 1];
            if range.len() > 1 {
                self.children.items[range].sort_by_key(order);
            }
        }
    }

    fn connect(&mut self) {
        let mut hand_overs = Vec::new();
        for (to, span) in self.traces.views().enumerate() {
            for LinkView { trace_id, span_id, kind } in span.links() {
                let Some(from) = self.find(trace_id, span_id) else { continue };
                hand_overs.push(HandOver { from, to, kind });
            }
        }
        let spans = self.places.len();
        self.followers = Lists::new(spans, &hand_overs, |it| it.from);
        self.follows = Lists::new(spans, &hand_overs, |it| it.to);
    }

    /// The set that was put together.
    pub fn traces(&self) -> &'a S {
        self.traces
    }

    /// The span with these ids; the first if they occur twice.
    pub fn find(&self, trace_id: TraceId, span_id: SpanId) -> Option<usize> {
        self.by_id.find(self.traces, (trace_id, span_id))
    }

    /// How `span` hangs in its trace.
    pub fn place(&self, span: usize) -> Place {
        self.places[span]
    }

    /// The parent of `span`, if it is in the set.
    pub fn parent(&self, span: usize) -> Option<usize> {
        match self.places[span] {
            Place::Child(parent) => Some(parent),
            Place::Root | Place::Orphan | Place::Ring => None,
        }
    }

    /// The children of `span`, earliest first.
    pub fn children(&self, span: usize) -> &[usize] {
        self.children.of(span)
    }

    /// Everything without a parent in the set, earliest first: roots, orphans and rings, and the
    /// spans that were handed over within a trace.
    pub fn tops(&self) -> &[usize] {
        self.tops.get_or_init(|| {
            // Most spans may be tops, so what they are ordered by is brought together first.
            let places = self.places.iter().zip(self.traces.views()).enumerate();
            let tops = places.filter(|(_, (place, _))| !matches!(place, Place::Child(_)));
            let mut tops: Vec<_> = tops.map(|(index, (_, it))| (it.start_ns(), index)).collect();
            tops.sort_unstable();
            tops.into_iter().map(|(_, index)| index).collect()
        })
    }

    /// Where traces begin: tops that follow no span of their own trace, earliest first.
    pub fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        self.tops().iter().copied().filter(|span| !self.is_handed_over(*span))
    }

    /// Spans that name a parent which is not in the set, earliest first.
    pub fn orphans(&self) -> impl Iterator<Item = usize> + '_ {
        self.tops().iter().copied().filter(|span| self.places[*span] == Place::Orphan)
    }

    /// Whether `span` has no parent but follows a span of its own trace: it was caused across a
    /// queue, a callback or a node.
    pub fn is_handed_over(&self, span: usize) -> bool {
        let trace_id = |index: usize| self.traces.view(index).map(SpanView::trace_id);
        self.places[span] == Place::Root
            && self.follows(span).iter().any(|hand_over| {
                trace_id(hand_over.from) == trace_id(span) && hand_over.from != span
            })
    }

    /// The hand-overs from `span` to those that follow it.
    pub fn followers(&self, span: usize) -> &[HandOver<'a>] {
        self.followers.of(span)
    }

    /// The hand-overs to `span` from those that it follows, in the order of its links.
    pub fn follows(&self, span: usize) -> &[HandOver<'a>] {
        self.follows.of(span)
    }

    /// `span` and everything below it, parents before children, earliest first.
    pub fn descendants(&self, span: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![span];
        while let Some(span) = open.pop() {
            found.push(span);
            open.extend(self.children(span).iter().rev());
        }
        found
    }

    /// The trees below all [`tops`](Self::tops).
    pub fn trees(&self) -> Vec<SpanTree> {
        self.tops().iter().map(|top| self.tree(*top)).collect()
    }

    /// Built from the leaves up, since input may be nested deeper than a stack.
    fn tree(&self, top: usize) -> SpanTree {
        let mut finished: HashMap<usize, SpanTree> = HashMap::new();
        for span in self.descendants(top).into_iter().rev() {
            let children = self.children(span).iter();
            let children = children.filter_map(|child| finished.remove(child)).collect();
            finished.insert(span, SpanTree { span, place: self.places[span], children });
        }
        let leaf = || SpanTree { span: top, place: self.places[top], children: Vec::new() };
        finished.remove(&top).unwrap_or_else(leaf)
    }
}

/// The trees of all traces; see [`Assembly`] for the links between them.
pub fn trees(traces: &TraceSet) -> Vec<SpanTree> {
    Assembly::new(traces).trees()
}
