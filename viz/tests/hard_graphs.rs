//! Graphs that no one draws on purpose: cycles, loops, hubs, deep nesting, hostile names, and many
//! made by a seeded generator. Each gives a picture without faults and well-formed XML.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

mod fixtures;

use fixtures::{connect, place};
use raftlens_viz::{
    ArrowHints, ArrowKind, BoxKind, DotOptions, DrawOptions, Embedded, FlowGraph, Format, Layout,
    LayoutError, Point, Size, SizedArrow, SizedBox, SizedCluster, SizedGraph, draw, faults, sized,
};

/// Draws in every format; the picture must have no fault and be well-formed.
fn check(what: &str, graph: &FlowGraph) -> String {
    let sized = sized(graph);
    let placed = Embedded.place(&sized).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(faults(&sized, &placed), Vec::<String>::new(), "{what}");
    let format = |format| DrawOptions { format, ..DrawOptions::default() };
    let dot = draw(graph, &format(Format::Dot)).unwrap();
    let chart = raftlens_viz::Chart::parse(&dot).unwrap_or_else(|e| panic!("{what}: {e}\n{dot}"));
    assert_eq!(chart.boxes.len(), graph.box_count(), "{what}");
    assert_eq!(chart.arrows.len(), graph.arrow_count(), "{what}");
    let svg = draw(graph, &format(Format::Svg)).unwrap();
    let xml = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{what}: {error}"));
    nothing_executable(what, &xml);
    svg
}

fn nothing_executable(what: &str, xml: &roxmltree::Document<'_>) {
    for element in xml.descendants().filter(roxmltree::Node::is_element) {
        let name = element.tag_name().name();
        assert!(!matches!(name, "script" | "foreignObject" | "iframe"), "{what}: <{name}>");
        for attribute in element.attributes() {
            assert!(!attribute.name().starts_with("on"), "{what}: {}", attribute.name());
            let link = attribute.name() == "href";
            assert!(
                !link || !attribute.value().contains("script:"),
                "{what}: {}",
                attribute.value()
            );
        }
    }
}

#[test]
fn an_empty_graph_is_an_empty_picture() {
    let svg = check("empty", &FlowGraph::new("nothing ran"));
    assert!(svg.contains("nothing ran"));
    check("empty, no title", &FlowGraph::default());
}

#[test]
fn cycles_loops_and_parallel_arrows() {
    let mut graph = FlowGraph::new("cycle");
    let names = ["a", "b", "c", "d"];
    let boxes: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(i, name)| place(&mut graph, ["x", "x/y", "z", ""][i], name, BoxKind::Function))
        .collect();
    for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 0), (1, 0), (2, 0)] {
        connect(&mut graph, boxes[from], boxes[to], ArrowKind::Call);
        connect(&mut graph, boxes[from], boxes[to], ArrowKind::Data);
    }
    for at in &boxes {
        connect(&mut graph, *at, *at, ArrowKind::Call);
        connect(&mut graph, *at, *at, ArrowKind::Data);
    }
    check("cycles", &graph);
}

#[test]
fn one_box_that_calls_itself() {
    let mut graph = FlowGraph::new("recursion");
    let at = place(&mut graph, "Tree", "walk", BoxKind::Function);
    connect(&mut graph, at, at, ArrowKind::Call);
    check("recursion", &graph);
}

#[test]
fn a_hub_and_a_chain() {
    let mut graph = FlowGraph::new("hub");
    let hub = place(&mut graph, "Peer", "hub", BoxKind::Function);
    let mut last = hub;
    for index in 0..40 {
        let owner = ["Peer", "Store", "Peer/inner"][index % 3];
        let next = place(&mut graph, owner, &format!("call_{index}"), BoxKind::Function);
        connect(&mut graph, hub, next, ArrowKind::Call);
        connect(&mut graph, last, next, ArrowKind::Data);
        last = next;
    }
    check("hub", &graph);
}

#[test]
fn clusters_nested_thirty_deep() {
    let mut graph = FlowGraph::new("deep");
    let mut last = None;
    for depth in 1..=30 {
        let owner = (0..depth).map(|level| format!("c{level}")).collect::<Vec<_>>().join("/");
        let next = place(&mut graph, &owner, &format!("f{depth}"), BoxKind::Function);
        if let Some(last) = last {
            connect(&mut graph, last, next, ArrowKind::Call);
            connect(&mut graph, next, last, ArrowKind::Data);
        }
        last = Some(next);
    }
    check("deep", &graph);
}

