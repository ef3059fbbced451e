//! A service that has nothing to do with Raft: its spans become a call-flow chart.
//!
//! `cargo run --release --example chart_of_any_service > checkout.svg`

#![allow(clippy::print_stdout)]

use raftlens_tracer::init;
use raftlens_viz::{DrawOptions, FlowGraph, Options, draw};

#[tracing::instrument]
fn checkout(order: u64) {
    reserve(order);
    if order.is_multiple_of(3) {
        ask_for_payment(order);
    }
}

#[tracing::instrument]
fn reserve(order: u64) {
    tracing::info!(title = "in stock", "case");
}

#[tracing::instrument]
fn ask_for_payment(order: u64) {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recording = init().service_name("shop").memory().install()?;
    (0..10).for_each(checkout);
    let traces = recording.memory().take();
    let options = Options { title: "A checkout".to_owned(), ..Options::default() };
    println!("{}", draw(&FlowGraph::from_trace(&traces, &options)?, &DrawOptions::default())?);
    Ok(())
}
