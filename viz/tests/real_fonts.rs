//! What is drawn has room in real fonts: every line of our texts, in each font that a viewer may
//! put in the place of the one we ask for. Fonts that are not installed are said and skipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

use std::path::PathBuf;

use raftlens_viz::{DrawOptions, FlowBox, FlowGraph, draw, sized};

/// Folders where Linux has its fonts, and one that may be named.
fn folders() -> Vec<PathBuf> {
    let named = std::env::var_os("RAFTLENS_FONTS").map(PathBuf::from);
    named.into_iter().chain(["/usr/share/fonts".into(), "/usr/local/share/fonts".into()]).collect()
}

/// The file of a font, wherever it is installed.
fn file(name: &str) -> Option<Vec<u8>> {
    let mut open = folders();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return std::fs::read(path).ok();
            }
        }
    }
    None
}

/// Width of `text` at `size`, letter by letter; `None` if a letter is not in the font.
fn width(font: &ttf_parser::Face<'_>, text: &str, size: f64) -> Option<f64> {
    let mut units = 0u64;
    for character in text.chars() {
        units += u64::from(font.glyph_hor_advance(font.glyph_index(character)?)?);
    }
    Some(units as f64 * size / f64::from(font.units_per_em()))
}

/// Texts as they stand in charts, by the script that a font must have for them.
const TEXTS: [&str; 14] = [
    "post_pending_read_index_on_replica",
    "Ww Mm @ % 0123456789 → × µs ·",
    "trait LocalReadRouter::read(&self, ctx: Ctx<'_>) -> Result<(), E>",
    "Überprüfung ÇĞŞ łódź naïve",
    "Проверка аренды лидера, чтение Щ Ж Ю",
    "Ανάγνωση δείκτη, Ω Ψ",
    "读取索引，请求队列。（等待应用）「快照」",
    "リードインデックス、ﾘｰﾄﾞ",
    "읽기 인덱스",
    "קריאה מקומית",
    "قراءة محلية",
    "e\u{301}a\u{308}o\u{302}",
    "≤ ≥ ≠ ∞ √ ∑ ∂ ◊ ■ ● ▲",
    "┌──┐│└┘ ░▒▓█",
];

const FONTS: [&str; 6] = [
    "LiberationSans-Regular.ttf",
    "LiberationSerif-Regular.ttf",
    "DejaVuSans.ttf",
    "DejaVuSerif.ttf",
    "wqy-microhei.ttc",
    "RaftlensSans.ttf",
];

#[test]
fn every_line_has_room_in_every_font() {
    let mut measured = 0;
    for name in FONTS {
        let own = "fonts/RaftlensSans.ttf";
        let data = if name.starts_with("Raftlens") { std::fs::read(own).ok() } else { file(name) };
        let Some(data) = data else {
            eprintln!("not measured: {name} is not installed");
            continue;
        };
        let font = ttf_parser::Face::parse(&data, 0).unwrap();
        for text in TEXTS {
            let Some(needs) = width(&font, text, 12.0) else { continue };
            let mut graph = FlowGraph::new("");
            let (identity, title) = (text.to_owned(), text.to_owned());
            graph.add_box(FlowBox { identity, title, ..FlowBox::default() });
            let svg = draw(&graph, &DrawOptions::default()).unwrap();
            let box_width = sized(&graph).boxes[0].size.width;
            // A title that was broken into lines is measured line by line.
            let xml = roxmltree::Document::parse(&svg).unwrap();
            let is_title = |node: &roxmltree::Node<'_, '_>| {
                node.has_tag_name("text") && node.attribute("class") == Some("title")
            };
            for line in xml.descendants().filter(is_title) {
                let line: String =
                    line.text().unwrap().chars().filter(|it| !is_isolate(*it)).collect();
                let Some(needs) = width(&font, &line, 12.0) else { continue };
                assert!(
                    needs <= box_width - 18.0 + 1e-6,
                    "{line:?} in {name}: {needs}, {box_width}"
                );
                measured += 1;
            }
            assert!(needs > 0.0);
        }
    }
    // The built-in font alone knows five of the texts.
    assert!(measured >= 5, "only {measured} lines were measured");
}

fn is_isolate(character: char) -> bool {
    matches!(character, '\u{2066}'..='\u{2069}')
}
