//! tmp
use raftlens_viz::*;
use std::time::Instant;
fn main() {
    let mut sum = [Quality::default(), Quality::default(), Quality::default()];
    let same = std::env::var("SAME").is_ok();
    let verbose = std::env::var("V").is_ok();
    let mut times = vec![];
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
<<<<<<< HEAD
        let graph = match FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()) { Ok(c) => c, Err(e) => { eprintln!("{path}: {e}"); continue } };
=======
        let chart = match Chart::parse(&text) {
            Ok(c) => c,
            Err(e) => {
                eprintln!("{path}: {e}");
                continue;
            }
        };
        let graph = FlowGraph::from(&chart);
>>>>>>> bench
        let s = sized(&graph);
        let t = Instant::now();
        let ours = Embedded.place(&s).unwrap();
        times.push(t.elapsed().as_secs_f64() * 1e3);
        let q = quality(&s, &ours);
        let f = faults(&s, &ours);
        if !f.is_empty() {
            println!("{path}: {:?}", &f[..f.len().min(4)]);
        }
        if verbose {
            println!(
                "{path} {:.2}ms Xi {} len {:.0} area {:.3} bend {:.2} back {} EN {} EC {}",
                times.last().unwrap(),
                q.independent_crossings,
                q.length,
                q.area,
                q.bend,
                q.against,
                q.through_boxes,
                q.through_clusters
            );
        }
        sum[0] = sum[0] + q;
        if same {
            let d = Graphviz::default().place(&s).unwrap();
            let q = quality(&s, &d);
            if verbose {
                println!(
                    "   dot Xi {} len {:.0} area {:.3} bend {:.2} back {}",
                    q.independent_crossings, q.length, q.area, q.bend, q.against
                );
            }
            sum[1] = sum[1] + q;
        }
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.2} ms max {:.2}", times[times.len() / 2], times.last().unwrap());
    println!("{:#?}", sum[0]);
    if same {
        println!("{:#?}", sum[1]);
    }
}
