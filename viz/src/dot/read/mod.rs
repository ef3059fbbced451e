//! DOT in: text to statements to a [`Document`], as Graphviz' own reader (cgraph) understands it.
//!
//! [`lexer`] cuts text into tokens, [`parser`] follows the grammar and tells a [`Document`] what it
//! meets; the document applies defaults, groups and names at once, so no tree of statements is kept.

mod document;
mod error;
mod lexer;
mod parser;

pub(crate) use document::{Attributes, Document, Edge, EdgeEnd, Shared, Subgraph, Value};
pub use error::{DotError, DotFault};

use super::preprocess::Source;

/// Reads the first graph of `source`; more graphs behind it are checked and counted.
pub(crate) fn document(source: &Source) -> Result<Document, DotError> {
    parser::parse(&source.text).map_err(|(at, fault)| {
        let (file, line, column) = source.place(at);
        DotError { file, line, column, fault }
    })
}

#[cfg(test)]
mod tests;
