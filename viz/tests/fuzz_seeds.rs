//! The fuzz targets without a fuzzer: their seeds, then mutations of them from a fixed seed. No input
//! may make the reader of DOT panic, name a place outside of it, or write what it cannot read.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![allow(clippy::print_stderr, reason = "a test says what made it fail")]

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
mod targets;

mod mutated;

/// How often each target is given something new.
const ROUNDS: usize = 4_000;
/// Pieces that mean something to the reader.
const PIECES: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    "->",
    "--",
    "\"",
    "<",
    ">",
    "|",
    ";",
    ",",
    ":",
    "=",
    "\\",
    "\\\n",
    "\n",
    "#",
    "subgraph cluster_x {",
    "strict ",
    "node [shape=record label=\"",
    "#define a ",
    "#if 1\n",
    "#endif\n",
    "label=<<table><tr><td port='p'>",
    "rank=same ",
    "/*",
    "读",
];

#[test]
fn any_dot_is_read_or_refused() {
    mutated::replay(targets::TARGETS[0], &PIECES, ROUNDS, targets::read);
}

#[test]
fn any_macros_are_expanded_or_refused() {
    mutated::replay(targets::TARGETS[1], &PIECES, ROUNDS, targets::read);
}
