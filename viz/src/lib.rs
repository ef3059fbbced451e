//! raftlens-viz draws the flow of traced services: as SVG with nothing installed, and as DOT.
//!
//! ```text
//! TraceSet --FlowGraph::from_trace--> FlowGraph --measure--> sizes --Layout--> Placed --> SVG
//! *.dot --FlowGraph::from_dot-------> FlowGraph --------------------------------------> DOT
//! ```
//!
//! [`FlowGraph`] is the one graph in the middle: boxes in nested clusters of owners, and arrows with
//! counts and latencies. It is made from spans ([`FlowGraph::from_trace`]), from DOT as people write
//! it ([`FlowGraph::from_dot`]) or from a reference chart ([`Chart`]), and [`draw`] writes it. A
//! [`Layout`] only sees sizes, so engines can be exchanged: [`Embedded`] and, for pictures of time,
//! [`Lanes`] are built in, [`Graphviz`] runs an installed `dot`.
//!
//! ```
//! use raftlens_viz::{Arrow, ArrowKind, DrawOptions, FlowBox, FlowGraph, draw};
//!
//! let mut graph = FlowGraph::new("One call");
//! let mut add = |name: &str| {
//!     let (identity, title) = (format!("Peer::{name}"), name.to_owned());
//!     graph.add_box(FlowBox { identity, title, owner: vec!["Peer".to_owned()], ..FlowBox::default() })
//! };
//! let (propose, inspect) = (add("propose"), add("inspect"));
//! let mut call = Arrow::new(ArrowKind::Call);
//! call.record(12_300); // nanoseconds
//! graph.add_arrow(propose, inspect, call);
//! let svg = draw(&graph, &DrawOptions::default())?;
//! assert!(svg.contains("12.3 / 12.3 µs"));
//! # Ok::<(), raftlens_viz::DrawError>(())
//! ```
//!
//! The crate knows nothing of Raft and nothing of how spans are recorded.

//!
//! # The SVG, for scripts and style sheets
//! Ids and classes stay the same from release to release; ids are made of names only.
//!
//! | element | id | classes | attributes |
//! |---|---|---|---|
//! | a box | `box-Peer.inspect` | `box`, then `function`, `case`, `variable` or `struct` | `data-identity`, `data-calls`, `data-p50-ns`, `data-p99-ns`, `data-file`, `data-line` |
//! | an arrow | `call-TAIL--HEAD`, `data-TAIL--HEAD` | `arrow`, then `call` or `data` | `data-from`, `data-to` (ids), `data-count`, `data-p50-ns`, `data-p99-ns` |
//! | a cluster | | `cluster`, `depth0` to `depth2` | `data-owner` |
//! | a label of an arrow | | `label` | |
//! | the legend | | `legend` | |
//!
//! More classes say more: `wrong`; `faint` for what a measured run never took; `heat0` to `heat4`
//! ([`Heat`]); `never-taken`, `gone`, `undocumented`
//! `code-only`, and of two graphs `added`, `removed`, `slower`, `faster` ([`Provenance`]); `data-seen` names the views that have a part ([`Seen`]). Every colour is a variable
//! on `.raftlens-chart` that a page can set: `--ground`, `--ink`, `--quiet`, `--call`, `--data`,
//! `--cluster-line`, `--cluster0` and so on, `--function-fill`, `--function-line` and so on for each
//! kind, `--heat0-fill`, `--heat0-line` and so on. Boxes stand in the file, and take the keyboard's
//! focus, in the order in which they are read.

#![forbid(unsafe_code)]

mod authored;
mod chart;
#[cfg(feature = "source")]
pub mod check;
mod describe;
pub mod diff;
mod dot;
mod draw;
mod flow_graph;
mod from_dot;
#[cfg(feature = "source")]
pub mod from_source;
mod from_trace;
mod heat;
mod latency;
mod layout;
mod measure;
#[cfg(feature = "source")]
pub mod merge;
mod mermaid;
#[cfg(feature = "png")]
mod picture;
mod previous;
mod provenance;
mod source_link;
mod style;
mod svg;
mod text;
mod units;

pub use authored::{
    Align, ArrowHead, AuthoredArrow, AuthoredBox, AuthoredCluster, AuthoredGraph, AuthoredRank,
    Cell, DotAttribute, GridCell, Look, Rgba, Shape, TextLine,
};
pub use chart::{Chart, ChartArrow, ChartBox, ChartError};
pub use dot::{DotError, DotFault};
pub use draw::{DrawError, DrawOptions, Engine, Format, draw, draw_with, sized};
pub use flow_graph::{
    Arrow, ArrowId, ArrowKind, BoxId, BoxKind, Cluster, FlowBox, FlowGraph, LeftOut, Reading, Tone,
};
pub use from_dot::DotOptions;
pub use from_trace::{FromTraceError, Options};
pub use heat::Heat;
pub use latency::Latency;
pub use layout::{
    ArrowHints, Direction, Embedded, Graphviz, Hints, Lanes, Layout, LayoutError, Outline, Placed,
    PlacedArrow, Point, Quality, RankKind, Rect, Side, Size, SizedArrow, SizedBox, SizedCluster,
    SizedGraph, SizedPort, Splines, faults, layout_json, quality,
};
#[cfg(feature = "pdf")]
pub use picture::pdf;
#[cfg(feature = "png")]
pub use picture::{Picture, PictureError, PictureFonts, PictureOptions, png};
pub use previous::{Previous, PreviousError};
pub use provenance::{Provenance, Seen};
pub use units::duration;
