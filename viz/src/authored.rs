//! What the author of a chart said beyond boxes and arrows: shapes, cells, colours, ranks, titles.
//!
//! Values are checked when they are read, so that writers can use them as they are. The attributes
//! of the file are kept beside them, whole, so that a chart can be written again without loss.

use std::collections::HashMap;

use crate::flow_graph::BoxId;
use crate::layout::{ArrowHints, Direction, RankKind, Side, Splines};

/// An attribute of a DOT file: its value with quotes undone and backslashes as they stand.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DotAttribute {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value stands in angle brackets.
    pub is_html: bool,
}

/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgba {
    /// Red, green and blue.
    pub rgb: [u8; 3],
    /// 255 is opaque.
    pub alpha: u8,
}

/// Colours and lines that the author chose; what is `None` or `false` is left to the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Look {
    /// Inside (`fillcolor`, or `bgcolor` of a cluster), only where it is filled.
    pub fill: Option<Rgba>,
    /// Lines (`color`).
    pub line: Option<Rgba>,
    /// Text (`fontcolor`).
    pub ink: Option<Rgba>,
    /// Broken lines.
    pub is_dashed: bool,
    /// Dotted lines.
    pub is_dotted: bool,
    /// Thick lines.
    pub is_bold: bool,
    /// Round corners.
    pub is_rounded: bool,
    /// Takes its room and is not drawn.
    pub is_invisible: bool,
    /// Width of lines in tenths of a point.
    pub pen_tenths: Option<u16>,
}

/// The outline of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Shape {
    /// An ellipse or circle, what Graphviz draws unasked.
    #[default]
    Ellipse,
    /// A rectangle.
    Box,
    /// A diamond.
    Diamond,
    /// A rectangle of cells.
    Record,
    /// The same with round corners.
    RoundRecord,
    /// No outline, only the text.
    Plain,
    /// A sheet with a folded corner.
    Note,
    /// A drum.
    Cylinder,
    /// Six sides.
    Hexagon,
    /// A leaning rectangle.
    Parallelogram,
    /// A dot without text.
    Point,
    /// A line below the text.
    Underline,
}

/// What stands at the end of an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum HeadShape {
    /// A triangle.
    #[default]
    Normal,
    /// A triangle that points back.
    Inverse,
    /// A triangle with a notch.
    Vee,
    /// A crow's foot.
    Crow,
    /// A diamond.
    Diamond,
    /// A dot.
    Dot,
    /// A square.
    Box,
    /// A bar.
    Tee,
}

/// A head with its ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ArrowHead {
    /// Its shape.
    pub shape: HeadShape,
    /// Only its outline is drawn.
    pub is_open: bool,
}

/// Where a line of text stands in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Align {
    /// In the middle.
    #[default]
    Center,
    /// At the left.
    Left,
    /// At the right.
    Right,
}

/// A line of a label.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TextLine {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub align: Align,
}

/// What stands in a box, or in a part of one: lines of text, or cells.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cell {
    /// The name by which arrows meet it.
    pub port: Option<String>,
    /// Text; none where there are cells.
    pub lines: Vec<TextLine>,
    /// Cells inside.
    pub grid: Vec<GridCell>,
    /// Its own ground.
    pub fill: Option<Rgba>,
    /// Whether a line runs round it.
    pub has_border: bool,
}

/// A cell at its place among others, which may reach over several columns and rows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GridCell {
    /// First column and row, from 0.
    pub at: (usize, usize),
    /// Columns and rows that it takes, at least 1.
    pub span: (usize, usize),
    /// The cell.
    pub cell: Cell,
}

/// What the author said of a box.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuthoredBox {
    /// All attributes of the file, defaults included.
    pub attributes: Vec<DotAttribute>,
    /// Its outline.
    pub shape: Shape,
    /// Its colours.
    pub look: Look,
    /// Least width and height in points (`width`, `height`).
    pub least: (u32, u32),
    /// How many lines run round it (`peripheries`).
    pub outlines: u8,
    /// Size of its letters in tenths of a point (`fontsize`), where the author says one.
    pub font_tenths: Option<u16>,
    /// What stands in it.
    pub cell: Cell,
    /// What the pointer shows, in place of our own words.
    pub tooltip: Option<String>,
}

/// What the author said of an arrow.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AuthoredArrow {
    /// All attributes of the file, defaults included.
    pub attributes: Vec<DotAttribute>,
    /// Its colours.
    pub look: Look,
    /// The side of the tail that it leaves (a compass point).
    pub from_side: Option<Side>,
    /// The side of the head that it meets.
    pub to_side: Option<Side>,
    /// Port and compass point of the tail, as the file has them.
    pub from_port: Option<String>,
    /// Port and compass point of the head, as the file has them.
    pub to_port: Option<String>,
    /// Whether there is a head at its beginning.
    pub has_tail_head: bool,
    /// Whether there is no head at its end.
    pub is_headless: bool,
    /// The head at its beginning, where there is one.
    pub tail: ArrowHead,
    /// The head at its end, where there is one.
    pub head: ArrowHead,
    /// Where it leads to (`edgeURL`, `URL`).
    pub url: Option<String>,
    /// Its way; the clusters in it are those below.
    pub hints: ArrowHints,
    /// Path of the cluster whose border it starts at.
    pub from_cluster: Option<Vec<String>>,
    /// Path of the cluster whose border it ends at.
    pub to_cluster: Option<Vec<String>>,
}

/// What the author said of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuthoredCluster {
    /// What was said of it in the file, and what it inherits from the graphs around it.
    pub attributes: Vec<DotAttribute>,
    /// Its title.
    pub title: Vec<TextLine>,
    /// Its colours.
    pub look: Look,
}

/// Boxes that stand in one rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoredRank {
    /// Which rank.
    pub kind: RankKind,
    /// The word of the file: `same`, `min`, `max`, `source` or `sink`.
    pub word: String,
    /// Path of the cluster in which it was said.
    pub owner: Vec<String>,
    /// The boxes.
    pub boxes: Vec<BoxId>,
}

/// What the author said of the chart as a whole.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AuthoredGraph {
    /// Name of the graph in the file.
    pub name: String,
    /// All attributes of the file.
    pub attributes: Vec<DotAttribute>,
    /// A `graph` and no `digraph`: arrows have no heads.
    pub is_undirected: bool,
    /// At most one arrow between two boxes.
    pub is_strict: bool,
    /// Which way it is read; Graphviz reads from the top unasked.
    pub direction: Direction,
    /// How arrows run.
    pub splines: Splines,
    /// Room between neighbours in a rank, in points.
    pub box_gap: Option<f64>,
    /// Room between ranks, in points.
    pub rank_gap: Option<f64>,
    /// Ranks, in the order of the file.
    pub ranks: Vec<AuthoredRank>,
    /// Clusters, by their paths.
    pub clusters: HashMap<Vec<String>, AuthoredCluster>,
}