#[test]
fn hostile_names_stay_text() {
    let long = "x".repeat(1 << 20);
    let names = [
        "<script>alert(1)</script>",
        "\"]; evil [label=\"",
        "a\\",
        "]]> <!-- &amp; &#0; &nbsp;",
        "\u{0}\u{1b}[31m\u{8}\u{7f}\u{85}\u{fffe}",
        "\u{202e}gnp.exe",
        "读取索引::应用",
        "🦀🦀🦀",
        "قراءة",
        "{a|<b> c}|d",
        "",
        " ",
        long.as_str(),
    ];
    let mut graph = FlowGraph::new("<title>\"'&\u{0}");
    let mut last = None;
    for (index, name) in names.iter().enumerate() {
        let fields = vec![(*name).to_owned(), "n".to_owned(), "a b".to_owned(), "n".to_owned()];
        let kind = match index % 4 {
            0 => BoxKind::Function,
            1 => BoxKind::Struct { fields },
            2 => BoxKind::Case,
            _ => BoxKind::Variable,
        };
        let next = graph.add_box(raftlens_viz::FlowBox {
            identity: (*name).to_owned(),
            title: (*name).to_owned(),
            kind,
            owner: vec![(*name).to_owned(), "in".to_owned()],
            file: Some(format!("javascript:{name}")),
            line: Some(1),
            ..Default::default()
        });
        if let Some(last) = last {
            let mut arrow = raftlens_viz::Arrow::new(ArrowKind::Call);
            arrow.via = Some((*name).to_owned());
            arrow.to_port = Some((*name).to_owned());
            arrow.record(5);
            graph.add_arrow(last, next, arrow);
        }
        last = Some(next);
    }
    check("hostile", &graph);
}

#[test]
fn many_generated_graphs() {
    for seed in 0..100 {
        check(&format!("seed {seed}"), &generated(seed, 4 + seed as usize % 28));
    }
}

#[test]
fn two_hundred_boxes() {
    check("200 boxes", &generated(7, 200));
}

/// A call flow with clusters, records, cycles and parallel arrows, the same for the same seed.
fn generated(seed: u64, boxes: usize) -> FlowGraph {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    let owners = ["", "A", "A/b", "A/b/c", "D", "D/e", "F"];
    let mut graph = FlowGraph::new(format!("generated {seed}"));
    let ids: Vec<_> = (0..boxes)
        .map(|index| {
            let fields = (0..below(5) + 1).map(|field| format!("field_{field}")).collect();
            let kind = match below(8) {
                0 => BoxKind::Struct { fields },
                1 => BoxKind::Case,
                2 => BoxKind::Variable,
                _ => BoxKind::Function,
            };
            let name = format!("{}_{index}", "function_name".repeat(1 + below(4)));
            place(&mut graph, owners[below(owners.len())], &name, kind)
        })
        .collect();
    for index in 0..boxes * 3 / 2 {
        let from = ids[below(boxes)];
        // Mostly forwards, as calls are, with some going back.
        let to = ids[(from.index() + below(7)).saturating_sub(1).min(boxes - 1)];
        let mut arrow = raftlens_viz::Arrow::new(ArrowKind::Call);
        arrow.kind = if below(4) == 0 { ArrowKind::Data } else { ArrowKind::Call };
        arrow.to_port = (below(2) == 0).then(|| "field_0".to_owned());
        arrow.from_port = (below(2) == 0).then(|| "field_1".to_owned());
        fixtures::measure(&mut arrow, index as u64);
        graph.add_arrow(from, to, arrow);
    }
    graph
}

