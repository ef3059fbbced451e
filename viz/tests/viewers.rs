//! The same SVG in Chromium, rsvg-convert and resvg, with the letters of three fonts: all text stays
//! inside its box, label or cluster. `make test-browser` runs it; a viewer that is not installed is
//! said aloud and skipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, draw};
use resvg::tiny_skia::Pixmap;
use resvg::usvg;
use roxmltree::{Document, Node};

/// Fonts with the metrics of Times, Arial and DejaVu Serif.
const FONTS: [&str; 3] = ["Liberation Serif", "Liberation Sans", "DejaVu Serif"];
/// What a viewer may round, in points.
const SLACK: f64 = 0.6;

/// Records, clusters and labels in many scripts.
const SCRIPTS: &str = r#"digraph {
  label="Чтение 读取 קריאה 🦀"; node [shape=record]; rankdir=LR;
  subgraph cluster_a { label="集群 Кластер אשכול قراءة";
    a [label="{读取索引请求队列|<t> term：u64|{Срок аренды|<l> חכירה}}"];
    b [shape=box, label="WWWWmmmm 🦀👩‍👩‍👧 e\u{301}"]; }
  c [shape=ellipse, label="قراءة محلية read"];
  a:t -> b [label="请求 запрос"]; a:l -> c [label="תשובה (42) 🦀"]; b -> c [label="WWW iii"];
}"#;

/// The documented charts and the one above, by name.
fn charts() -> Vec<(String, String)> {
    let folder = Path::new(".").join("../dot");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "dot"));
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    let mut charts: Vec<(String, Vec<u8>)> = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        charts.push((name, std::fs::read(&file).unwrap()));
    }
    charts.push(("scripts".to_owned(), SCRIPTS.as_bytes().to_vec()));
    let drawn = |dot: &[u8]| {
        let graph = FlowGraph::from_dot(dot, &DotOptions::default()).unwrap();
        draw(&graph, &DrawOptions::default()).unwrap()
    };
    charts.into_iter().map(|(name, dot)| (name, drawn(&dot))).collect()
}

/// `svg` with another font before all that it asks for.
fn in_font(svg: &str, font: &str) -> String {
    let with = svg.replacen("font-family=\"", &format!("font-family=\"{font}, "), 1);
    assert_ne!(with, svg);
    with
}

/// Whether `program` can be started.
fn is_there(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed; NOTHING was tried in it");
    }
    is_there
}

/// What holds a text: the outline of its box, the ground of its label or cluster.
fn holder<'a>(text: Node<'a, 'a>) -> Option<(&'static str, Node<'a, 'a>)> {
    for group in text.ancestors().skip(1) {
        let class = group.attribute("class").unwrap_or("").split(' ').next().unwrap_or("");
        let (kind, part) = match class {
            "box" => ("box", "shape"),
            "label" => ("label", "behind"),
            "cluster" => ("cluster", "ground"),
            _ => continue,
        };
        let is_part = |node: &Node<'_, '_>| node.attribute("class") == Some(part);
        return group.descendants().find(is_part).map(|node| (kind, node));
    }
    None
}

/// Left, top, right and bottom in the picture.
fn bounds(shape: Node<'_, '_>) -> [f64; 4] {
    let number = |key: &str| -> f64 { shape.attribute(key).unwrap().parse().unwrap() };
    let [x, y, width, height] = if shape.has_tag_name("rect") {
        ["x", "y", "width", "height"].map(number)
    } else {
        let [cx, cy, rx, ry] = ["cx", "cy", "rx", "ry"].map(number);
        [cx - rx, cy - ry, 2.0 * rx, 2.0 * ry]
    };
    // Everything in a chart stands in one group that is moved.
    let moves = shape.ancestors().filter_map(|node| node.attribute("transform"));
    let moved: Vec<(f64, f64)> = moves
        .map(|moved| {
            let numbers = moved.trim_start_matches("translate(").trim_end_matches(')');
            let (x, y) = numbers.split_once(' ').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        })
        .collect();
    let x = x + moved.iter().map(|by| by.0).sum::<f64>();
    let y = y + moved.iter().map(|by| by.1).sum::<f64>();
    [x, y, x + width, y + height]
}

