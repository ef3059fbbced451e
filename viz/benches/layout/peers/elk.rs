//! The peer `elkrs`: a graph as ELK JSON, written and read.
//!
//! ELK gives coordinates relative to the enclosing cluster (and arrows relative to the innermost
//! cluster that holds both ends); here they become absolute.

use serde_json::{Map, Value, json};

use super::order::{Child, ReadingOrder, reading_order};
use raftlens_viz::{Direction, Placed, PlacedArrow, Point, Rect, Size, SizedBox, SizedGraph};

/// Room between a cluster's border and what is in it.
const CLUSTER_PADDING: f64 = 14.0;

/// Places `graph`; its nesting must not be deeper than the stack of a thread allows.
pub(crate) fn place(graph: &SizedGraph) -> Option<Placed> {
    let order = reading_order(graph);
    let answer = elkrs::create_elk().layout_json(&write(graph, &order).to_string()).ok()?;
    read(graph, &order, &answer)
}

/// The graph as ELK JSON, children and arrows in reading order.
fn write(graph: &SizedGraph, order: &ReadingOrder) -> Value {
    let mut arrows: Vec<usize> = (0..graph.arrows.len()).collect();
    // Arrows of one box stay in their order, boxes are taken in reading order.
    arrows.sort_by_key(|index| order.place[graph.arrows[*index].from]);
    let writer = Writer { graph, order, ports: ports(graph, order) };
    json!({
        "id": "chart",
        "layoutOptions": options(graph),
        "children": writer.level(0),
        "edges": arrows.iter().map(|index| writer.arrow(*index)).collect::<Vec<_>>(),
    })
}

/// How ELK is asked to lay out.
fn options(graph: &SizedGraph) -> Value {
    // More tries find fewer crossings; on large graphs they cost seconds and find little.
    let tries = match graph.arrows.len() {
        0..80 => 20,
        80..400 => 7,
        400.. => 3,
    };
    json!({
        "elk.algorithm": "layered",
        "elk.direction": match graph.hints.direction {
            Direction::LeftRight => "RIGHT",
            Direction::RightLeft => "LEFT",
            Direction::TopDown => "DOWN",
            Direction::BottomUp => "UP",
        },
        "elk.hierarchyHandling": "INCLUDE_CHILDREN",
        "elk.edgeRouting": "POLYLINE",
        "elk.randomSeed": "1",
        "elk.padding": "[top=0,left=0,bottom=0,right=0]",
        "elk.spacing.nodeNode": "18",
        "elk.spacing.edgeNode": "12",
        "elk.spacing.edgeEdge": "9",
        "elk.spacing.edgeLabel": "3",
        "elk.spacing.componentComponent": "28",
        "elk.layered.spacing.nodeNodeBetweenLayers": "20",
        "elk.layered.spacing.edgeNodeBetweenLayers": "10",
        "elk.layered.spacing.edgeEdgeBetweenLayers": "8",
        "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
        "elk.layered.nodePlacement.favorStraightEdges": "true",
        "elk.layered.considerModelOrder.strategy": "PREFER_EDGES",
        "elk.layered.considerModelOrder.components": "MODEL_ORDER",
        "elk.layered.thoroughness": tries.to_string(),
        "elk.layered.mergeHierarchyEdges": "false",
    })
}

/// Writes one graph; ports are made beforehand, because each belongs to an arrow.
struct Writer<'a> {
    graph: &'a SizedGraph,
    order: &'a ReadingOrder,
    ports: Vec<Vec<Value>>,
}

