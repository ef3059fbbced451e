//! Draws a DOT file: `cargo run -p raftlens-viz --example draw_chart -- dot/1_async_snapshot.dot > chart.svg`

use std::error::Error;
use std::io::Write;

use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, Format, draw};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: draw_chart CHART.dot [svg|dot|layout-json] > FILE")?;
    let format = match args.next().as_deref() {
        Some("dot") => Format::Dot,
        Some("layout-json") => Format::LayoutJson,
        _ => Format::Svg,
    };
    let options = DotOptions { file: Some(path.clone().into()), ..DotOptions::default() };
    let graph = FlowGraph::from_dot(&std::fs::read(path)?, &options)?;
    let drawn = draw(&graph, &DrawOptions { format, ..DrawOptions::default() })?;
    std::io::stdout().write_all(drawn.as_bytes())?;
    Ok(())
}