#[test]
fn contradictions_are_refused() {
    let side = |width: f64| Size { width, height: 10.0 };
    let one = |size: Size| SizedBox { size, ..SizedBox::default() };
    let with_box = |of: SizedBox| SizedGraph { boxes: vec![of], ..SizedGraph::default() };
    for width in [f64::NAN, f64::INFINITY, -1.0, 1e9] {
        let error = Embedded.place(&with_box(one(side(width)))).unwrap_err();
        assert!(matches!(error, LayoutError::BadSize { what: "box", index: 0, .. }), "{error}");
    }
    let inside_itself = SizedGraph {
        clusters: vec![SizedCluster { parent: Some(0), ..SizedCluster::default() }],
        ..with_box(one(side(10.0)))
    };
    let no_such_box = SizedGraph {
        arrows: vec![SizedArrow { from: 0, to: 9, ..SizedArrow::default() }],
        ..with_box(one(side(10.0)))
    };
    let cluster = |parent| SizedCluster { parent, ..SizedCluster::default() };
    let in_each_other = SizedGraph {
        clusters: vec![cluster(Some(1)), cluster(Some(0))],
        ..with_box(one(side(10.0)))
    };
    let to_no_cluster = ArrowHints { to_cluster: Some(3), ..ArrowHints::default() };
    let no_such_cluster = SizedGraph {
        arrows: vec![SizedArrow { hints: to_no_cluster, ..SizedArrow::default() }],
        ..with_box(one(side(10.0)))
    };
    for graph in [inside_itself, in_each_other, no_such_box, no_such_cluster] {
        let error = Embedded.place(&graph).unwrap_err();
        assert!(matches!(error, LayoutError::BadReference { .. }), "{error}");
    }
}

/// Wishes that are no numbers change nothing but the picture's shape.
#[test]
fn hints_that_are_no_numbers_are_passed_over() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300] {
        let mut graph = sized(&generated(3, 20));
        graph.hints.aspect = Some(bad);
        graph.hints.box_gap = Some(bad);
        graph.hints.rank_gap = Some(bad);
        graph.hints.previous = vec![Some(Point { x: bad, y: bad }); 30];
        for arrow in &mut graph.arrows {
            arrow.hints.weight = bad;
        }
        let placed = Embedded.place(&graph).unwrap();
        assert_eq!(faults(&graph, &placed), Vec::<String>::new(), "{bad}");
    }
}

/// What becomes of DOT text: a well-formed picture without faults, or the words of a typed error.
fn drawn(what: &str, text: &str) -> Result<String, String> {
    let graph = FlowGraph::from_dot(text.as_bytes(), &DotOptions::default())
        .map_err(|error| error.to_string())?;
    let svg = draw(&graph, &DrawOptions::default()).map_err(|error| error.to_string())?;
    let xml = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{what}: {error}"));
    nothing_executable(what, &xml);
    Ok(svg)
}

#[test]
fn dot_text_of_every_bad_kind_is_a_picture_or_a_typed_error() {
    let within = |attributes: &str| format!("digraph {{ {attributes}; a -> b -> c; a -> c }}");
    let at_box = |attributes: &str| within(&format!("a [{attributes}]"));
    let drawable = [
        ("nothing", "digraph {}".to_owned()),
        ("nothing at all", "graph \"\" { }".to_owned()),
        ("cycles", "digraph { a -> b -> c -> a; b -> a; a -> a; a -> a; c -> b -> c }".to_owned()),
        (
            "cluster in itself",
            "digraph { subgraph cluster_a { subgraph cluster_a { x -> y } } }".into(),
        ),
        (
            "clusters in each other",
            "digraph { subgraph cluster_a { a; subgraph cluster_b { b; subgraph cluster_a { c; \
             subgraph cluster_b { a } } } } a -> b -> c -> a }"
                .into(),
        ),
        (
            "cluster as an end",
            "digraph { compound=true; subgraph cluster_a { a } a -> a [lhead=cluster_a]; \
             a -> b [ltail=cluster_none, lhead=cluster_a] }"
                .into(),
        ),
        (
            "one rank for all, twice",
            "digraph { a -> b -> c; { rank=same; a; b; c } { rank=max; a; b } { rank=min; b; c } }"
                .into(),
        ),
        ("sizes that are none", at_box("width=nan, height=inf, margin=\"nan,-inf\", fontsize=nan")),
        ("larger than any picture", at_box("width=\"1e300\", height=\"1e300\", fixedsize=true")),
        (
            "sizes below nothing",
            at_box("width=\"-1e300\", height=-0.0, fixedsize=true, fontsize=-8"),
        ),
        ("gaps that are none", within("nodesep=nan; ranksep=\"1e308 equally\"; size=\"nan,nan!\"")),
        (
            "weights that are none",
            "digraph { a -> b [weight=nan, minlen=\"1e99\", penwidth=inf] }".into(),
        ),
        (
            "a long way",
            "digraph { a -> b [minlen=999999999]; b -> a [minlen=-5, weight=-1] }".into(),
        ),
        ("links that run", at_box("URL=\"javascript:alert(1)\", href=\"data:text/html,<script>\"")),
        ("markup", at_box("label=\"</text><script>alert(1)</script>\", id=\"\\\" onload=\\\"x\"")),
        ("colours", at_box("color=\"red;}</style><script>\", fillcolor=\"url(javascript:x)\"")),
        (
            "no such port",
            "digraph { a:b:c -> d:e:n; a [shape=record, label=\"{{{{|}|\\\\|<b\"] }".into(),
        ),
        ("controls", "digraph { \"\u{1}\u{1b}[0m\u{fffe}\u{202e}\" -> \"\u{85}\u{2028}\" }".into()),
    ];
    for (what, text) in drawable {
        let svg = drawn(what, &text);
        assert!(svg.is_ok(), "{what}: {svg:?}");
    }
    let refused = [
        ("no text", String::new(), "graph"),
        ("prose", "a picture, please".to_owned(), "line 1"),
        ("an end too few", "digraph { a -> ".to_owned(), "line 1"),
        ("no end", format!("digraph {{ {}", "subgraph { ".repeat(100_000)), "line 1"),
    ];
    for (what, text, says) in refused {
        let error = drawn(what, &text).expect_err(what);
        assert!(error.contains(says), "{what}: {error}");
    }
}

