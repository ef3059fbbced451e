//! Text as DOT wants it, and back.
//!
//! Graphviz reads a quoted string in up to three steps: quotes, then backslash escapes, then (in
//! labels) HTML entities; fields of records have marks of their own on top.

use crate::text::printable;

/// Text for any quoted attribute, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text))
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

/// The text of a quoted or plain DOT string: quotes, escapes and the common entities undone.
pub(crate) fn unquoted(raw: &str) -> String {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) => without_entities(&unescaped(inner)),
        None => raw.to_owned(),
    }
}

/// Splits a record label into its fields with their ports, whatever the nesting.
pub(crate) fn record_fields(raw: &str) -> Vec<(Option<String>, String)> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    let mut fields = Vec::new();
    let (mut port, mut text) = (None, String::new());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => push_escaped(&mut text, characters.next()),
            '<' => port = Some(characters.by_ref().take_while(|c| *c != '>').collect::<String>()),
            '{' | '}' => {}
            '|' => {
                fields.push((port.take(), without_entities(text.trim())));
                text.clear();
            }
            _ => text.push(character),
        }
    }
    fields.push((port.map(|port| port.trim().to_owned()), without_entities(text.trim())));
    fields
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => push_escaped(&mut out, characters.next()),
            _ => out.push(character),
        }
    }
    out
}

/// `\n`, `\l` and `\r` end a line, a backslash before a line end joins two, the rest stands for
/// itself.
fn push_escaped(out: &mut String, escaped: Option<char>) {
    match escaped {
        Some('n' | 'l' | 'r') => out.push(' '),
        Some('\n') | None => {}
        Some(character) => out.push(character),
    }
}

fn without_entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &[&str] =
        &["a\"b", "a\\", "\\n", "<b>|{x} y</b>", "a & b &lt; c", "读 🦀", "}\"];b[", "\\\"", ""];

    #[test]
    fn quoted_text_comes_back() {
        for text in HOSTILE {
            assert_eq!(unquoted(&quoted(text)), *text);
        }
    }

    #[test]
    fn record_fields_come_back() {
        for text in HOSTILE {
            let label = format!("\"{}|<p> {}\"", record_field(text), record_field("x"));
            let fields = record_fields(&label);
            assert_eq!(fields[0], (None, (*text).to_owned()));
            assert_eq!(fields[1], (Some("p".to_owned()), "x".to_owned()));
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_file() {
        assert_eq!(quoted("a\0b\nc"), "\"a b c\"");
    }
}
