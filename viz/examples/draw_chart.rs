//! Draws a reference chart: `cargo run -p raftlens-viz --example draw_chart -- dot/1_async_snapshot.dot > chart.svg`

use std::error::Error;
use std::io::Write;

use raftlens_viz::{Chart, DrawOptions, FlowGraph, draw};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: draw_chart CHART.dot > CHART.svg")?;
    let chart = Chart::parse(&std::fs::read_to_string(path)?)?;
    let svg = draw(&FlowGraph::from(&chart), &DrawOptions::default())?;
    std::io::stdout().write_all(svg.as_bytes())?;
    Ok(())
}
