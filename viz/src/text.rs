//! Text sizes, measured by us, and text cut to the room that it has.
//!
//! Two widths are known for every line. `width` is that of the font we ask for (Liberation Sans,
//! with the metrics of Arial and Helvetica); the SVG pins it, so viewers that honour `textLength`
//! show exactly that. `room` is that of the widest font that a viewer is likely to put in its place;
//! boxes are sized by it, so the text stays inside where the pin is ignored.

mod widths;

use unicode_width::UnicodeWidthChar;

use widths::WIDTHS;

/// Longest text that is looked at, in characters; more never fits into a box.
const LONGEST: usize = 600;

/// One line of text with its size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Printable text without line breaks.
    pub(crate) text: String,
    /// Width in the font that is asked for.
    pub(crate) width: f64,
    /// Width in the widest font that may be used.
    pub(crate) room: f64,
}

impl Line {
    /// Measures `text`, cleaned of what cannot be shown, at `size` points.
    pub(crate) fn new(text: &str, size: f64) -> Line {
        let text = printable(text);
        let (mut width, mut room) = (0u64, 0u64);
        for character in text.chars() {
            let (drawn, widest) = width_of(character);
            width += u64::from(drawn);
            room += u64::from(widest);
        }
        let points = |thousandths: u64| thousandths as f64 * size / 1000.0;
        Line { width: points(width), room: points(room), text }
    }

    /// The longest beginning of `text` that has room, with an ellipsis if anything is missing.
    pub(crate) fn shortened(text: &str, size: f64, room: f64) -> Line {
        let whole = Line::new(&head(text), size);
        if whole.room <= room && head(text).len() == text.len() {
            return whole;
        }
        let characters: Vec<char> = whole.text.chars().collect();
        let ellipsis = Line::new("…", size).room;
        let mut used = ellipsis;
        let mut kept = 0;
        for character in &characters {
            used += f64::from(width_of(*character).1) * size / 1000.0;
            if used > room {
                break;
            }
            kept += 1;
        }
        let beginning: String = characters[..kept].iter().collect();
        Line::new(&format!("{}…", beginning.trim_end()), size)
    }
}

/// Breaks `text` into at most `most` lines that have `room`; the last is shortened if need be.
pub(crate) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut current = String::new();
    let clean = printable(&head(text));
    let mut rest = clean.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(piece_len(rest));
        let longer = format!("{current}{piece}");
        let fits = Line::new(longer.trim_end(), size).room <= room;
        if !fits && !current.is_empty() {
            if lines.len() + 1 == most {
                break;
            }
            lines.push(Line::new(current.trim(), size));
            current.clear();
            continue;
        }
        current = longer;
        rest = after;
        if !fits {
            // A piece without a place to break: cut where the room ends.
            break;
        }
    }
    let last = format!("{current}{rest}");
    let cut = head(text).len() < text.len();
    let last = if cut { format!("{last}…") } else { last };
    lines.push(Line::shortened(last.trim(), size, room));
    lines
}

/// Text as it can be shown: no control characters, no marks that turn the direction of what
/// follows, nothing that XML forbids.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| {
            !matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}'
                | '\u{200f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        })
        .map(|character| if is_blank(character) { ' ' } else { character })
        .collect()
}

fn is_blank(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// The part of `text` that is looked at.
fn head(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// Length in bytes of the beginning of `text` up to the first place where a line may break.
///
/// Behind spaces and the marks that join words in names, and between ideographs.
fn piece_len(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let end = at + character.len_utf8();
        let Some((_, next)) = characters.peek() else { return end };
        let joins = matches!(character, ' ' | '_' | '.' | '/' | ',' | '-' | ':' | '(' | '|');
        let both_marks = character == *next;
        let wide = character.width() == Some(2) && next.width() != Some(0);
        if (joins && !both_marks) || wide {
            return end;
        }
    }
    text.len()
}

/// Drawn and widest width of a character, in thousandths of the font size.
fn width_of(character: char) -> (u16, u16) {
    let code = u32::from(character);
    for (first, widths) in WIDTHS {
        if let Some(found) = code.checked_sub(*first).and_then(|at| widths.get(at as usize)) {
            // Zero says that no measured font has it; the estimate below stands in.
            if found.1 > 0 {
                return *found;
            }
        }
    }
    match character.width() {
        Some(0) | None => (0, 0),
        // Emoji are wider than ideographs in the fonts that have them.
        Some(2) if code >= 0x1f000 => (1250, 1400),
        Some(2) => (1000, 1000),
        Some(_) => (650, 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_is_as_wide_as_arial() {
        // 500+278+556+222 and so on: "call" = c500 a557 l223 l223.
        assert!((Line::new("call", 10.0).width - 15.03).abs() < 0.01);
        assert!(Line::new("call", 10.0).room > Line::new("call", 10.0).width);
    }

    #[test]
    fn ideographs_and_emoji_take_full_width() {
        assert_eq!(Line::new("读取", 12.0).width, 24.0);
        assert!(Line::new("🦀", 12.0).width >= 12.0);
        assert_eq!(Line::new("e\u{301}", 12.0).width, Line::new("e", 12.0).width);
    }

    #[test]
    fn wrapped_lines_have_room_and_lose_nothing() {
        let title = "post_pending_read_index_on_replica::ready_to_handle";
        let lines = wrap(title, 12.0, 150.0, 4);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.room <= 150.0));
        let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(joined, title);
    }

    #[test]
    fn what_has_no_room_ends_in_an_ellipsis() {
        for text in ["x".repeat(100_000), "读".repeat(900), "a b ".repeat(400)] {
            let lines = wrap(&text, 12.0, 100.0, 3);
            assert!(lines.len() <= 3 && lines.iter().all(|line| line.room <= 100.0));
            assert!(lines.last().unwrap().text.ends_with('…'), "{lines:?}");
        }
    }

    #[test]
    fn control_characters_become_blanks() {
        assert_eq!(printable("a\0b\u{1b}[31m\u{202e}c\nd"), "a b [31mc d");
        assert_eq!(wrap("", 12.0, 100.0, 3), [Line::new("", 12.0)]);
    }
}
