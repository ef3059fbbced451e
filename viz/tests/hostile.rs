//! Hostile names in every place of a graph: the SVG is well-formed and holds nothing that runs.

#![allow(clippy::unwrap_used, reason = "a test stops")]

use raftlens_viz::{Arrow, ArrowKind, BoxKind, DrawOptions, FlowBox, FlowGraph, Heat, draw};

fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "</title><script>alert(1)</script>",
        "\"><image href=x onerror=alert(1)>",
        "' onload='alert(1)",
        "<![CDATA[</svg>]]>&amp;&#0;&#x1f;&entity;",
        "<!DOCTYPE x [<!ENTITY a \"b\">]>-->]]>",
        "javascript:alert(1)",
        "JaVaScRiPt\u{1}:alert(1)",
        "data:text/html,<script>1</script>",
        "</style><style>*{background:url(javascript:1)}",
        "\0\u{1}\u{8}\u{b}\u{1b}[2J\u{7f}\u{85}\u{fffe}\u{ffff}\n\r\t",
        "\u{202e}gnp.exe\u{202d}\u{2067}\u{2066}\u{200f}\u{feff}",
        "{file}{line}%s%n\\\\",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("<x>".repeat(350_000));
    all.push(format!("a{}", "\u{301}".repeat(500_000)));
    all.push("👩\u{200d}".repeat(150_000));
    all
}

fn graph(text: &str) -> FlowGraph {
    let mut graph = FlowGraph::new(text);
    let mut last = None;
    let fields = vec![text.to_owned(), "plain".to_owned()];
    let kinds = [BoxKind::Function, BoxKind::Case, BoxKind::Variable, BoxKind::Struct { fields }];
    for (index, kind) in kinds.into_iter().enumerate() {
        let id = graph.add_box(FlowBox {
            identity: format!("{index}{text}"),
            title: text.to_owned(),
            kind,
            note: Some(text.to_owned()),
            owner: vec![text.to_owned(), index.to_string()],
            file: Some(text.to_owned()),
            line: Some(1),
            ..FlowBox::default()
        });
        let mut arrow = Arrow::new(ArrowKind::Data);
        (arrow.via, arrow.words) = (Some(text.to_owned()), vec![text.to_owned()]);
        arrow.to_port = Some(text.to_owned());
        arrow.record(5);
        if let Some(last) = last.replace(id) {
            graph.add_arrow(last, id, arrow);
        }
    }
    graph
}

const KNOWN: [&str; 10] =
    ["svg", "title", "desc", "style", "g", "a", "rect", "path", "text", "tspan"];

/// What a browser would run, or what would turn or break the text around it.
fn faults(svg: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let xml = roxmltree::Document::parse(svg).unwrap();
    for node in xml.descendants().filter(|node| node.is_element()) {
        let name = node.tag_name().name();
        if !KNOWN.contains(&name) {
            faults.push(format!("element {name}"));
        }
        for attribute in node.attributes() {
            let value = attribute.value().trim().to_lowercase();
            let runs = ["javascript:", "data:", "vbscript:"].iter().any(|it| value.starts_with(it));
            if attribute.name().starts_with("on") || attribute.name() == "href" && runs {
                faults.push(format!("attribute {}={value}", attribute.name()));
            }
        }
    }
    let is_bad = |it: char| matches!(it, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{202a}'..='\u{202e}' | '\u{fffe}' | '\u{ffff}');
    faults.extend(svg.chars().find(|it| is_bad(*it)).map(|it| format!("{it:?}")));
    faults
}

#[test]
fn nothing_runs_and_nothing_breaks() {
    for text in hostile() {
        for source_url in [None, Some("{file}#{line}".to_owned())] {
            let options = DrawOptions { source_url, heat: Heat::P99, ..DrawOptions::default() };
            let svg = draw(&graph(&text), &options).unwrap();
            let start: String = text.chars().take(40).collect();
            assert_eq!(faults(&svg), Vec::<String>::new(), "{start:?}");
            // Tooltips hold 4,000 characters a line, and each may be written as four or five.
            assert!(svg.len() < 1_500_000, "{start:?} made {} bytes", svg.len());
        }
    }
}

#[test]
fn what_runs_is_noticed() {
    let svg = |inside: &str| format!("<svg>{inside}</svg>");
    for bad in ["<script/>", "<g onload=''/>", "<a href='javascript:1'/>", "\u{202e}"] {
        assert!(!faults(&svg(bad)).is_empty(), "{bad}");
    }
    assert!(faults(&svg("<a href='src/a.rs'/>")).is_empty());
}
