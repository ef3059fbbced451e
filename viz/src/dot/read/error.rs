//! Why a DOT file could not be read: what was wrong, where, and what to do.

use std::fmt;

use thiserror::Error;

use super::parser::DEEPEST;

/// A fault with its place in the file as it was written, before macros were expanded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}line {line}, column {column}: {fault}", in_file(file))]
pub struct DotError {
    /// The file, where its name is known: an included one has a name of its own.
    pub file: Option<String>,
    /// Line in that file, from 1.
    pub line: usize,
    /// Column in characters, from 1. Where a macro was expanded, 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: DotFault,
}

/// What is wrong with a DOT file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DotFault {
    /// Another word was due.
    #[error("found {found} where {expected} should be")]
    Unexpected {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A string, HTML label or comment without its end.
    #[error("{what} that begins here has no end: close it with {close}")]
    Unterminated {
        /// What was begun.
        what: &'static str,
        /// What ends it.
        close: &'static str,
    },
    /// A character that no DOT file has outside of strings.
    #[error("the character {character:?} has no meaning here: put the name into quotes")]
    Character {
        /// Which one.
        character: char,
    },
    /// The arrow of the other kind of graph.
    #[error("found `{found}`: arrows of this kind of graph are written `{expected}`")]
    WrongArrow {
        /// What stands there.
        found: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// No graph at all.
    #[error("there is no graph here: a chart begins with `digraph NAME {{`")]
    NoGraph,
    /// Not text.
    #[error(
        "this is no text: byte {byte:#04x} is not UTF-8; save the file as UTF-8, or say charset=latin1 in it"
    )]
    NotUtf8 {
        /// The first byte that cannot be.
        byte: u8,
    },
    /// Braces inside braces beyond any chart.
    #[error("groups are nested deeper than {DEEPEST}: flatten them")]
    TooDeep,
    /// A group of boxes that points at a group of boxes, and the product is beyond any picture.
    #[error(
        "there are more than {most} arrows up to here, those between groups counted: draw a part of the graph"
    )]
    TooManyArrows {
        /// The limit.
        most: usize,
    },
    /// More than any picture has room for.
    #[error("there are more than {most} {what} up to here: draw a part of the graph")]
    TooMany {
        /// Boxes or groups.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// More names of attributes in defaults than DOT has, by far.
    #[error(
        "more than {most} different attributes are set as defaults: remove those that DOT lacks"
    )]
    TooManyDefaults {
        /// The limit.
        most: usize,
    },
    /// A directive of the preprocessor that says nothing, or something that is not supported.
    #[error("{what}")]
    Directive {
        /// What is wrong and what to do.
        what: String,
    },
}

fn in_file(file: &Option<String>) -> impl fmt::Display {
    file.as_ref().map(|name| format!("{name}: ")).unwrap_or_default()
}
