//! What the author of a DOT file says of looks, as it is drawn: sizes, outlines, letters, heads,
//! links; and what is drawn more simply is counted.

#![allow(clippy::unwrap_used, reason = "a test stops")]

use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, Size, draw, sized};

fn read(text: &str) -> FlowGraph {
    FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()).unwrap()
}

fn svg(text: &str) -> String {
    draw(&read(text), &DrawOptions::default()).unwrap()
}

/// The size of the only box of a graph.
fn size(attributes: &str) -> Size {
    sized(&read(&format!("digraph{{a[{attributes}]}}"))).boxes[0].size
}

/// How often elements of this class are drawn.
fn count(svg: &str, class: &str) -> usize {
    let picture = roxmltree::Document::parse(svg).unwrap();
    picture.descendants().filter(|node| node.attribute("class") == Some(class)).count()
}

#[test]
fn width_and_height_are_the_least_ones() {
    for shape in ["box", "ellipse", "diamond", "record", "note", "cylinder", "hexagon"] {
        let own = size(&format!("shape={shape}"));
        let wide = size(&format!("shape={shape} width=4 height=3"));
        assert_eq!((wide.width, wide.height), (288.0, 216.0), "{shape}");
        let small = size(&format!("shape={shape} width=0.1 height=0.1 fixedsize=true"));
        // Text never leaves its box, whatever size was asked for.
        assert_eq!((small.width, small.height), (own.width, own.height), "{shape}");
    }
    for value in ["1e300", "-1", "NaN", "x", "inf"] {
        let size = size(&format!("shape=box width=\"{value}\""));
        assert!(size.width <= 2_000.0 && size.width > 0.0, "{value}");
    }
}

#[test]
fn as_many_lines_run_round_a_box_as_were_asked_for() {
    for (attributes, lines) in [
        ("shape=box", 1),
        ("shape=box peripheries=2", 2),
        ("shape=doublecircle", 2),
        ("shape=tripleoctagon", 3),
        ("shape=doublecircle peripheries=1", 1),
        ("shape=box peripheries=99", 4),
    ] {
        let drawn = svg(&format!("digraph{{a[{attributes}]}}"));
        assert_eq!(count(&drawn, "shape"), lines, "{attributes}");
    }
    assert!(svg("digraph{a[shape=box peripheries=0]}").contains("stroke:none"));
    let (one, three) = (size("shape=box"), size("shape=box peripheries=3"));
    assert_eq!((three.width, three.height), (one.width + 16.0, one.height + 16.0));
}

#[test]
fn letters_are_as_large_as_asked_for() {
    let drawn = svg("digraph{a[fontsize=24 label=Words]b[label=Words]c[fontsize=\"1e9\"]}");
    assert!(drawn.contains("font-size=\"24\"") && drawn.contains("font-size=\"12\""));
    assert!(drawn.contains("font-size=\"96\""), "letters have a limit");
    let (large, own) = (size("shape=box fontsize=24 label=Words"), size("shape=box label=Words"));
    assert!(large.width > 1.5 * own.width - 20.0 && large.height == own.height + 15.0);
}

#[test]
fn each_head_is_drawn_in_its_own_shape() {
    let heads = ["normal", "inv", "vee", "crow", "diamond", "dot", "box", "tee"];
    let path = |attributes: &str| {
        let drawn = svg(&format!("digraph{{rankdir=LR a->b[{attributes}]}}"));
        let picture = roxmltree::Document::parse(&drawn).unwrap();
        let of = |class: &str| -> Vec<(String, bool)> {
            picture
                .descendants()
                .filter(|node| node.attribute("class") == Some(class))
                .map(|node| {
                    let is_open =
                        node.attribute("style").is_some_and(|style| style.contains("fill:none"));
                    (node.attribute("d").unwrap().to_owned(), is_open)
                })
                .collect()
        };
        of("head")
    };
    let drawn: Vec<_> = heads.iter().map(|head| path(&format!("arrowhead={head}"))).collect();
    for (index, one) in drawn.iter().enumerate() {
        assert_eq!((one.len(), one[0].1), (1, false), "{}", heads[index]);
        assert!(!drawn[..index].contains(one), "{} is drawn as another", heads[index]);
        let open = path(&format!("arrowhead=o{}", heads[index]));
        assert_eq!(open, [(one[0].0.clone(), true)], "o{}", heads[index]);
    }
    assert_eq!(path("arrowhead=none"), []);
    assert_eq!(path("arrowhead=open"), drawn[2]);
    assert_eq!(path("dir=both arrowtail=dot arrowhead=tee").len(), 2);
}

#[test]
fn an_arrow_leads_where_its_author_says_unless_a_browser_would_run_it() {
    let drawn = svg("digraph{a->b[edgeURL=\"https://example.org/x?a=1&b\"]}");
    assert!(drawn.contains("href=\"https://example.org/x?a=1&amp;b\""), "{drawn}");
    let drawn = svg("digraph{a->b[URL=\"src/a.rs\"]}");
    assert!(drawn.contains("href=\"src/a.rs\""));
    let drawn = svg("digraph{a->b[href=\"javascript:alert(1)\"]}");
    assert!(!drawn.contains("href") && !drawn.contains("javascript"));
}

#[test]
fn what_is_drawn_more_simply_is_counted_and_said() {
    let text = "digraph{a[color=nocolor]b[color=nocolor fillcolor=transparent]\
        c[colorscheme=blues9 fontcolor=3]d[colorscheme=blues9 fontcolor=12]\
        a->b[arrowhead=invdot]a->c[arrowhead=lvee arrowtail=none]a->d[arrowhead=odot]}";
    let left_out = read(text).left_out;
    assert_eq!((left_out.colors, left_out.heads), (2, 2));
    let drawn = svg(text);
    assert!(drawn.contains("2 unknown colours, 2 forms of arrow heads"), "{drawn}");
    let known = read("digraph{a[color=\"/blues9/3\"]a->b[arrowhead=odiamond color=red]}").left_out;
    assert_eq!((known.colors, known.heads), (0, 0));
}
