//! Seeds of a fuzz target, and mutations of them from a fixed seed: what a fuzzer does, only blindly.

use std::fs;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The seeds of target `name`, in the order of their names.
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

/// Changes one thing; `pieces` mean something to the reader.
fn change(random: &mut SmallRng, bytes: &mut Vec<u8>, (seeds, pieces): (&[Vec<u8>], &[&str])) {
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
            let piece = pieces[random.random_range(0..pieces.len())];
            let most = if times == 5 { 2 } else { 700 };
            bytes.splice(start..start, piece.repeat(random.random_range(1..most)).into_bytes());
        }
    }
}

/// Puts one of its words in the place of another, so that it mostly can still be read.
fn exchange_word(random: &mut SmallRng, bytes: &mut Vec<u8>) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let word = |random: &mut SmallRng| {
        let start = random.random_range(0..=bytes.len());
        let before = bytes[..start].iter().rev().take_while(|byte| is_word(byte)).count();
        let after = bytes[start..].iter().take_while(|byte| is_word(byte)).count();
        start - before..start + after
    };
    let (from, to) = (word(random), word(random));
    let copy = bytes[from].to_vec();
    bytes.splice(to, copy);
}

/// Gives `read` the seeds of target `name`, then `rounds` mutations of them.
pub(crate) fn replay(name: &str, pieces: &[&str], rounds: usize, mut read: impl FnMut(&[u8])) {
    let seeds = seeds(name);
    let mut random = SmallRng::seed_from_u64(6);
    for round in 0..rounds + seeds.len() {
        let mut bytes = seeds[round % seeds.len()].clone();
        if round >= seeds.len() {
            let times = random.random_range(1..5);
            for _ in 0..times {
                match round % 2 {
                    0 => exchange_word(&mut random, &mut bytes),
                    _ => change(&mut random, &mut bytes, (&seeds, pieces)),
                }
            }
        }
        let _culprit = Culprit(&bytes);
        read(&bytes);
    }
}
