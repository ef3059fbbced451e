//! Writes elements, attributes and texts so that the file is well-formed whatever they hold.

use crate::layout::{Point, Rect};
use crate::text::{Line, printable};

/// How a line of text looks.
#[derive(Clone, Copy)]
pub(super) struct TextLook {
    /// Class for the style sheet.
    pub(super) class: &'static str,
    /// Font size in points.
    pub(super) size: f64,
    /// Colour where there is no style sheet.
    pub(super) fill: &'static str,
}

/// An SVG file that is being written.
pub(super) struct Markup {
    out: String,
    depth: usize,
}

impl Markup {
    pub(super) fn new() -> Self {
        Markup { out: String::new(), depth: 0 }
    }

    /// Opens an element that holds others.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.depth += 1;
    }

    /// Closes the element opened last.
    pub(super) fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.indent();
        self.out.push_str(&format!("</{name}>\n"));
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push_str("/>\n");
    }

    /// An element with a text in it; line breaks in the text stay.
    pub(super) fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.start(name, attributes);
        let lines: Vec<String> = text.split('\n').map(escaped).collect();
        self.out.push_str(&format!(">{}</{name}>\n", lines.join("\n")));
    }

    /// Lines that are already markup.
    pub(super) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// A rectangle with round corners.
    pub(super) fn rect(&mut self, class: &str, rect: &Rect, round: f64, look: &[(&str, &str)]) {
        let sides = [rect.x, rect.y, rect.width, rect.height, round].map(number);
        let names = ["x", "y", "width", "height", "rx"];
        let mut attributes = vec![("class", class)];
        attributes.extend(names.into_iter().zip(sides.iter().map(String::as_str)));
        if round == 0.0 {
            attributes.pop();
        }
        attributes.extend(look);
        self.empty("rect", &attributes);
    }

    /// A line of text that begins at `at`.
    pub(super) fn text(&mut self, look: TextLook, line: &Line, at: Point) {
        self.pinned(look, line, at, None);
    }

    /// A line of text whose middle is at `at`.
    pub(super) fn centered(&mut self, look: TextLook, line: &Line, at: Point) {
        self.pinned(look, line, at, Some(("text-anchor", "middle")));
    }

    /// A line of text that ends at `at`.
    pub(super) fn ending(&mut self, look: TextLook, line: &Line, at: Point) {
        self.pinned(look, line, at, Some(("text-anchor", "end")));
    }

    /// Text with its width fixed: a viewer with another font squeezes or stretches it.
    fn pinned(
        &mut self,
        look: TextLook,
        line: &Line,
        at: Point,
        anchor: Option<(&'static str, &'static str)>,
    ) {
        if line.text.trim().is_empty() {
            return;
        }
        let (x, y) = (number(at.x), number(at.y));
        let (width, size) = (number(line.width), number(look.size));
        let mut attributes = vec![("class", look.class), ("x", &x), ("y", &y)];
        attributes.extend([("textLength", width.as_str()), ("lengthAdjust", "spacingAndGlyphs")]);
        attributes.extend([("font-size", size.as_str()), ("fill", look.fill)]);
        attributes.extend(anchor);
        self.start("text", &attributes);
        let text = escaped(&line.text);
        // Isolated, a line keeps its own order in every viewer (UAX #9); an attribute `direction`
        // would turn its anchor too, and not all viewers know it.
        let text = match (line.is_right_to_left(), line.turns()) {
            (true, _) => format!("\u{2067}{text}\u{2069}"),
            (false, true) => format!("\u{2066}{text}\u{2069}"),
            (false, false) => text,
        };
        self.out.push_str(&format!(">{text}</text>\n"));
    }

    /// The finished file.
    pub(super) fn finish(self) -> String {
        self.out
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push_str(&format!(" {key}=\"{}\"", escaped(value)));
        }
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n(' ', self.depth));
    }
}

/// As [`printable`], but with the isolates that tooltips put around names of the other direction.
fn visible(text: &str) -> impl Iterator<Item = char> {
    let is_isolate = |character: &char| matches!(*character, '\u{2068}' | '\u{2069}');
    text.split_inclusive(move |character| is_isolate(&character)).flat_map(move |part| {
        let isolate = part.chars().next_back().filter(is_isolate);
        printable(part).chars().chain(isolate).collect::<Vec<char>>()
    })
}

/// Text between tags or quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in visible(text) {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// A coordinate with at most two decimals, and none where they are zero.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(
            [1.0, 0.5, 12.345, -0.001, 100.0].map(number),
            ["1", "0.5", "12.35", "0", "100"]
        );
    }

    #[test]
    fn markup_in_text_stays_text() {
        assert_eq!(escaped("<a href='x'>&\0\u{fffe}"), "&lt;a href=&#39;x&#39;&gt;&amp; ");
    }
}
