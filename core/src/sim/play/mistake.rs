//! What can be wrong with a script: which line, what about it, and what there is instead.

use crate::error::Error;
use crate::rules::UnknownRule;
use crate::sim::config::SimError;
use crate::sim::network::UnknownMessage;

/// A line that cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}, `{text}`: {why}")]
pub struct PlayError {
    /// Its number, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub why: Box<Mistake>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mistake {
    /// A command that there is not.
    #[error("there is no command \"{name}\"; there are {known}")]
    UnknownCommand {
        /// What the line says.
        name: String,
        /// The commands.
        known: &'static str,
    },
    /// A word in a place where only some words have a meaning.
    #[error("\"{word}\" is no {what}; there are {known}")]
    UnknownWord {
        /// What the line says.
        word: String,
        /// What it should be.
        what: &'static str,
        /// The words that have a meaning.
        known: String,
    },
    /// The line ends too early.
    #[error("it ends where {0} should be")]
    Missing(&'static str),
    /// The line goes on too long.
    #[error("there is nothing that \"{0}\" could say here")]
    Unexpected(String),
    /// A word that has another form.
    #[error("\"{word}\" is not {what}")]
    BadForm {
        /// What the line says.
        word: String,
        /// What it should be, with an example.
        what: &'static str,
    },
    /// A node that there is not.
    #[error("there is no node n{node}: the world has n1 to n{nodes}")]
    UnknownNode {
        /// What the line says.
        node: u64,
        /// How many nodes there are.
        nodes: u64,
    },
    /// A replica that there is not.
    #[error("n{node} has no replica of region {region}")]
    NoReplica {
        /// The node.
        node: u64,
        /// The region.
        region: u64,
    },
    /// A name that no request or batch has.
    #[error("no {what} is called \"{name}\"; there are {known}")]
    UnknownName {
        /// A request or a batch.
        what: &'static str,
        /// What the line says.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A name that is taken.
    #[error("\"{0}\" is the name of an earlier request: give this one another name")]
    NameTaken(String),
    /// A name in front of what has no answer.
    #[error(
        "{0} has no answer, so it has no name: write, read, transfer, split, merge, put and remove have"
    )]
    LabelOfNothing(String),
    /// A message type that there is not.
    #[error(transparent)]
    Message(#[from] UnknownMessage),
    /// A rule that there is not.
    #[error(transparent)]
    Rule(#[from] UnknownRule),
    /// A world that there cannot be.
    #[error(transparent)]
    World(SimError),
    /// A leader that cannot be had.
    #[error("n{node} does not come to lead: {error}")]
    NoLeader {
        /// The node.
        node: u64,
        /// Why.
        error: Error,
    },
    /// A command before there is a world.
    #[error("there is no world yet: the first command is `world`")]
    NoWorld,
    /// A second world.
    #[error("there is a world already: a script has one")]
    SecondWorld,
}
