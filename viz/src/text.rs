//! Text sizes, measured by us, and text cut to the room that it has.
//!
//! Two widths are known for every line. `width` is that of the font we ask for (Liberation Sans,
//! with the metrics of Arial and Helvetica); the SVG pins it, so viewers that honour `textLength`
//! show exactly that. `room` is that of the widest font that a viewer is likely to put in its place;
//! boxes are sized by it, so the text stays inside where the pin is ignored.
//!
//! Lines break and end between grapheme clusters (what a reader takes for one letter, by UAX #29),
//! never inside an accent, a flag or a family of emoji.

mod widths;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use widths::WIDTHS;

/// Longest text that is looked at, in letters; more never fits into a box.
const LONGEST: usize = 600;
/// The same in characters, for letters of a thousand marks.
const LONGEST_CHARACTERS: usize = 8 * LONGEST;
/// Most marks above and below one letter; taller stacks leave the line.
const MARKS: usize = 4;
/// What joins emoji to one, and what says that a character is shown as one.
const JOINER: char = '\u{200d}';
const AS_EMOJI: char = '\u{fe0f}';
const AS_TEXT: char = '\u{fe0e}';
/// Widths of one emoji in thousandths of the font size: in Noto Color Emoji, and in the widest.
const EMOJI: (u16, u16) = (1250, 1400);

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
        let text = tamed(&printable(text));
        let (mut width, mut room) = (0u64, 0u64);
        for cluster in text.graphemes(true) {
            let (drawn, widest) = width_of_cluster(cluster);
            width += drawn;
            room += widest;
        }
        let points = |thousandths: u64| thousandths as f64 * size / 1000.0;
        Line { width: points(width), room: points(room), text }
    }

    /// The longest beginning of `text` that has room, with an ellipsis if anything is missing.
    pub(crate) fn shortened(text: &str, size: f64, room: f64) -> Line {
        let head = head(text);
        let whole = Line::new(head, size);
        if whole.room <= room && head.len() == text.len() {
            return whole;
        }
        let mut used = Line::new("…", size).room;
        let mut kept = 0;
        for (at, cluster) in whole.text.grapheme_indices(true) {
            used += width_of_cluster(cluster).1 as f64 * size / 1000.0;
            if used > room {
                break;
            }
            kept = at + cluster.len();
        }
        Line::new(&format!("{}…", whole.text[..kept].trim_end()), size)
    }

    /// Whether it is read from right to left: its first letter with a direction says so (UAX #9,
    /// rules P2 and P3).
    pub(crate) fn is_right_to_left(&self) -> bool {
        self.text.chars().find_map(direction) == Some(Direction::RightToLeft)
    }

    /// Whether any part of it is read from right to left.
    pub(crate) fn turns(&self) -> bool {
        has_right_to_left(&self.text)
    }
}

/// Whether any letter of `text` is read from right to left.
pub(crate) fn has_right_to_left(text: &str) -> bool {
    text.chars().any(|character| direction(character) == Some(Direction::RightToLeft))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    LeftToRight,
    RightToLeft,
}

/// The direction of a letter; digits and marks have none. By blocks: Hebrew to Arabic Extended,
/// their presentation forms, and the right-to-left part of the first supplementary plane.
fn direction(character: char) -> Option<Direction> {
    match character {
        '\u{590}'..='\u{8ff}'
        | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}' => {
            // Arabic digits and punctuation take the direction of what stands around them.
            character.is_alphabetic().then_some(Direction::RightToLeft)
        }
        _ => character.is_alphabetic().then_some(Direction::LeftToRight),
    }
}

/// Breaks `text` into at most `most` lines that have `room`; the last is shortened if need be.
pub(crate) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut current = String::new();
    let clean = printable(head(text));
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
                | '\u{200f}' | '\u{61c}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        })
        .map(|character| if is_blank(character) { ' ' } else { character })
        .collect()
}

