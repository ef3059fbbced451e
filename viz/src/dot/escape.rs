//! Text as DOT wants it.
//!
//! Graphviz reads a quoted string in up to three steps: quotes, then backslash escapes, then (in
//! labels) HTML entities; fields of records have marks of their own on top.

use crate::text::printable;

/// Text for any quoted attribute, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text))
}

/// Text that is already as DOT takes it, but for its quotes: backslashes stay what they are.
pub(super) fn raw(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut is_escaping = false;
    for character in text.chars() {
        if character == '"' {
            // A lone backslash before a quote would take the quote's own away.
            out.push_str(if is_escaping { "\\\\" } else { "\\" });
        }
        is_escaping = character == '\\' && !is_escaping;
        out.push(character);
    }
    out.push_str(if is_escaping { "\\\"" } else { "\"" });
    out
}

/// Lines for a label, with its quotes; Graphviz centres them.
pub(super) fn quoted_lines(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    format!("\"{}\"", lines.join("\\n"))
}

/// Text of one field of a record, without quotes.
pub(super) fn record_field(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in entities(&printable(text)).chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '{' | '}' | '<' | '>' | '|' | ' ' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

fn plain(text: &str) -> String {
    entities(&printable(text)).replace('\\', "\\\\").replace('"', "\\\"")
}

/// Makes text that looks like an entity show as itself.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        out.push(character);
        if character == '&' && is_entity(&text[at + 1..]) {
            out.push_str("amp;");
        }
    }
    out
}

/// Whether what follows an ampersand is a name or number up to a semicolon.
fn is_entity(after: &str) -> bool {
    match after.find(';') {
        Some(0) | None => false,
        Some(end) => after[..end].chars().all(|c| c.is_ascii_alphanumeric() || c == '#'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::preprocess::Source;
    use crate::dot::read;
    use crate::from_dot::label::{Names, joined, lines};
    use crate::from_dot::record;

    const HOSTILE: &[&str] =
        &["a\"b", "a\\", "\\n", "<b>|{x} y</b>", "a & b &lt; c", "读 🦀", "}\"];b[", "\\\"", ""];

    /// The label of a box that is written with this value.
    fn label_of(written: &str) -> String {
        let source = Source::plain(format!("digraph {{ a [label={written}] }}"), None);
        let document = read::document(&source).unwrap();
        document.nodes[0].attributes.get("label").unwrap().text.to_string()
    }

    #[test]
    fn quoted_text_comes_back() {
        for text in HOSTILE {
            let raw = label_of(&quoted(text));
            assert_eq!(joined(&lines(&raw, &Names::default()), " "), *text);
        }
    }

    #[test]
    fn record_fields_come_back() {
        for text in HOSTILE {
            let raw = label_of(&format!("\"{}|<p> {}\"", record_field(text), record_field("x")));
            let cell = record::cells(&raw, &Names::default(), true);
            let [first, second] = &cell.grid[..] else { panic!("{text}: {cell:?}") };
            assert_eq!(joined(&first.cell.lines, " "), *text);
            assert_eq!(second.cell.port.as_deref(), Some("p"));
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_file() {
        assert_eq!(quoted("a\0b\nc"), "\"a b c\"");
    }

    #[test]
    fn raw_text_comes_back_as_it_was() {
        for text in ["a\\nb\\l", "say \"x\"", "\\\\", "\\\\\"", "two\nlines", "读"] {
            assert_eq!(label_of(&raw(text)), text);
        }
        // What only HTML can hold is not lost either, but gets its backslash doubled.
        assert_eq!(label_of(&raw("a\\")), "a\\\\");
    }
}
