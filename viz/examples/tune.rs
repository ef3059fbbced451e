//! tmp
use raftlens_viz::*;
use std::time::Instant;
fn main() {
    let mut sum = Quality::default();
    let verbose = std::env::var("V").is_ok();
    let mut times = vec![];
    let mut out = String::new();
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let graph = match FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()) { Ok(c) => c, Err(e) => { eprintln!("{path}: {e}"); continue } };
        let s = sized(&graph);
        let t = Instant::now();
        let ours = Embedded.place(&s).unwrap();
        times.push(t.elapsed().as_secs_f64() * 1e3);
        let q = quality(&s, &ours);
        let f = if s.boxes.len() < 400 { faults(&s, &ours) } else { vec![] };
        if !f.is_empty() { out += &format!("{path}: {:?}\n", &f[..f.len().min(4)]); }
        if verbose { out += &format!("{path} {:.2}ms Xi {} len {:.0} area {:.3} bend {:.2} back {} EN {} EC {}\n", times.last().unwrap(), q.independent_crossings, q.length, q.area, q.bend, q.against, q.through_boxes, q.through_clusters); }
        sum = sum + q;
    }
    times.sort_by(f64::total_cmp);
    println!("{out}median {:.2} ms max {:.2}", times[times.len() / 2], times.last().unwrap());
    println!("{sum:#?}");
}
