//! tmp
use raftlens_viz::*;
fn main() { let p = std::env::args().nth(1).unwrap(); let t = std::fs::read(&p).unwrap(); let g = FlowGraph::from_dot(&t, &DotOptions::default()).unwrap(); let o = DrawOptions::default(); let s = if std::env::var("DOT").is_ok() { draw_with(&g,&o,&Graphviz::default()) } else { draw(&g,&o) }.unwrap(); print!("{s}"); }
