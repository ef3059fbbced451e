//! The pipeline: a [`FlowGraph`] is measured, placed by a layout and written in a format.

use thiserror::Error;

use crate::dot;
use crate::flow_graph::{FlowGraph, Reading};
use crate::heat::Heat;
use crate::layout::{self, Embedded, Graphviz, Lanes, Layout, LayoutError, SizedGraph};
use crate::measure::measure;
use crate::mermaid;
use crate::previous::Previous;
use crate::svg;

/// What to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A picture for any browser.
    #[default]
    Svg,
    /// A file for Graphviz.
    Dot,
    /// A flowchart that wikis and code hosts draw themselves.
    Mermaid,
    /// Coordinates as JSON, for measuring layouts.
    LayoutJson,
}

/// Which engine places the picture; DOT and Mermaid files need none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Ours; needs nothing installed.
    #[default]
    Embedded,
    /// `dot` of an installed Graphviz.
    Dot,
}

/// How to draw.
#[derive(Clone, Debug, Default)]
pub struct DrawOptions {
    /// What to write.
    pub format: Format,
    /// Which engine places it.
    pub engine: Engine,
    /// Template of links to source lines with `{file}` and `{line}`; the plain path without it.
    pub source_url: Option<String>,
    /// What the colours of an SVG tell of measured boxes and arrows.
    pub heat: Heat,
    /// An earlier picture of nearly the same graph: what stayed moves little.
    pub previous: Option<Previous>,
    /// Width over height that is wanted, as far as independent parts can be put beside or below each
    /// other. Both are heard by [`Embedded`] alone.
    pub aspect: Option<f64>,
}

/// Why a graph could not be drawn.
#[derive(Debug, Error)]
pub enum DrawError {
    /// The layout failed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// Draws `graph`: the text of an SVG, DOT, Mermaid or JSON file, the same bytes for the same graph.
///
/// # Errors
/// When the layout fails: `dot` is asked for and missing, or an engine cannot cope with the graph.
pub fn draw(graph: &FlowGraph, options: &DrawOptions) -> Result<String, DrawError> {
    match (options.engine, graph.reading) {
        (Engine::Embedded, Reading::Flow) => draw_with(graph, options, &Embedded),
        (Engine::Embedded, Reading::Time) => draw_with(graph, options, &Lanes),
        (Engine::Dot, _) => draw_with(graph, options, &Graphviz::default()),
    }
}

/// As [`draw`], with any layout; `options.engine` is not looked at.
///
/// # Errors
/// When `engine` fails.
pub fn draw_with(
    graph: &FlowGraph,
    options: &DrawOptions,
    engine: &dyn Layout,
) -> Result<String, DrawError> {
    let source_url = options.source_url.as_deref();
    if options.format == Format::Dot {
        return Ok(dot::write(graph, source_url));
    }
    if options.format == Format::Mermaid {
        return Ok(mermaid::write(graph, source_url));
    }
    let mut scene = measure(graph);
    let hints = &mut scene.sized.hints;
    hints.aspect = options.aspect.or(hints.aspect);
    if let Some(previous) = &options.previous {
        hints.previous = previous.places(graph, hints.direction);
    }
    let placed = engine.place(&scene.sized)?;
    Ok(match options.format {
        Format::LayoutJson => layout::layout_json(&scene.sized, &placed, &dot::box_names(graph)),
        Format::Svg | Format::Dot | Format::Mermaid => svg::write(graph, &scene, &placed, options),
    })
}

/// The sizes of everything in the picture of `graph`: what a [`Layout`] is given by [`draw`].
pub fn sized(graph: &FlowGraph) -> SizedGraph {
    measure(graph).sized
}
