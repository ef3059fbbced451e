//! From a [`FlowGraph`] to sizes: which lines of text stand in each box, and what room they need.

pub(crate) mod cells;
mod hints;

use crate::describe;
use crate::flow_graph::{Arrow, BoxId, BoxKind, Cluster, FlowBox, FlowGraph, Reading};
use crate::layout::{Rect, Size, SizedArrow, SizedBox, SizedCluster, SizedGraph, SizedPort};
use crate::style::{ARROW_LABEL_SIZE, CLUSTER_SIZE, NOTE_SIZE, TITLE_SIZE};
use crate::text::{Line, wrap};
use cells::DrawnCells;
use hints::Ports;

/// Room left and right of the text in a box.
pub(crate) const PAD_X: f64 = 9.0;
/// Room above and below the text in a box.
pub(crate) const PAD_Y: f64 = 6.0;
/// Height of a line of a title.
pub(crate) const TITLE_LINE: f64 = 15.0;
/// Height of the line with what was measured.
pub(crate) const NOTE_LINE: f64 = 12.0;
/// Height of a field of a record.
pub(crate) const FIELD_ROW: f64 = 17.0;
/// Height of a line of a label on an arrow.
pub(crate) const LABEL_LINE: f64 = 11.0;
/// Height of a cluster's title.
pub(crate) const CLUSTER_LINE: f64 = 16.0;

/// Longest line in a box; longer titles are broken.
const BOX_ROOM: f64 = 250.0;
/// The same where boxes stand in columns, several beside each other.
const LANE_ROOM: f64 = 176.0;
/// Longest title of a cluster.
const CLUSTER_ROOM: f64 = 400.0;
/// Most lines of a title.
const TITLE_LINES: usize = 4;
/// Most lines of a note.
const NOTE_LINES: usize = 3;
/// Most fields of a record that are shown; the tooltip has all.
const FIELDS: usize = 40;
/// The fold of a value's corner and the round ends of a branch need room of their own.
const SHAPE_ROOM: f64 = 5.0;
const LEAST_WIDTH: f64 = 46.0;

/// The texts of a box.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BoxText {
    pub(crate) title: Vec<Line>,
    /// What was measured or noted.
    pub(crate) notes: Vec<Line>,
    /// Rows of a record.
    pub(crate) fields: Vec<Line>,
    /// What stands in a box that has an author, in place of title and fields.
    pub(crate) cells: Option<DrawnCells>,
}

/// All texts with the graph of their sizes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    pub(crate) sized: SizedGraph,
    pub(crate) boxes: Vec<BoxText>,
    pub(crate) clusters: Vec<Line>,
    pub(crate) arrows: Vec<Vec<Line>>,
}

/// Measures everything that is written in the picture of `graph`.
pub(crate) fn measure(graph: &FlowGraph) -> Scene {
    let (clusters, of_box) = graph.clusters();
    let mut scene = Scene {
        sized: SizedGraph::default(),
        boxes: Vec::with_capacity(graph.box_count()),
        clusters: Vec::with_capacity(clusters.len()),
        arrows: Vec::with_capacity(graph.arrow_count()),
    };
    for cluster in &clusters {
        let title = Line::shortened(&graph.cluster_title(cluster), CLUSTER_SIZE, CLUSTER_ROOM);
        // A cluster without a title keeps no room for one.
        let height = if title.text.is_empty() { 0.0 } else { CLUSTER_LINE };
        let size = Size { width: title.room, height };
        scene.sized.clusters.push(SizedCluster { parent: cluster.parent, title: size });
        scene.clusters.push(title);
    }
    let room = match graph.reading {
        Reading::Flow => BOX_ROOM,
        Reading::Time => LANE_ROOM,
    };
    for ((_, flow_box), cluster) in graph.boxes().zip(of_box) {
        let (sized, text) = match &flow_box.authored {
            Some(authored) => {
                let notes = notes(flow_box, room);
                let (sized, cells) = cells::authored(authored, &notes);
                let text =
                    BoxText { title: Vec::new(), notes, fields: Vec::new(), cells: Some(cells) };
                (sized, text)
            }
            None => {
                let text = box_text(flow_box, room);
                (size_of(&text, &flow_box.kind), text)
            }
        };
        scene.sized.boxes.push(SizedBox { cluster, ..sized });
        scene.boxes.push(text);
    }
    scene.sized.hints = hints::of_graph(graph);
    let mut ports: Vec<Ports> = Vec::new();
    ports.resize_with(graph.box_count(), Ports::default);
    for (_, from, to, arrow) in graph.arrows() {
        let lines = arrow_lines(arrow);
        let sized = sized_arrow(graph, (from, to), arrow, &lines);
        scene.sized.arrows.push(sized);
        authored_ends(&mut scene, &mut ports, (from, to), (arrow, &clusters));
        scene.arrows.push(lines);
    }
    scene
}