/// `svg` with only those texts that `keep` wants.
fn with_texts(svg: &str, keep: impl Fn(Node<'_, '_>) -> bool) -> String {
    let xml = Document::parse(svg).unwrap();
    let (mut out, mut from) = (String::new(), 0);
    for text in xml.descendants().filter(|node| node.has_tag_name("text") && !keep(*node)) {
        out.push_str(&svg[from..text.range().start]);
        from = text.range().end;
    }
    out + &svg[from..]
}

/// Every text of a tree with where its letters are.
fn texts(group: &usvg::Group, found: &mut Vec<(String, usvg::Rect)>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(inner) => texts(inner, found),
            usvg::Node::Text(text) => {
                let letters = text.chunks().iter().map(|chunk| chunk.text()).collect();
                found.push((letters, text.abs_bounding_box()));
            }
            usvg::Node::Path(_) | usvg::Node::Image(_) => {}
        }
    }
}

/// Whether any font has all letters of `text`.
fn is_drawable(fonts: &usvg::fontdb::Database, text: &str) -> bool {
    let has = |font: &ttf_parser::Face<'_>, letter| font.glyph_index(letter).is_some();
    text.chars().filter(|letter| letter.is_alphanumeric()).all(|letter| {
        fonts.faces().any(|face| {
            let found = fonts.with_face_data(face.id, |data, index| {
                ttf_parser::Face::parse(data, index).is_ok_and(|font| has(&font, letter))
            });
            found == Some(true)
        })
    })
}

#[test]
#[ignore = "make test-browser"]
fn resvg_keeps_text_in_its_box() {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_system_fonts();
    if let Some(folder) = std::env::var_os("RAFTLENS_FONTS") {
        fonts.load_fonts_dir(folder);
    }
    let fonts = Arc::new(fonts);
    let mut tried = 0;
    for (name, svg) in charts() {
        for font in FONTS {
            let svg = in_font(&svg, font);
            let options = usvg::Options { fontdb: Arc::clone(&fonts), ..usvg::Options::default() };
            let tree = usvg::Tree::from_str(&svg, &options).unwrap();
            let mut found = Vec::new();
            texts(tree.root(), &mut found);
            let xml = Document::parse(&svg).unwrap();
            let all: Vec<_> = xml.descendants().filter(|it| it.has_tag_name("text")).collect();
            let mut found = found.into_iter().peekable();
            for text in &all {
                let letters = text.text().unwrap_or("");
                let Some((_, rect)) = found.next_if(|(drawn, _)| drawn == letters) else {
                    assert!(!is_drawable(&fonts, letters), "{name} in {font}: {letters:?} is lost");
                    eprintln!("SKIPPED in resvg: no font here has the letters of {letters}");
                    continue;
                };
                let Some((_, shape)) = holder(*text) else { continue };
                let [left, _, right, _] = bounds(shape);
                let inside = f64::from(rect.left()) >= left - SLACK
                    && f64::from(rect.right()) <= right + SLACK;
                assert!(inside, "{name} in {font}: {:?} {rect:?} in {left}..{right}", text.text());
                tried += 1;
            }
            assert!(found.next().is_none(), "{name} in {font}");
        }
    }
    assert!(tried > 300, "{tried}");
    eprintln!("resvg: {tried} texts inside");
}

