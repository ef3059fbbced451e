//! Who calls whom, read from Rust source alone: nothing is compiled, and a tree that does not build
//! is read as far as it parses.
//!
//! ```no_run
//! use raftlens_viz::from_source::{FlowOptions, SourceGraph, flow_graph};
//!
//! let graph = SourceGraph::read(&["core/src".into()])?;
//! let options = FlowOptions { root: Some("RaftKv::async_snapshot".into()), ..FlowOptions::default() };
//! let flow = flow_graph(&graph, &options)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a call means is decided by the types that the syntax tells: annotations, constructors, fields,
//! signatures, bounds of generics. Where those do not suffice nothing is guessed silently: a call to
//! the only function of its name says so ([`Call::is_by_name`]), every other one is in
//! [`SourceGraph::unresolved`], and files that do not parse are in [`SourceGraph::left_out`].
//!
//! # How right it is
//! The benchmark `source` holds the calls of a crate of 23,000 lines against the compiler's MIR; the
//! figures are in `BENCHMARKS.md`. What is missed and what is wrong is of these kinds:
//!
//! - What a macro makes is not expanded: methods of types that a macro declares (`id!(StoreId)`) are
//!   not known, nor is what is called on them. A macro that only wraps items is looked into.
//! - The argument of a closure that such a method takes has no type, so what is called on it is known
//!   by its name alone, or not at all.
//! - What comes out of a foreign type with one of ours in it (`RawNode<PeerStorage>`) is taken for that
//!   one if it has such a method; those calls are marked as known by name.
//! - Calls that nobody writes are not read: operators, `for`, `?`, drops, dereferences, derives.
//! - A function that is kept in a field or handed over is noted where that happens, not where it is
//!   called.
//! - Conditions of the build (`cfg(feature)`, `cfg(unix)`) are all taken to hold, but for those of tests.

mod cfg;
mod collect;
mod declare;
mod files;
mod flow;
mod lookup;
mod lower;
mod parse;
mod precise;
mod read;
mod resolve;
mod std_names;
mod std_types;
mod tables;
mod ty;
mod walk;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

pub use flow::flow_graph;
pub use precise::{Precise, ScipError, ScipIndex};

/// The functions of some Rust source, and who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceGraph {
    /// Functions in the order of files and lines: with a body, or declared by a trait.
    pub functions: Vec<Function>,
    /// Types, variants, fields and constants.
    pub names: Vec<Name>,
    /// Calls between [`SourceGraph::functions`], by caller, in the order of the source.
    pub calls: Vec<Call>,
    /// Where a function mentions one of [`SourceGraph::names`].
    pub mentions: Vec<Mention>,
    /// Calls that leave the source that was read.
    pub external: Vec<External>,
    /// Calls whose callee could not be told.
    pub unresolved: Vec<Unresolved>,
    /// What could not be read.
    pub left_out: Vec<SourceLeftOut>,
    /// How many lines were read.
    pub lines: usize,
}

/// A function, method or method declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// `Peer::inspect` for a method, `split_wait` for a free function; not unique.
    pub name: String,
    /// The clusters that it stands in: its type, or its module. Unique together with the name, but
    /// for the same method of several traits.
    pub owner: Vec<String>,
    /// The module, from the crate: `shop::cart::total`.
    pub module: String,
    /// The trait that it is declared by, or implements: `Engine`.
    pub of_trait: Option<String>,
    /// Whether it has a body; a trait may declare one without.
    pub has_body: bool,
    /// The source file, as it was found.
    pub file: Arc<str>,
    /// Line of its name, from 1.
    pub line: u32,
}

/// What else a source names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A struct, enum, union, trait or alias.
    Type,
    /// A variant of an enum.
    Variant,
    /// A field of a struct.
    Field,
    /// A constant or static.
    Constant,
}

/// A type, or something that is no function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `RequestPolicy`, `RequestPolicy::ReadLocal`, `Peer::pending_reads`.
    pub name: String,
    /// What it is.
    pub kind: NameKind,
    /// The source file, as it was found.
    pub file: Arc<str>,
    /// Line of its name, from 1.
    pub line: u32,
}

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallKind {
    /// By a path: `split_wait(..)`, `Lease::new(..)`.
    Direct,
    /// On a receiver of a known type: `self.inspect(..)`.
    Method,
    /// Through a trait: to each implementation that the source has.
    Trait,
    /// In a closure that the caller makes; it runs when the closure does.
    Closure,
    /// The function is handed over as an argument: `.map(Lease::bound)`.
    Callback,
    /// The function is kept in a field or variable.
    Value,
    /// By what a macro of the source becomes, or for what a log or a span records.
    Macro,
}