impl Writer<'_> {
    /// The children of a level, in the order in which they are to be read.
    fn level(&self, level: usize) -> Vec<Value> {
        // Recursion is as deep as clusters are nested; the engine runs on a large stack.
        self.order.levels[level]
            .iter()
            .map(|child| match child {
                Child::Box(index) => self.sized_box(*index),
                Child::Cluster(index) => self.cluster(*index),
            })
            .collect()
    }

    /// A box; one with rows has its ports fixed, others let the engine spread arrows on their sides.
    fn sized_box(&self, index: usize) -> Value {
        let sized = &self.graph.boxes[index];
        let mut out = json!({
            "id": format!("b{index}"),
            "width": sized.size.width,
            "height": sized.size.height,
        });
        if has_rows(sized) {
            out["ports"] = Value::Array(self.ports[index].clone());
            out["layoutOptions"] = json!({ "elk.portConstraints": "FIXED_POS" });
        }
        out
    }

    /// A cluster: its title is room above the children, and never wider than the cluster.
    fn cluster(&self, index: usize) -> Value {
        let title = self.graph.clusters[index].title;
        let top = title.height + CLUSTER_PADDING;
        let least = title.width + 2.0 * CLUSTER_PADDING;
        json!({
            "id": format!("c{index}"),
            "children": self.level(index + 1),
            "layoutOptions": {
                "elk.padding": format!(
                    "[top={top},left={CLUSTER_PADDING},bottom={CLUSTER_PADDING},right={CLUSTER_PADDING}]"
                ),
                "elk.nodeSize.constraints": "MINIMUM_SIZE",
                "elk.nodeSize.minimum": format!("({least},{top})"),
                "elk.hierarchyHandling": "INCLUDE_CHILDREN",
            },
        })
    }

    /// An arrow, turned round where it runs against the reading order, with room for its label.
    fn arrow(&self, index: usize) -> Value {
        let arrow = &self.graph.arrows[index];
        let end = |of_box: usize, which: &str| match has_rows(&self.graph.boxes[of_box]) {
            true => format!("p{index}{which}"),
            false => format!("b{of_box}"),
        };
        let (tail, head) = (end(arrow.from, "t"), end(arrow.to, "h"));
        let turned = self.order.against[index];
        let (source, target) = if turned { (head, tail) } else { (tail, head) };
        let mut out = Map::new();
        out.insert("id".to_owned(), json!(format!("a{index}")));
        out.insert("sources".to_owned(), json!([source]));
        out.insert("targets".to_owned(), json!([target]));
        if let Some(label) = arrow.label {
            // Inline: the arrow runs through its label, so it is clear whose label it is.
            let inline = json!({
                "elk.edgeLabels.placement": "CENTER",
                "elk.edgeLabels.inline": "true",
            });
            let size = json!({
                "id": format!("l{index}"),
                "text": "x",
                "width": label.width,
                "height": label.height,
                "layoutOptions": inline,
            });
            out.insert("labels".to_owned(), json!([size]));
        }
        Value::Object(out)
    }
}

/// Whether arrows must meet this box at certain heights.
fn has_rows(sized: &SizedBox) -> bool {
    !sized.ports.is_empty() || sized.anchor.is_some()
}

/// For each box with rows, one port per arrow end: at the row's height, on the side that the arrow
/// comes from.
fn ports(graph: &SizedGraph, order: &ReadingOrder) -> Vec<Vec<Value>> {
    let mut ports = vec![Vec::new(); graph.boxes.len()];
    for (index, arrow) in graph.arrows.iter().enumerate() {
        let turned = order.against[index];
        let ends =
            [(arrow.from, arrow.from_port, "t", !turned), (arrow.to, arrow.to_port, "h", turned)];
        for (of_box, port, which, east) in ends {
            let sized = &graph.boxes[of_box];
            if !has_rows(sized) {
                continue;
            }
            let middle = sized.anchor.unwrap_or(sized.size.height / 2.0);
            let y = port.map_or(middle, |port| sized.ports[port].area.center().y);
            ports[of_box].push(json!({
                "id": format!("p{index}{which}"),
                "width": 0, "height": 0,
                "x": if east { sized.size.width } else { 0.0 },
                "y": y,
                "layoutOptions": { "elk.port.side": if east { "EAST" } else { "WEST" } },
            }));
        }
    }
    ports
}

