//! A DOT graph with its defaults applied: nodes, edges and subgraphs, as cgraph would hold them.
//!
//! Defaults are taken when a node or edge is made, from the subgraph in which that happens; a later
//! `node[...]` changes only later nodes. A node belongs to every subgraph that names it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::error::DotFault;

/// Most nodes, and most groups: what each takes in memory is a hundred times what it takes in the file.
const MOST_NODES: usize = 1_000_000;
/// Most arrows, also those that groups make between each other.
const MOST_EDGES: usize = 2_000_000;
/// Most attributes with a default; DOT has about 180.
const MOST_DEFAULTS: usize = 250;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Text as Graphviz takes it: quotes undone, backslashes not.
    pub(crate) text: Rc<str>,
    /// Written in angle brackets.
    pub(crate) is_html: bool,
}

/// Attributes in the order of the file; of two with one name the later counts.
pub(crate) type Attributes = Vec<(Rc<str>, Value)>;

/// Own attributes on top of defaults that many share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    own: Attributes,
    defaults: Rc<Attributes>,
}

impl Shared {
    /// The value that counts.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let own = self.own.iter().rev().find(|(key, _)| &**key == name);
        let found = own.or_else(|| self.defaults.iter().find(|(key, _)| &**key == name));
        found.map(|(_, value)| value)
    }

    /// Name and value of everything that counts, defaults first.
    pub(crate) fn all(&self) -> Attributes {
        let mut all = (*self.defaults).clone();
        for (key, value) in &self.own {
            set(&mut all, key, value);
        }
        all
    }
}

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: Rc<str>,
    pub(crate) attributes: Shared,
}

/// One end of an edge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EdgeEnd {
    /// Index of the node.
    pub(crate) node: usize,
    /// What stands behind the colon: a port, a compass point, or both.
    pub(crate) port: Option<Rc<str>>,
}

/// An edge.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) tail: EdgeEnd,
    pub(crate) head: EdgeEnd,
    pub(crate) attributes: Shared,
}

/// A subgraph; the first one is the graph itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subgraph {
    /// Its name; one that no file can hold where it has none.
    pub(crate) name: Rc<str>,
    pub(crate) is_anonymous: bool,
    /// What was said of it, and what it inherits from the graphs around it.
    pub(crate) attributes: Attributes,
    /// What was said of itself alone.
    pub(crate) own: Attributes,
    pub(crate) parent: usize,
    pub(crate) children: Vec<usize>,
    /// Nodes that are named in it directly, in that order.
    pub(crate) nodes: Vec<usize>,
    known: HashSet<usize>,
    node_defaults: Rc<Attributes>,
    edge_defaults: Rc<Attributes>,
}

impl Subgraph {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }
}

/// Which defaults a statement sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Graph,
    Node,
    Edge,
}

/// A whole graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) is_directed: bool,
    pub(crate) is_strict: bool,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// The graph itself, then its subgraphs in the order of their first mention.
    pub(crate) subgraphs: Vec<Subgraph>,
    /// Graphs behind the first one in the file.
    pub(crate) more_graphs: u64,
    by_name: HashMap<Rc<str>, usize>,
    sub_by_name: HashMap<(usize, Rc<str>), usize>,
    // Edges that may not be doubled: all of a strict graph, and those with a `key`.
    single: HashMap<(usize, usize, Rc<str>), usize>,
}

impl Document {
    pub(super) fn new(is_strict: bool, is_directed: bool, name: Option<Rc<str>>) -> Document {
        let is_anonymous = name.is_none();
        let root = Subgraph {
            name: name.unwrap_or_else(|| "".into()),
            is_anonymous,
            ..Subgraph::default()
        };
        Document { is_strict, is_directed, subgraphs: vec![root], ..Document::default() }
    }

    /// Sets defaults in a subgraph, or its own attributes.
    pub(super) fn set_defaults(
        &mut self,
        subgraph: usize,
        kind: Kind,
        list: &Attributes,
    ) -> Result<(), DotFault> {
        let known = &mut self.subgraphs[subgraph];
        let target = match kind {
            Kind::Graph => &mut known.attributes,
            Kind::Node => Rc::make_mut(&mut known.node_defaults),
            Kind::Edge => Rc::make_mut(&mut known.edge_defaults),
        };
        for (key, value) in list {
            set(target, key, value);
            if target.len() > MOST_DEFAULTS {
                return Err(DotFault::TooManyDefaults { most: MOST_DEFAULTS });
            }
        }
        if kind == Kind::Graph {
            for (key, value) in list {
                set(&mut known.own, key, value);
            }
        }
        Ok(())
    }

