//! raftlens-viz draws the flow of traced services: as SVG with nothing installed, and as DOT.
//!
//! ```text
//! TraceSet --FlowGraph::from_trace--> FlowGraph --measure--> sizes --Layout--> Placed --> SVG
//! dot/*.dot --Chart::parse----------> FlowGraph --------------------------------------> DOT
//! ```
//!
//! [`FlowGraph`] is the one graph in the middle: boxes in nested clusters of owners, and arrows with
//! counts and latencies. It is made from spans ([`FlowGraph::from_trace`]) or from one of our own
//! reference charts ([`Chart`]), and [`draw`] writes it. A [`Layout`] only sees sizes, so engines
//! can be exchanged: [`Embedded`] is built in, [`Graphviz`] runs an installed `dot`.
//!
//! The crate knows nothing of Raft and nothing of how spans are recorded.

#![forbid(unsafe_code)]

mod chart;
mod describe;
mod dot;
mod draw;
mod flow_graph;
mod from_trace;
mod large_stack;
mod latency;
mod layout;
mod measure;
mod source_link;
mod style;
mod svg;
mod text;
mod units;

pub use chart::{Chart, ChartArrow, ChartBox, ChartError};
pub use draw::{DrawError, DrawOptions, Engine, Format, draw, draw_with, sized};
pub use flow_graph::{
    Arrow, ArrowId, ArrowKind, BoxId, BoxKind, Cluster, FlowBox, FlowGraph, LeftOut,
};
pub use from_trace::{FromTraceError, Options};
pub use latency::Latency;
pub use layout::{
    Embedded, Graphviz, Layout, LayoutError, Placed, PlacedArrow, Point, Rect, Size, SizedArrow,
    SizedBox, SizedCluster, SizedGraph, SizedPort, faults, layout_json,
};