/// Reads places back; `None` if anything is missing or not a number.
fn read(graph: &SizedGraph, order: &ReadingOrder, laid_out: &Value) -> Option<Placed> {
    let mut placed = Placed {
        boxes: vec![Rect::default(); graph.boxes.len()],
        clusters: vec![Rect::default(); graph.clusters.len()],
        arrows: vec![PlacedArrow::default(); graph.arrows.len()],
        size: Size::default(),
    };
    let mut open = vec![(laid_out, Point::default())];
    // Children know where they are inside their parent, so origins are handed down.
    while let Some((node, origin)) = open.pop() {
        for child in list(node, "children") {
            let place = rect(child, origin)?;
            let (kind, index) = split_id(child)?;
            match kind {
                "b" => *placed.boxes.get_mut(index)? = place,
                _ => *placed.clusters.get_mut(index)? = place,
            }
            open.push((child, Point { x: place.x, y: place.y }));
        }
        for edge in list(node, "edges") {
            let (_, index) = split_id(edge)?;
            let mut arrow = read_arrow(edge, origin)?;
            if *order.against.get(index)? {
                arrow.points.reverse();
            }
            *placed.arrows.get_mut(index)? = arrow;
        }
    }
    let complete = placed.arrows.iter().all(|arrow| arrow.points.len() >= 2);
    fit(&mut placed);
    complete.then_some(placed)
}

/// One polyline from all sections of an arrow, and the place of its label.
fn read_arrow(edge: &Value, origin: Point) -> Option<PlacedArrow> {
    let mut points = Vec::new();
    for section in list(edge, "sections") {
        points.push(point(section.get("startPoint")?, origin)?);
        for bend in list(section, "bendPoints") {
            points.push(point(bend, origin)?);
        }
        points.push(point(section.get("endPoint")?, origin)?);
    }
    // Pieces of no length have no direction, which the drawing of heads needs.
    points.dedup();
    let label = list(edge, "labels").first().map(|label| rect(label, origin));
    let label = match label {
        Some(found) => Some(found?),
        None => None,
    };
    Some(PlacedArrow { points, label })
}

/// `b12` as its kind and number.
fn split_id(node: &Value) -> Option<(&str, usize)> {
    let id = node.get("id")?.as_str()?;
    let (kind, number) = id.split_at_checked(1)?;
    Some((kind, number.parse().ok()?))
}

/// A list, or nothing where ELK leaves it out.
fn list<'a>(node: &'a Value, key: &str) -> &'a [Value] {
    node.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn point(at: &Value, origin: Point) -> Option<Point> {
    let (x, y) = (number(at, "x")?, number(at, "y")?);
    Some(Point { x: x + origin.x, y: y + origin.y })
}

fn rect(shape: &Value, origin: Point) -> Option<Rect> {
    let corner = point(shape, origin)?;
    let (width, height) = (number(shape, "width")?, number(shape, "height")?);
    Some(Rect { x: corner.x, y: corner.y, width, height })
}

/// A finite number; anything else makes the answer unreadable rather than the picture wrong.
fn number(of: &Value, key: &str) -> Option<f64> {
    of.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
}

/// The size of the picture, which begins at the origin except for arrows that go round outside.
fn fit(placed: &mut Placed) {
    let labels = placed.arrows.iter().filter_map(|arrow| arrow.label.as_ref());
    let rects = placed.boxes.iter().chain(&placed.clusters).chain(labels);
    let corners = rects.flat_map(|it| [(it.x, it.y), (it.right(), it.bottom())]);
    let points = placed.arrows.iter().flat_map(|arrow| &arrow.points).map(|at| (at.x, at.y));
    let (mut least, mut most) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for (x, y) in corners.chain(points) {
        least = (least.0.min(x), least.1.min(y));
        most = (most.0.max(x), most.1.max(y));
    }
    placed.size = Size { width: most.0 - least.0, height: most.1 - least.1 };
}
