//! What must hold for any graph that the embedded layout is given: a typed error, or a picture
//! without faults. The fuzz target calls it, and so does the test `fuzz_layout`.

use raftlens_viz::{
    ArrowHints, Direction, Embedded, Hints, Layout, LayoutError, Outline, Placed, Point, RankKind,
    Rect, Side, Size, SizedArrow, SizedBox, SizedCluster, SizedGraph, SizedPort, Splines, faults,
};

/// The most boxes of a graph: checking a picture takes the square of it.
const MOST_BOXES: usize = 40;

/// Makes a graph of the bytes, places it, and panics when the layout breaks its promise.
pub fn run(bytes: &[u8]) {
    let graph = graph(bytes);
    let _ = check(&graph, Embedded.place(&graph));
}

/// Panics unless the outcome is a typed error or a picture without faults; whether it is a picture.
pub fn check(graph: &SizedGraph, outcome: Result<Placed, LayoutError>) -> bool {
    match outcome {
        Ok(placed) => {
            // Arrows that were asked to run straight run through whatever is between.
            let may_cross = graph.hints.splines == Splines::Straight;
            let found: Vec<String> = faults(graph, &placed)
                .into_iter()
                .filter(|fault| !(may_cross && fault.contains("passes through")))
                .collect();
            assert_eq!(found, Vec::<String>::new(), "{graph:#?}");
            true
        }
        // The engine has no reason to fail on a graph that makes sense.
        Err(LayoutError::EmbeddedFailed { reason, .. }) => panic!("{reason}: {graph:#?}"),
        Err(_) => false,
    }
}

/// Reads a graph: each byte decides the next question, and zeros answer the rest.
pub fn graph(bytes: &[u8]) -> SizedGraph {
    let mut source = Source { bytes, is_wild: false };
    source.is_wild = source.byte() % 4 == 3;
    let boxes = source.below(MOST_BOXES + 1);
    // Clusters of nothing at all are no picture.
    let clusters = if boxes == 0 { 0 } else { source.below(9) };
    let mut graph = SizedGraph::default();
    for index in 0..clusters {
        let parent = source.chance(3).then(|| source.reference(index)).flatten();
        let title = Size { width: source.side(), height: source.side() / 4.0 };
        graph.clusters.push(SizedCluster { parent, title });
    }
    for _ in 0..boxes {
        let sized = sized_box(&mut source, clusters);
        graph.boxes.push(sized);
    }
    for _ in 0..source.below(2 * MOST_BOXES) {
        let arrow = sized_arrow(&mut source, &graph);
        graph.arrows.extend(arrow);
    }
    graph.hints = hints(&mut source, boxes);
    graph
}

fn sized_box(source: &mut Source<'_>, clusters: usize) -> SizedBox {
    let size = Size { width: source.side(), height: source.side() };
    let rows = if source.chance(4) { source.below(6) } else { 0 };
    let height = size.height / rows.max(1) as f64;
    let port = |index: usize| {
        let side = [None, Some(Side::West), Some(Side::East), Some(Side::North), Some(Side::South)];
        let area = Rect { x: 0.0, y: index as f64 * height, width: size.width, height };
        SizedPort { area, side: side[source.below(5)] }
    };
    let ports = (0..rows).map(port).collect();
    SizedBox {
        size,
        ports,
        cluster: source.chance(2).then(|| source.reference(clusters)).flatten(),
        anchor: source.chance(5).then_some(size.height / 2.0),
        outline: [Outline::Rect, Outline::Rect, Outline::Ellipse, Outline::Diamond]
            [source.below(4)],
    }
}

fn sized_arrow(source: &mut Source<'_>, graph: &SizedGraph) -> Option<SizedArrow> {
    let from = source.reference(graph.boxes.len())?;
    let to = source.reference(graph.boxes.len())?;
    let ports = |end: usize| graph.boxes.get(end).map_or(0, |sized| sized.ports.len());
    let around = |end: usize| graph.boxes.get(end).and_then(|sized| sized.cluster);
    let hints = ArrowHints {
        weight: if source.chance(6) { source.side() } else { 1.0 },
        min_len: if source.chance(6) { source.below(5) as u32 } else { 1 },
        constraint: !source.chance(8),
        from_cluster: source.chance(8).then(|| around(from)).flatten(),
        to_cluster: source.chance(8).then(|| around(to)).flatten(),
    };
    Some(SizedArrow {
        from,
        to,
        from_port: source.chance(3).then(|| source.reference(ports(from))).flatten(),
        to_port: source.chance(3).then(|| source.reference(ports(to))).flatten(),
        label: source.chance(5).then(|| Size { width: source.side(), height: source.side() / 4.0 }),
        hints,
    })
}

fn hints(source: &mut Source<'_>, boxes: usize) -> Hints {
    use Direction::{BottomUp, LeftRight, RightLeft, TopDown};
    let kinds = [RankKind::Same, RankKind::First, RankKind::Last];
    let count = if source.chance(4) { source.below(3) } else { 0 };
    let ranks = (0..count)
        .map(|_| {
            let members = (0..source.below(5)).filter_map(|_| source.reference(boxes)).collect();
            (kinds[source.below(3)], members)
        })
        .collect();
    let known = if source.chance(4) { source.below(boxes + 2) } else { 0 };
    let middle = |source: &mut Source<'_>| Point { x: source.side(), y: source.side() };
    Hints {
        direction: [LeftRight, TopDown, RightLeft, BottomUp][source.below(4)],
        splines: [Splines::Curved, Splines::Polyline, Splines::Orthogonal, Splines::Straight]
            [source.below(4)],
        box_gap: source.chance(6).then(|| source.side()),
        rank_gap: source.chance(6).then(|| source.side()),
        ranks,
        aspect: source.chance(6).then(|| source.side()),
        previous: (0..known).map(|_| source.chance(2).then(|| middle(source))).collect(),
    }
}

/// Answers out of bytes.
struct Source<'a> {
    bytes: &'a [u8],
    /// Whether sizes may be absurd and references may point at nothing.
    is_wild: bool,
}

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// True for one of so many bytes; never at the end of the bytes.
    fn chance(&mut self, of: u8) -> bool {
        self.byte() % of == of - 1
    }

    fn reference(&mut self, limit: usize) -> Option<usize> {
        let index = usize::from(self.byte());
        match self.is_wild && index > 250 {
            true => Some(limit + index % 3),
            false => index.checked_rem(limit),
        }
    }

    /// A side, mostly of a usual length.
    fn side(&mut self) -> f64 {
        let byte = self.byte();
        match (self.is_wild, byte) {
            (true, 255) => f64::NAN,
            (true, 254) => f64::INFINITY,
            (true, 253) => -10.0,
            (true, 252) => 1e300,
            (true, 251) => 1e-300,
            (_, 250) => 5_000.0,
            (_, 249) => 0.0,
            (_, usual) => f64::from(usual) + 10.0,
        }
    }
}
