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
        self.end(name);
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push_str("/>\n");
    }

    /// An element with a text in it; line breaks in the text stay.
    pub(super) fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.start(name, attributes);
        self.out.push('>');
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.out.push('\n');
            }
            push_escaped(&mut self.out, line);
        }
        self.end(name);
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
        self.out.push('>');
        // Isolated, a line keeps its own order in every viewer (UAX #9); an attribute `direction`
        // would turn its anchor too, and not all viewers know it.
        let isolate = match (line.is_right_to_left(), line.turns()) {
            (true, _) => Some('\u{2067}'),
            (false, true) => Some('\u{2066}'),
            (false, false) => None,
        };
        self.out.extend(isolate);
        push_escaped(&mut self.out, &line.text);
        self.out.extend(isolate.map(|_| '\u{2069}'));
        self.end("text");
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
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            push_escaped(&mut self.out, value);
            self.out.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
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
fn push_escaped(out: &mut String, text: &str) {
    // Most of a file is numbers, names and paths, which stay as they are.
    let is_plain = |byte: u8| (b' '..0x7f).contains(&byte) && !b"&<>\"'".contains(&byte);
    if text.bytes().all(is_plain) {
        out.push_str(text);
        return;
    }
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
}

/// A coordinate with at most two decimals, and none where they are zero.
pub(super) fn number(value: f64) -> String {
    // Beyond this a float has no hundredths; what is no number is written as it is.
    const MOST: f64 = 1e13;
    if value.is_nan() || value.abs() >= MOST {
        return format!("{value}");
    }
    let hundredths = (value * 100.0).round() as i64;
    let (whole, part) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    let mut text = String::with_capacity(12);
    if hundredths < 0 {
        text.push('-');
    }
    text.push_str(&whole.to_string());
    if part > 0 {
        text.push('.');
        text.push(char::from(b'0' + (part / 10) as u8));
        if part % 10 > 0 {
            text.push(char::from(b'0' + (part % 10) as u8));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(
            [1.0, 0.5, 12.345, -0.001, -7.05, 100.0, 1e20].map(number),
            ["1", "0.5", "12.35", "0", "-7.05", "100", "100000000000000000000"]
        );
    }

    #[test]
    fn markup_in_text_stays_text() {
        let mut out = String::new();
        push_escaped(&mut out, "<a href='x'>&\0\u{fffe}");
        assert_eq!(out, "&lt;a href=&#39;x&#39;&gt;&amp; ");
    }
}
