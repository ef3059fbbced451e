//! The fuzz target of the reader of Rust source without a fuzzer: its seeds, then mutations of them
//! from a fixed seed. No input may make it panic, tell of places outside of the file, or tell different
//! things of the same file.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![allow(clippy::print_stderr, reason = "a test says what made it fail")]

#[path = "../fuzz/src/source.rs"]
#[allow(unreachable_pub, reason = "it is part of a crate of its own for the fuzzer")]
mod source;

mod mutated;

/// How often the target is given something new.
const ROUNDS: usize = 1_500;
/// Pieces that mean something to the reader.
const PIECES: [&str; 32] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "<",
    ">",
    "::",
    "->",
    "=>",
    ";",
    ",",
    "&",
    "'a ",
    "!",
    "|x| ",
    "..",
    "self.",
    "Self",
    "fn f() {",
    "impl ",
    "struct S",
    "dyn ",
    "match ",
    "use a::",
    "mod m {",
    "#[cfg(x)]",
    "m!{",
    "\"",
    "/*",
    "读",
    "where T: ",
];

#[test]
fn any_source_is_read_or_refused() {
    let (mut parsed, mut refused) = (0, 0);
    mutated::replay(source::TARGET, &PIECES, ROUNDS, |bytes| {
        let graph = source::read(bytes);
        match graph.lines {
            0 => refused += 1,
            _ => parsed += 1,
        }
    });
    // Else the mutations show less than they seem to.
    assert!(parsed > ROUNDS / 20 && refused > ROUNDS / 20, "{parsed} parsed, {refused} refused");
}