/// Height of the part of a box above its fields.
pub(crate) fn head_height(text: &BoxText) -> f64 {
    2.0 * PAD_Y + TITLE_LINE * text.title.len() as f64 + NOTE_LINE * text.notes.len() as f64
}

/// Ends and hints of an arrow whose author named ports or sides.
fn authored_ends(
    scene: &mut Scene,
    ports: &mut [Ports],
    (from, to): (BoxId, BoxId),
    (arrow, clusters): (&Arrow, &[Cluster]),
) {
    let Some(authored) = &arrow.authored else { return };
    let mut index = |end: BoxId, name: Option<&str>, side| {
        let cells = scene.boxes[end.index()].cells.as_ref()?;
        ports[end.index()].index(&mut scene.sized.boxes[end.index()], cells, (name, side))
    };
    let from_port = index(from, arrow.from_port.as_deref(), authored.from_side);
    let to_port = index(to, arrow.to_port.as_deref(), authored.to_side);
    if let Some(sized) = scene.sized.arrows.last_mut() {
        sized.from_port = from_port.or(sized.from_port);
        sized.to_port = to_port.or(sized.to_port);
        sized.hints = hints::of_arrow(arrow, clusters);
    }
}

/// What was measured or noted of a box, below its title.
fn notes(flow_box: &FlowBox, room: f64) -> Vec<Line> {
    let note = describe::measured(flow_box);
    // What was measured is one line by its making; what was noted may be longer.
    match (flow_box.calls, note) {
        (_, None) => Vec::new(),
        (0, Some(note)) => wrap(&note, NOTE_SIZE, room, NOTE_LINES),
        (_, Some(note)) => vec![Line::shortened(&note, NOTE_SIZE, room)],
    }
}

fn box_text(flow_box: &FlowBox, room: f64) -> BoxText {
    let fields = match &flow_box.kind {
        BoxKind::Struct { fields } => fields.as_slice(),
        BoxKind::Function | BoxKind::Variable | BoxKind::Case => &[],
    };
    BoxText {
        title: wrap(&flow_box.title, TITLE_SIZE, room, TITLE_LINES),
        notes: notes(flow_box, room),
        cells: None,
        fields: fields
            .iter()
            .take(FIELDS)
            .map(|field| Line::shortened(field, NOTE_SIZE, BOX_ROOM))
            .collect(),
    }
}

fn size_of(text: &BoxText, kind: &BoxKind) -> SizedBox {
    let lines = text.title.iter().chain(&text.notes).chain(&text.fields);
    let widest = lines.map(|line| line.room).fold(0.0, f64::max);
    let shape = match kind {
        BoxKind::Function | BoxKind::Struct { .. } => 0.0,
        BoxKind::Variable | BoxKind::Case => 2.0 * SHAPE_ROOM,
    };
    let head = head_height(text);
    // Whole points keep the bytes of a picture short and its edges sharp.
    let width = (widest + 2.0 * PAD_X + shape).ceil().max(LEAST_WIDTH);
    let port = |index: usize| {
        let y = head + FIELD_ROW * index as f64;
        SizedPort { area: Rect { x: 0.0, y, width, height: FIELD_ROW }, side: None }
    };
    SizedBox {
        size: Size { width, height: head + FIELD_ROW * text.fields.len() as f64 },
        cluster: None,
        anchor: (!text.fields.is_empty()).then_some(head / 2.0),
        ports: (0..text.fields.len()).map(port).collect(),
        ..SizedBox::default()
    }
}

fn arrow_lines(arrow: &Arrow) -> Vec<Line> {
    let label = describe::arrow_label(arrow);
    label.iter().map(|line| Line::shortened(line, ARROW_LABEL_SIZE, BOX_ROOM)).collect()
}

fn sized_arrow(
    graph: &FlowGraph,
    (from, to): (BoxId, BoxId),
    arrow: &Arrow,
    lines: &[Line],
) -> SizedArrow {
    let widest = lines.iter().map(|line| line.room).fold(0.0, f64::max);
    let label = (!lines.is_empty()).then(|| Size {
        width: (widest + 6.0).ceil(),
        height: (LABEL_LINE * lines.len() as f64 + 3.0).ceil(),
    });
    SizedArrow {
        from: from.index(),
        to: to.index(),
        from_port: port_of(graph.flow_box(from), arrow.from_port.as_deref()),
        to_port: port_of(graph.flow_box(to), arrow.to_port.as_deref()),
        label,
        ..SizedArrow::default()
    }
}

/// The row of a named field; an arrow that names none, or one that is not shown, meets the head.
fn port_of(flow_box: &FlowBox, field: Option<&str>) -> Option<usize> {
    if flow_box.authored.is_some() {
        return None;
    }
    let BoxKind::Struct { fields } = &flow_box.kind else { return None };
    fields.iter().take(FIELDS).position(|name| Some(name.as_str()) == field)
}
