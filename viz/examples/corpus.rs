//! Writes the charts that layouts are measured on as DOT files:
//! `cargo run --release -p raftlens-viz --example corpus -- FOLDER`

#[path = "../benches/layout/corpus/mod.rs"]
mod corpus;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: corpus FOLDER")?);
    fs::create_dir_all(&folder)?;
    let mut charts = corpus::charts(corpus::CHARTS);
    for boxes in corpus::layered::SIZES {
        charts.extend([false, true].map(|clustered| corpus::layered::chart(boxes, clustered)));
    }
    for chart in &charts {
        fs::write(folder.join(format!("{}.dot", chart.name)), corpus::dot::write(chart))?;
    }
    Ok(())
}