#[test]
#[ignore = "make test-browser"]
fn rsvg_keeps_text_in_its_box() {
    if !is_there("rsvg-convert") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = |svg: &str| {
        let (from, to) = (folder.path().join("in.svg"), folder.path().join("out.png"));
        std::fs::write(&from, svg).unwrap();
        assert!(
            Command::new("rsvg-convert").arg(&from).arg("-o").arg(&to).status().unwrap().success()
        );
        Pixmap::decode_png(&std::fs::read(&to).unwrap()).unwrap()
    };
    let mut letters = 0;
    for (name, svg) in charts() {
        let empty = picture(&with_texts(&svg, |_| false));
        for (font, kind) in
            FONTS.iter().flat_map(|font| ["box", "label", "cluster"].map(|kind| (*font, kind)))
        {
            let svg = in_font(&svg, font);
            let is_kind = |text: Node<'_, '_>| {
                text.ancestors()
                    .any(|it| it.attribute("class").unwrap_or("").split(' ').next() == Some(kind))
            };
            let xml = Document::parse(&svg).unwrap();
            let held = xml.descendants().filter(|it| it.has_tag_name("text") && is_kind(*it));
            let rooms: Vec<[f64; 4]> =
                held.filter_map(|text| holder(text)).map(|(_, shape)| bounds(shape)).collect();
            let drawn = picture(&with_texts(&svg, is_kind));
            for (index, (one, other)) in drawn.pixels().iter().zip(empty.pixels()).enumerate() {
                if one == other {
                    continue;
                }
                letters += 1;
                let width = drawn.width() as usize;
                let (x, y) = ((index % width) as f64, (index / width) as f64);
                let inside = rooms.iter().any(|[left, top, right, bottom]| {
                    x >= left - 1.0 && x < right + 1.0 && y >= top - 1.0 && y < bottom + 1.0
                });
                assert!(inside, "{name} in {font}: ink of a {kind} at {x} {y}");
            }
        }
    }
    assert!(letters > 100_000, "{letters}");
    eprintln!("rsvg-convert: {letters} pixels of letters inside");
}

/// Writes what it finds into the page, one line for each text.
const SCRIPT: &str = r#"
const out = [];
for (const svg of document.querySelectorAll("svg")) for (const text of svg.querySelectorAll("text")) {
  const group = text.closest(".box, .label, .cluster");
  const part = group && group.querySelector(".shape, .behind, .ground");
  if (!part) continue;
  const a = text.getBoundingClientRect(), b = part.getBoundingClientRect();
  const over = Math.max(b.left - a.left, a.right - b.right);
  out.push([svg.dataset.name, over.toFixed(2), text.textContent].join(" @ "));
}
document.body.innerHTML = "<pre></pre>";
document.querySelector("pre").textContent = out.join("\n");
"#;

#[test]
#[ignore = "make test-browser"]
fn chromium_keeps_text_in_its_box() {
    let programs = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let Some(program) =
        programs.into_iter().find(|it| Command::new(it).arg("--version").output().is_ok())
    else {
        eprintln!("SKIPPED: Chromium is not installed; NOTHING was tried in it");
        return;
    };
    let mut page = String::from("<!DOCTYPE html><meta charset=utf-8><body>");
    let mut expected = 0;
    for (name, svg) in charts() {
        let xml = Document::parse(&svg).unwrap();
        let held = |it: &Node<'_, '_>| it.has_tag_name("text") && holder(*it).is_some();
        expected += FONTS.len() * xml.descendants().filter(held).count();
        for font in FONTS {
            let svg = in_font(&svg, font);
            let start = svg.find("<svg").unwrap();
            let _ = write!(page, "<svg data-name='{name} in {font}' {}", &svg[start + 4..]);
        }
    }
    let _ = write!(page, "<script>{SCRIPT}</script>");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).unwrap();
    let mut command = Command::new(program);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    let output = command.arg(format!("file://{}", file.display())).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = shown.lines().filter(|line| line.contains(" @ ")).collect();
    assert_eq!(lines.len(), expected, "{}", String::from_utf8_lossy(&output.stderr));
    for line in &lines {
        let over: f64 = line.split(" @ ").nth(1).unwrap().parse().unwrap();
        assert!(over <= SLACK, "{line}: {over} points outside");
    }
    eprintln!("{program}: {} texts inside", lines.len());
}
