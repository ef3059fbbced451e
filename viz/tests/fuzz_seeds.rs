//! The fuzz targets without a fuzzer: their seeds, then mutations of them from a fixed seed. No input
//! may make the reader of DOT panic, name a place outside of it, or write what it cannot read.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![allow(clippy::print_stderr, reason = "a test says what made it fail")]

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
mod targets;

use std::fs;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

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

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(".").join("fuzz/seeds").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Says which input it was, if the reader does not survive it.
struct Culprit<'a>(&'a [u8]);

impl Drop for Culprit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this is not survived: {:.4000}", String::from_utf8_lossy(self.0));
        }
    }
}

fn change(random: &mut SmallRng, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let start = random.random_range(0..=bytes.len());
    let slice = start..random.random_range(start..=bytes.len());
    match random.random_range(0..7) {
        0 => bytes.truncate(start),
        1 => drop(bytes.drain(slice)),
        2 => {
            let copy = bytes[slice].to_vec();
            bytes.splice(start..start, copy);
        }
        3 => {
            let other = &seeds[random.random_range(0..seeds.len())];
            let from = random.random_range(0..=other.len());
            let to = random.random_range(from..=other.len());
            bytes.splice(slice, other[from..to].iter().copied());
        }
        4 => {
            if let Some(byte) = bytes.get_mut(start) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        times => {
            let piece = PIECES[random.random_range(0..PIECES.len())];
            let most = if times == 5 { 2 } else { 700 };
            bytes.splice(start..start, piece.repeat(random.random_range(1..most)).into_bytes());
        }
    }
}

fn replay(name: &str) {
    let seeds = seeds(name);
    let mut random = SmallRng::seed_from_u64(6);
    for round in 0..ROUNDS + seeds.len() {
        let mut bytes = seeds[round % seeds.len()].clone();
        if round >= seeds.len() {
            (0..random.random_range(1..5)).for_each(|_| change(&mut random, &mut bytes, &seeds));
        }
        let _culprit = Culprit(&bytes);
        targets::read(&bytes);
    }
}

#[test]
fn any_dot_is_read_or_refused() {
    replay(targets::TARGETS[0]);
}

#[test]
fn any_macros_are_expanded_or_refused() {
    replay(targets::TARGETS[1]);
}