fn is_blank(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// `text` with no letter under more marks than a line is high.
fn tamed(text: &str) -> String {
    let mut marks = 0;
    let keep = |character: &char| {
        let joins = matches!(*character, JOINER | AS_EMOJI | AS_TEXT | '\u{e0020}'..='\u{e007f}');
        let is_mark = !joins && character.width() == Some(0);
        marks = if is_mark { marks + 1 } else { 0 };
        marks <= MARKS
    };
    text.chars().filter(keep).collect()
}

/// The part of `text` that is looked at: whole letters.
fn head(text: &str) -> &str {
    let few = text.char_indices().nth(LONGEST_CHARACTERS).map_or(text, |(at, _)| &text[..at]);
    few.grapheme_indices(true).nth(LONGEST).map_or(few, |(at, _)| &few[..at])
}

/// Length in bytes of the beginning of `text` up to the first place where a line may break.
///
/// Behind spaces and the marks that join words in names, and between ideographs; but no line
/// begins with a closing mark or ends with an opening one.
fn piece_len(text: &str) -> usize {
    let mut clusters = text.grapheme_indices(true).peekable();
    while let Some((at, cluster)) = clusters.next() {
        let end = at + cluster.len();
        let Some((_, next)) = clusters.peek() else { return end };
        let joins = matches!(cluster, " " | "_" | "." | "/" | "," | "-" | ":" | "(" | "|");
        let both_marks = cluster == *next;
        let is_wide = |cluster: &str| cluster.chars().next().and_then(UnicodeWidthChar::width);
        let between = is_wide(cluster) == Some(2) && !opens(cluster) && !closes(next);
        let before_wide = is_wide(next) == Some(2) && cluster == " ";
        if (joins && !both_marks) || between || before_wide {
            return end;
        }
    }
    text.len()
}

/// Full-width marks that belong to what follows.
fn opens(cluster: &str) -> bool {
    matches!(cluster, "（" | "「" | "『" | "【" | "《" | "〈" | "［" | "｛" | "〔" | "“" | "‘")
}

/// Marks that belong to what they stand behind.
fn closes(cluster: &str) -> bool {
    matches!(
        cluster,
        "）" | "」"
            | "』"
            | "】"
            | "》"
            | "〉"
            | "］"
            | "｝"
            | "〕"
            | "”"
            | "’"
            | "，"
            | "。"
            | "、"
            | "；"
            | "："
            | "！"
            | "？"
            | "…"
            | "—"
            | "・"
            | ","
            | "."
            | ";"
            | ":"
            | "!"
            | "?"
            | ")"
    )
}

/// Drawn and widest width of what a reader takes for one letter, in thousandths of the font size.
fn width_of_cluster(cluster: &str) -> (u64, u64) {
    let mut characters = cluster.chars();
    let (Some(first), None) = (characters.next(), characters.next()) else {
        return width_of_several(cluster);
    };
    let (drawn, widest) = width_of(first);
    (drawn.into(), widest.into())
}

/// One that is made of several characters.
fn width_of_several(cluster: &str) -> (u64, u64) {
    let each = |character: char| width_of(character);
    let widest: u64 = cluster.chars().map(|character| u64::from(each(character).1)).sum();
    let is_flag = cluster.chars().all(|character| matches!(character, '\u{1f1e6}'..='\u{1f1ff}'));
    let is_toned = cluster.chars().any(|character| matches!(character, '\u{1f3fb}'..='\u{1f3ff}'));
    let is_emoji = is_flag || is_toned || cluster.contains(JOINER) && each_is_wide(cluster);
    if is_emoji || cluster.contains(AS_EMOJI) {
        // A font that knows the whole draws one; one that does not draws its parts side by side.
        return (EMOJI.0.into(), widest.max(EMOJI.1.into()));
    }
    (cluster.chars().map(|character| u64::from(each(character).0)).sum(), widest)
}

fn each_is_wide(cluster: &str) -> bool {
    cluster.chars().any(|character| u32::from(character) >= 0x1f000)
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
        Some(2) if code >= 0x1f000 => EMOJI,
        Some(2) => (1000, 1000),
        Some(_) => (650, 1000),
    }
}

#[cfg(test)]
mod tests;