/// One function calls another, at one place. Calls of one line with equal ends are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Index of the caller in [`SourceGraph::functions`].
    pub from: usize,
    /// Index of the callee.
    pub to: usize,
    /// How it is written.
    pub kind: CallKind,
    /// For a call through a trait: the declaration of the method.
    pub declared: Option<usize>,
    /// The receiver's type is not known, and this is the only function of that name.
    pub is_by_name: bool,
    /// The source file, as it was found.
    pub file: Arc<str>,
    /// Line of the call, from 1.
    pub line: u32,
}

/// A function mentions a type, variant, field or constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Index in [`SourceGraph::functions`].
    pub from: usize,
    /// Index in [`SourceGraph::names`].
    pub to: usize,
    /// Line, from 1.
    pub line: u32,
}

/// A call of something that is not in the source that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// Index of the caller in [`SourceGraph::functions`].
    pub from: usize,
    /// What is called, without its path: `read_index`.
    pub name: String,
    /// Line, from 1.
    pub line: u32,
}

/// A call whose callee could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Index of the caller in [`SourceGraph::functions`].
    pub from: usize,
    /// What is called, as it is written.
    pub text: String,
    /// The source file, as it was found.
    pub file: Arc<str>,
    /// Line of the call, from 1.
    pub line: u32,
    /// Why it could not be told.
    pub why: WhyUnresolved,
}

/// Why the callee of a call could not be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WhyUnresolved {
    /// Nothing tells the receiver's type, and several functions have the name.
    Receiver {
        /// How many.
        candidates: usize,
    },
    /// The receiver's type is not known, and std has a method of that name too.
    StdName,
    /// What is called is a value: a parameter, a field, a variable.
    Value,
    /// The path leads to nothing in the source.
    Path,
    /// The arguments of a macro are no expressions.
    Macro,
}

impl fmt::Display for WhyUnresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyUnresolved::Receiver { candidates } => {
                write!(
                    f,
                    "the receiver's type is not known, and {candidates} functions have the name"
                )
            }
            WhyUnresolved::StdName => {
                f.write_str("the receiver's type is not known, and std has a method of that name")
            }
            WhyUnresolved::Value => f.write_str("the function is a value: its maker decides"),
            WhyUnresolved::Path => f.write_str("the path leads to nothing in the source"),
            WhyUnresolved::Macro => f.write_str("the arguments of the macro are no expressions"),
        }
    }
}

/// What could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLeftOut {
    /// The file.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for SourceLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}, column {}: {}", self.file, self.line, self.column, self.why)
    }
}

/// Why there is no graph at all.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A path could not be opened.
    #[error("cannot read {path}: {error}", path = path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No Rust file at all.
    #[error("there is no Rust file in {path}: name a folder with lib.rs or main.rs, or a file", path = path.display())]
    NoSource {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No function has the asked name.
    #[error("no function is called {root:?}; nearest names: {}", near.join(", "))]
    RootNotFound {
        /// What was asked for.
        root: String,
        /// Names that look like it, best first.
        near: Vec<String>,
    },
}

/// Which part of a source to draw.
#[derive(Clone, Debug)]
pub struct FlowOptions {
    /// Written above the picture.
    pub title: String,
    /// Only this function (`Peer::inspect`, or `inspect` where one function is called so) and what it
    /// calls.
    pub root: Option<String>,
    /// How many calls away from the root.
    pub depth: usize,
    /// Most boxes; what is called by most others stays.
    pub most: usize,
}

impl Default for FlowOptions {
    fn default() -> Self {
        FlowOptions { title: String::new(), root: None, depth: 6, most: 150 }
    }
}

impl SourceGraph {
    /// Reads the Rust source in `paths`: crates, folders of crates, or single files.
    ///
    /// From `lib.rs` and `main.rs` modules are followed; code for tests is left out.
    ///
    /// # Errors
    /// When a path cannot be opened, or holds no Rust. A file that does not parse is no error: it is
    /// in [`SourceGraph::left_out`].
    pub fn read(paths: &[PathBuf]) -> Result<SourceGraph, SourceError> {
        read::read(paths)
    }
}
