//! What a script has so far: its world, and the names that it has given.

use std::collections::{BTreeMap, BTreeSet};

use crate::region::Region;
use crate::sim::oracle::Invariant;
use crate::sim::play::line::{Words, numbered};
use crate::sim::play::mistake::Mistake;
use crate::sim::requests::OpId;
use crate::sim::world::World;
use crate::snap_cache::ThreadReadId;

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) requests: BTreeMap<String, OpId>,
    pub(super) batches: BTreeMap<String, ThreadReadId>,
    /// Regions as they were once.
    pub(super) remembered: BTreeMap<String, Region>,
    /// The last log index of each replica when the script last said `mark`.
    pub(super) marked: BTreeMap<(u64, u64), u64>,
    /// The invariants whose violation the text has.
    pub(super) told: BTreeSet<Invariant>,
    pub(super) has_panicked: bool,
}

impl Stage {
    pub(super) fn new(mut world: World) -> Self {
        world.keep_log();
        world.start_tally();
        Stage {
            world,
            requests: BTreeMap::new(),
            batches: BTreeMap::new(),
            remembered: BTreeMap::new(),
            marked: BTreeMap::new(),
            told: BTreeSet::new(),
            has_panicked: false,
        }
    }

    /// A node such as `n3`, one that there is.
    pub(super) fn node(&self, words: &mut Words<'_>) -> Result<u64, Mistake> {
        self.node_named(words.word("a node")?)
    }

    pub(super) fn node_named(&self, word: &str) -> Result<u64, Mistake> {
        let what = "a node, such as n1";
        let node =
            numbered(word, 'n').ok_or_else(|| Mistake::BadForm { word: word.to_owned(), what })?;
        let nodes = self.world.nodes();
        match (1..=nodes).contains(&node) {
            true => Ok(node),
            false => Err(Mistake::UnknownNode { node, nodes }),
        }
    }

    /// Nodes such as `n1` or `n2,n3`, or `*` for every one.
    pub(super) fn nodes(&self, word: &str) -> Result<Vec<u64>, Mistake> {
        match word {
            "*" => Ok((1..=self.world.nodes()).collect()),
            _ => word.split(',').map(|node| self.node_named(node)).collect(),
        }
    }

    /// Edges such as `n1->n2` or `n2,n3->n1`, or `*` for every one.
    pub(super) fn edges(&self, words: &mut Words<'_>) -> Result<Vec<(u64, u64)>, Mistake> {
        let word = words.word("an edge, such as n1->n2")?;
        let what = "an edge, such as n1->n2 or n2,n3->n1";
        let (from, to) = match word {
            "*" => ("*", "*"),
            _ => word
                .split_once("->")
                .ok_or_else(|| Mistake::BadForm { word: word.to_owned(), what })?,
        };
        let (from, to) = (self.nodes(from)?, self.nodes(to)?);
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
        Ok(pairs.filter(|(from, to)| from != to).collect())
    }

    /// The request of a name.
    pub(super) fn request(&self, name: &str) -> Result<OpId, Mistake> {
        self.requests.get(name).copied().ok_or_else(|| unknown("request", name, &self.requests))
    }

    /// The region of a name.
    pub(super) fn remembered(&self, name: &str) -> Result<&Region, Mistake> {
        self.remembered.get(name).ok_or_else(|| unknown("region", name, &self.remembered))
    }

    /// The batch of a name.
    pub(super) fn batch(&self, name: &str) -> Result<&ThreadReadId, Mistake> {
        self.batches.get(name).ok_or_else(|| unknown("batch", name, &self.batches))
    }
}

fn unknown<T>(what: &'static str, name: &str, known: &BTreeMap<String, T>) -> Mistake {
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Mistake::UnknownName { what, name: name.to_owned(), known }
}