#[test]
fn labels_of_a_megabyte_are_cut_and_drawn() {
    const MEGABYTE: usize = 1 << 20;
    let words = "word <b>&amp; ".repeat(MEGABYTE / 14);
    let labels = [
        ("letters", format!("\"{}\"", "x".repeat(MEGABYTE))),
        ("words", format!("\"{words}\"")),
        ("ideographs", format!("\"{}\"", "读".repeat(MEGABYTE / 3))),
        ("lines", format!("\"{}\"", "a\\n".repeat(MEGABYTE / 3))),
        ("combining", format!("\"e{}\"", "\u{301}".repeat(MEGABYTE / 2))),
        ("html", format!("<<b>{}</b>>", "x &amp; ".repeat(MEGABYTE / 8))),
        ("html lines", format!("<{}>", "x<br/>".repeat(MEGABYTE / 6))),
        ("fields", format!("\"{}\", shape=record", "f|".repeat(MEGABYTE / 2))),
    ];
    for (what, label) in labels {
        let texts = [
            format!("digraph {{ a [label={label}]; a -> b }}"),
            format!("digraph {{ a -> b [label={label}] }}"),
            format!("digraph {{ subgraph cluster_c {{ graph [label={label}]; a }} a -> b }}"),
        ];
        for text in texts {
            match drawn(what, &text) {
                Ok(svg) => assert!(svg.contains("<svg"), "{what}"),
                Err(error) => {
                    assert!(error.contains("size") || error.contains("line"), "{what}: {error}")
                }
            }
        }
    }
}

/// Boxes without arrows, and a chain; a tree of ten calls a box takes three to five times as long.
#[test]
fn a_hundred_thousand_boxes() {
    const BOXES: usize = 100_000;
    type Line = fn(usize) -> String;
    let kinds: [(&str, Line); 2] =
        [("alone", |at| format!("n{at}\n")), ("chain", |at| format!("n{} -> n{at}\n", at - 1))];
    for (what, line) in kinds {
        let body: String = (1..BOXES).map(line).collect();
        let svg = drawn(what, &format!("digraph {{ {body} }}")).unwrap();
        let boxes = svg.matches("class=\"box ").count();
        assert!(boxes >= BOXES - 1, "{what}: {boxes} boxes");
    }
}

#[test]
fn more_than_can_be_placed_is_refused_at_once() {
    use raftlens_viz::{Embedded, Layout as _, LayoutError, SizedBox, SizedGraph};
    let boxes = vec![SizedBox::default(); 250_001];
    let error = Embedded.place(&SizedGraph { boxes, ..SizedGraph::default() }).unwrap_err();
    assert!(matches!(error, LayoutError::TooLarge { boxes: 250_001, arrows: 0 }), "{error}");
}
