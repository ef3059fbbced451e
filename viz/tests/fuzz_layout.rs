//! The fuzz target of the layout without a fuzzer: its seeds, and random bytes that are the same in
//! each run. Every graph that they make is refused with a typed error or placed without a fault.

#[path = "../fuzz-layout/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
mod target;

#[path = "../benches/layout/corpus/mod.rs"]
mod corpus;

use raftlens_viz::{Embedded, Layout, Placed, Size, SizedBox, SizedGraph};

const ROUNDS: u64 = 400;

fn bytes(seed: u64) -> Vec<u8> {
    let mut random = corpus::Random::new(seed);
    let count = random.between(8, 600);
    (0..count).map(|_| random.below(256) as u8).collect()
}

#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let folder = std::path::Path::new(".").join("fuzz-layout/seeds/place");
    let files = std::fs::read_dir(folder).expect("seeds").map(|it| it.expect("a seed").path());
    let count = files.map(|path| target::run(&std::fs::read(path).expect("a seed"))).count();
    assert!(count >= 7, "{count} seeds");
}

#[test]
fn random_graphs_are_refused_or_placed_without_faults() {
    let (mut placed, mut refused) = (0, 0);
    for seed in 0..ROUNDS {
        let graph = target::graph(&bytes(seed));
        match target::check(&graph, Embedded.place(&graph)) {
            true => placed += 1,
            false => refused += 1,
        }
    }
    // Otherwise the bytes would not reach what they are for.
    assert!(placed > ROUNDS / 2 && refused > ROUNDS / 20, "{placed} placed, {refused} refused");
}

#[test]
#[cfg(panic = "unwind")]
fn a_picture_with_a_fault_is_noticed() {
    let sized = SizedBox { size: Size { width: 10.0, height: 10.0 }, ..SizedBox::default() };
    let graph = SizedGraph { boxes: vec![sized.clone(), sized], ..SizedGraph::default() };
    let mut placed = Embedded.place(&graph).expect("two boxes");
    assert!(target::check(&graph, Ok(placed.clone())));
    placed.boxes[1] = placed.boxes[0];
    let check = |placed: Placed| std::panic::catch_unwind(|| target::check(&graph, Ok(placed)));
    assert!(check(placed).is_err());
    assert!(target::graph(&[]).boxes.is_empty());
}
