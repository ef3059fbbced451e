//! tmp
#[path = "../fuzz-layout/src/lib.rs"]
#[allow(dead_code)]
mod target;
#[path = "../benches/layout/corpus/mod.rs"]
#[allow(dead_code)]
mod corpus;
use raftlens_viz::*;
fn bytes(seed: u64) -> Vec<u8> { let mut random = corpus::Random::new(seed); let count = random.between(8, 600); (0..count).map(|_| random.below(256) as u8).collect() }
fn main() {
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let from: u64 = std::env::args().nth(2).map_or(0, |v| v.parse().unwrap());
    for seed in from..n { let g = target::graph(&bytes(seed));
        let r = std::panic::catch_unwind(|| Embedded.place(&g));
        match r { Ok(Ok(p)) => { let f = faults(&g, &p); let f: Vec<_> = f.into_iter().filter(|f| !(g.hints.splines == Splines::Straight && f.contains("passes"))).collect(); if !f.is_empty() { let info: Vec<String> = f.iter().take(2).map(|t| { let w: Vec<&str> = t.split(' ').collect(); if w[0]=="arrow" { let i: usize = w[1].parse().unwrap(); let a=&g.arrows[i]; format!("{}->{} ports {:?} {:?} label {:?} flat {} pts {:?} from {:?} to {:?}", a.from,a.to,a.from_port.map(|q| g.boxes[a.from].ports[q].side),a.to_port.map(|q| g.boxes[a.to].ports[q].side),a.label.is_some(), (p.boxes[a.from].center().x-p.boxes[a.to].center().x).abs()<1.0, p.arrows[i].points, p.boxes[a.from], p.boxes[a.to]) } else if w[0]=="cluster" { let i: usize=w[1].parse().unwrap(); format!("{:?} {:?}", g.clusters[i], p.clusters[i]) } else { String::new() } }).collect(); println!("{info:#?}"); for (i, b) in p.boxes.iter().enumerate() { println!("box {i} {b:?} cl {:?} {:?} rank gap {:?} {:?}", g.boxes[i].cluster, g.boxes[i].outline, g.hints.rank_gap, g.hints.box_gap); } for (i,c) in p.clusters.iter().enumerate() { println!("cl {i} {c:?} parent {:?}", g.clusters[i].parent); } println!("{seed} {:?} {:?} b{} c{} a{} {:?}", g.hints.splines, g.hints.direction, g.boxes.len(), g.clusters.len(), g.arrows.len(), &f[..f.len().min(3)]); } } Ok(Err(_)) => {} Err(_) => println!("{seed} PANIC") } }
}
