//! The text follows Mermaid's grammar as far as it is used here, whatever the labels hold.

use super::*;
use crate::{Chart, DrawOptions, Format, draw};

fn mermaid(graph: &FlowGraph) -> String {
    let options = DrawOptions { format: Format::Mermaid, ..DrawOptions::default() };
    draw(graph, &options).unwrap()
}

#[test]
fn a_chart_is_written_with_clusters_kinds_and_links() {
    let chart = Chart::parse(
        r#"digraph c { label="two \"views\"";
            subgraph cluster_p { label="Peer";
                a [id="Peer::propose", label="propose", URL="core/src/peer.rs", class="function"];
                b [id="Policy::Local", label="Local", class="case"]; }
            r [shape=record, id="Reads", label="<t> Reads|<n> next", class="struct"];
            a -> b [class="call"]; a -> r:n [class="data"];
        }"#,
    )
    .unwrap();
    let mut graph = FlowGraph::from(&chart);
    let first = graph.arrows().next().unwrap().0;
    graph.arrow_mut(first).record(1_500);
    assert_eq!(
        mermaid(&graph),
        r##"---
title: "two \"views\""
---
flowchart LR
  b2[["Reads<br/>next"]]
  subgraph c0["Peer"]
    b0["propose"]
    b1(["Local"])
  end
  b0 -->|"1×<br/>1.50 / 1.50 µs"| b1
  b0 -.-> b2
  classDef function fill:#ffffff,stroke:#7c93a8
  class b0 function
  classDef case fill:#fff6dd,stroke:#c79a2b
  class b1 case
  classDef struct fill:#f1effa,stroke:#8a7fc0
  class b2 struct
  click b0 href "core/src/peer.rs" "Peer::propose, in Peer, core/src/peer.rs"
  %% 1 arrows meet a field of their record
"##
    );
}

/// What the part of Mermaid's grammar that is written here allows, statement by statement.
fn faults(text: &str) -> Vec<String> {
    let is_id = |id: &str| {
        let number = id.strip_prefix(['b', 'c']).unwrap_or("");
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    // Quoted texts become Q; inside, nothing may end the quote or open an element but a line break.
    let bare = |line: &str| {
        let parts: Vec<&str> = line.split('"').collect();
        // A link is written as any URL, in which nothing can end the quote.
        let links = usize::from(line.trim_start().starts_with("click"));
        let texts = parts.iter().skip(1).step_by(2).skip(links);
        let is_bad = |text: &&&str| {
            let text = text.replace("<br/>", "");
            text.is_empty()
                || text.contains(['<', '>', '`', '[', ']', '{', '}', '|', ';']) && {
                    let plain = text.split('#').skip(1).all(|rest| rest.contains(';'));
                    !plain || text.contains(['<', '>', '`', '[', ']', '{', '}', '|'])
                }
        };
        let bad: Vec<&&str> = texts.filter(is_bad).collect();
        (parts.len() % 2 == 1 && bad.is_empty())
            .then(|| parts.iter().step_by(2).copied().collect::<Vec<_>>().join("Q"))
    };
    let body =
        text.strip_prefix("---\n").map_or(text, |rest| rest.split_once("\n---\n").unwrap().1);
    let mut depth = 0i32;
    let mut found = Vec::new();
    for line in body.lines().skip(1) {
        let Some(plain) = bare(line) else {
            found.push(format!("quotes: {line}"));
            continue;
        };
        let words: Vec<&str> = plain.split_whitespace().collect();
        let is_box = ["[Q]", "([Q])", "[/Q/]", "[[Q]]"]
            .iter()
            .any(|shape| words.len() == 1 && words[0].strip_suffix(shape).is_some_and(is_id));
        let is_right = match words.as_slice() {
            ["subgraph", title] => title.strip_suffix("[Q]").is_some_and(is_id),
            ["end"] => true,
            [from, "-->" | "-.->" | "-->|Q|" | "-.->|Q|", to] => is_id(from) && is_id(to),
            ["classDef", _, ..] | ["%%", ..] => true,
            ["class", ids, _] => ids.split(',').all(is_id),
            ["click", id, "href", "Q", "Q"] => is_id(id),
            ["linkStyle", place, look] => {
                place.parse::<usize>().is_ok() && look.starts_with("stroke:#")
            }
            _ => is_box,
        };
        depth += match words.first() {
            Some(&"subgraph") => 1,
            Some(&"end") => -1,
            _ => 0,
        };
        if !is_right || depth < 0 {
            found.push(line.to_owned());
        }
    }
    if depth != 0 {
        found.push(format!("{depth} clusters stay open"));
    }
    found
}

#[test]
fn no_label_gets_out_of_its_quotes() {
    let hostile = [
        "\"]; click b0 call alert(1)",
        "<script>alert(1)</script>",
        "end",
        "a\nb\r\nc\u{0}\u{202e}d",
        "`**markdown**`",
        "#quot; &amp; %%{init: {}}%%",
        "\\\" | --> | ---",
        "",
        "   ",
        "名前 \u{5d0}\u{5d1}",
    ];
    let mut graph = FlowGraph::new("---\ntitle: \"x\"\n--- %%");
    let boxes: Vec<BoxId> = hostile
        .iter()
        .map(|text| {
            graph.add_box(FlowBox {
                identity: (*text).to_owned(),
                title: (*text).to_owned(),
                kind: BoxKind::Struct { fields: vec![(*text).to_owned()] },
                owner: vec![(*text).to_owned(), (*text).to_owned()],
                file: Some((*text).to_owned()),
                provenance: Provenance::Added,
                ..FlowBox::default()
            })
        })
        .collect();
    for (index, pair) in boxes.windows(2).enumerate() {
        let words = vec![hostile[index].to_owned()];
        let arrow = Arrow { words, provenance: Provenance::Removed, ..Arrow::new(ArrowKind::Data) };
        graph.add_arrow(pair[0], pair[1], arrow);
    }
    let text = mermaid(&graph);
    assert_eq!(faults(&text), Vec::<String>::new(), "{text}");
    assert!(!text.contains("javascript") && !text.contains("<script"));
    // The checker itself notices what gets out.
    assert_eq!(faults("flowchart LR\n  b0[\"a\"]; click\n").len(), 1);
    assert_eq!(faults("flowchart LR\n  subgraph c0[\"a\"]\n").len(), 1);
}