    /// Whether there is room for what was made last.
    pub(super) fn check_room(&self) -> Result<(), DotFault> {
        let counts = [("boxes", self.nodes.len()), ("groups", self.subgraphs.len())];
        match counts.into_iter().find(|(_, count)| *count > MOST_NODES) {
            Some((what, _)) => Err(DotFault::TooMany { what, most: MOST_NODES }),
            None => Ok(()),
        }
    }

    /// The subgraph of this name in `parent`, made on its first mention.
    pub(super) fn subgraph(&mut self, parent: usize, name: Option<Rc<str>>) -> usize {
        if let Some(name) = &name
            && let Some(known) = self.sub_by_name.get(&(parent, name.clone()))
        {
            return *known;
        }
        let index = self.subgraphs.len();
        let is_anonymous = name.is_none();
        // The same form of name as Graphviz gives in its output.
        let name = name.unwrap_or_else(|| format!("%{index}").into());
        if !is_anonymous {
            self.sub_by_name.insert((parent, name.clone()), index);
        }
        let above = &self.subgraphs[parent];
        let made = Subgraph {
            name,
            is_anonymous,
            attributes: above.attributes.clone(),
            parent,
            node_defaults: above.node_defaults.clone(),
            edge_defaults: above.edge_defaults.clone(),
            ..Subgraph::default()
        };
        self.subgraphs.push(made);
        self.subgraphs[parent].children.push(index);
        index
    }

    /// The node of this name, made with the defaults of `subgraph` on its first mention.
    pub(super) fn node(&mut self, subgraph: usize, name: Rc<str>) -> usize {
        let nodes = &mut self.nodes;
        let defaults = &self.subgraphs[subgraph].node_defaults;
        let index = *self.by_name.entry(name).or_insert_with_key(|name| {
            let attributes = Shared { own: Vec::new(), defaults: defaults.clone() };
            nodes.push(Node { name: name.clone(), attributes });
            nodes.len() - 1
        });
        let known = &mut self.subgraphs[subgraph];
        if subgraph != 0 && known.known.insert(index) {
            known.nodes.push(index);
        }
        index
    }

    /// Attributes of a node's own.
    pub(super) fn set_node(&mut self, node: usize, list: &Attributes) {
        let own = &mut self.nodes[node].attributes.own;
        for (key, value) in list {
            set(own, key, value);
        }
    }

    /// An edge from every tail to every head.
    pub(super) fn edges(
        &mut self,
        subgraph: usize,
        (tails, heads): (&[EdgeEnd], &[EdgeEnd]),
        list: &Attributes,
    ) -> Result<(), DotFault> {
        if tails.len().saturating_mul(heads.len()).saturating_add(self.edges.len()) > MOST_EDGES {
            return Err(DotFault::TooManyArrows { most: MOST_EDGES });
        }
        let key = list.iter().rev().find(|(key, _)| &**key == "key").map(|(_, value)| &value.text);
        for tail in tails {
            for head in heads {
                self.edge(subgraph, (tail, head), (key, list));
            }
        }
        Ok(())
    }

    fn edge(
        &mut self,
        subgraph: usize,
        (tail, head): (&EdgeEnd, &EdgeEnd),
        (key, list): (Option<&Rc<str>>, &Attributes),
    ) {
        if self.is_strict || key.is_some() {
            // In a strict graph keys do not tell edges apart.
            let key = if self.is_strict { "".into() } else { key.cloned().unwrap_or_default() };
            let ends = match self.is_directed {
                true => (tail.node, head.node),
                false => (tail.node.min(head.node), tail.node.max(head.node)),
            };
            let next = self.edges.len();
            let known = *self.single.entry((ends.0, ends.1, key)).or_insert(next);
            if let Some(edge) = self.edges.get_mut(known) {
                let turned = edge.tail.node != tail.node;
                let (tail, head) = if turned { (head, tail) } else { (tail, head) };
                edge.tail.port = tail.port.clone().or(edge.tail.port.take());
                edge.head.port = head.port.clone().or(edge.head.port.take());
                for (key, value) in list {
                    set(&mut edge.attributes.own, key, value);
                }
                return;
            }
        }
        let defaults = self.subgraphs[subgraph].edge_defaults.clone();
        let attributes = Shared { own: list.clone(), defaults };
        self.edges.push(Edge { tail: tail.clone(), head: head.clone(), attributes });
    }

    /// All nodes of a subgraph and of those in it, in the order in which they were made.
    pub(crate) fn members(&self, subgraph: usize) -> BTreeSet<usize> {
        let mut members = BTreeSet::new();
        let mut open = vec![subgraph];
        while let Some(next) = open.pop() {
            members.extend(&self.subgraphs[next].nodes);
            open.extend(&self.subgraphs[next].children);
        }
        members
    }
}

/// Sets one attribute in a short list.
fn set(list: &mut Attributes, key: &Rc<str>, value: &Value) {
    match list.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => *known = value.clone(),
        None => list.push((key.clone(), value.clone())),
    }
}
