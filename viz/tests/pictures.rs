//! PNG and PDF of our charts: letters without any installed font, limits, and refusals.

#![allow(clippy::unwrap_used, reason = "a test stops")]

mod fixtures;

use fixtures::chart;
use raftlens_viz::{
    DrawOptions, FlowBox, FlowGraph, PictureError, PictureFonts, PictureOptions, draw, pdf, png,
};
use resvg::tiny_skia::Pixmap;

/// No font but the built-in one.
fn alone(scale: Option<f64>) -> PictureOptions {
    let fonts = PictureFonts { system: false, ..PictureFonts::default() };
    PictureOptions { scale, fonts }
}

fn named(title: &str) -> String {
    let mut graph = FlowGraph::new("");
    let (identity, title) = (title.to_owned(), title.to_owned());
    graph.add_box(FlowBox { identity, title, ..FlowBox::default() });
    draw(&graph, &DrawOptions::default()).unwrap()
}

/// How many pixels are darker than any line or ground of a chart without text.
fn ink(picture: &[u8]) -> usize {
    let pixels = Pixmap::decode_png(picture).unwrap();
    pixels.pixels().iter().filter(|pixel| pixel.red() < 90 && pixel.blue() < 110).count()
}

#[test]
fn a_machine_without_fonts_still_shows_letters() {
    for title in ["propose", "Проверка", "εγγραφή", "çà→ñ"] {
        let with = ink(&png(&named(title), &alone(None)).unwrap().bytes);
        let without = ink(&png(&named(""), &alone(None)).unwrap().bytes);
        assert!(with > without + 100, "{title}: {with} dark pixels, {without} without a title");
    }
}

#[test]
fn scale_is_pixels_for_each_point() {
    let svg = draw(&chart("inspect", false), &DrawOptions::default()).unwrap();
    let size = |scale| {
        let picture = png(&svg, &alone(scale)).unwrap();
        assert_eq!(picture.notes, Vec::<String>::new());
        Pixmap::decode_png(&picture.bytes).unwrap().width()
    };
    let (one, three) = (size(Some(1.0)), size(Some(3.0)));
    assert!(three.abs_diff(3 * one) <= 2, "{one} and {three}");
    assert_eq!(size(None), size(Some(2.0)));
}

#[test]
fn a_page_keeps_text_as_text() {
    let svg = draw(&chart("inspect", false), &DrawOptions::default()).unwrap();
    let page = pdf(&svg, &alone(None)).unwrap().bytes;
    let has = |word: &str| page.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(page.starts_with(b"%PDF-") && has("RaftlensSans") && has("ToUnicode"));
}

#[test]
fn what_is_huge_is_made_smaller_or_refused() {
    let blank = |side: u32| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{side}\" height=\"{side}\">\
             <rect width=\"9\" height=\"9\"/></svg>"
        )
    };
    let small = png(&blank(30_000), &alone(None)).unwrap();
    assert!(small.notes[0].contains("0.27"), "{:?}", small.notes);
    assert!(pdf(&blank(30_000), &alone(None)).unwrap().notes[0].contains("0.48"));
    for result in [png(&blank(400_000), &alone(None)), pdf(&blank(400_000), &alone(None))] {
        assert!(matches!(result, Err(PictureError::TooLarge { .. })), "{result:?}");
    }
}

#[test]
fn what_is_no_scale_or_no_svg_is_refused() {
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let result = png(&named("x"), &alone(Some(scale)));
        assert!(matches!(result, Err(PictureError::BadScale(_))), "{result:?}");
    }
    for svg in ["", "<svg", "<html/>"] {
        let result = png(svg, &alone(None));
        assert!(matches!(result, Err(PictureError::BadSvg(_))), "{result:?}");
    }
}
