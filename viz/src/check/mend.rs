//! The text of a chart as it should be: only the statements that are wrong change, so that comments,
//! order and layout stay as their author left them.

use std::ops::Range;

use super::Fault;
use crate::chart::{Chart, ChartBox};

/// A mended chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The whole text.
    pub text: String,
    /// Faults that need their author: a box without code whose new name is not plain, an arrow that
    /// is part of a chain or group, or one that comes out of a macro.
    pub left: Vec<Fault>,
}

/// A statement in the text of a chart.
#[derive(Debug)]
struct Statement {
    /// From its first to its last character, the semicolon among them.
    range: Range<usize>,
    /// The names at its arrows; one for a box.
    ends: Vec<String>,
    /// Nothing else, such as a group, is in it.
    is_plain: bool,
}

/// Mends the text of `chart`.
pub fn mend(text: &str, chart: &Chart, faults: &[Fault]) -> Mended {
    let statements = statements(text);
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut left = Vec::new();
    for fault in faults {
        let edit = match fault {
            Fault::NoCode { of, now: Some((now, file)), .. } => {
                renamed(text, &statements, &chart.boxes[*of], (now, file))
            }
            Fault::NoCode { now: None, .. } => None,
            Fault::Moved { of, from, to, .. } => {
                let of = of_box(&statements, &chart.boxes[*of].name);
                of.and_then(|range| replaced(text, range, from, &relative(from, to)))
                    .map(|edit| vec![edit])
            }
            Fault::NoCall { of, .. } => {
                let arrow = &chart.arrows[*of];
                let ends = [&chart.boxes[arrow.from].name, &chart.boxes[arrow.to].name];
                removed(text, &statements, ends).map(|edit| vec![edit])
            }
            Fault::NotDrawn { of, .. } | Fault::Taken { of, .. } => {
                added(text, &statements, chart, *of)
            }
        };
        match edit {
            Some(more) => edits.extend(more),
            None => left.push(fault.clone()),
        }
    }
    // A call that is in the code and in a run is one arrow.
    edits.sort_by(|a, b| (a.0.start, a.0.end, &a.1).cmp(&(b.0.start, b.0.end, &b.1)));
    edits.dedup();
    let mut mended = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in edits {
        // Of two that overlap, such as two arrows on one line, the first counts.
        if range.start < at {
            continue;
        }
        mended.push_str(&text[at..range.start]);
        mended.push_str(&new);
        at = range.end;
    }
    mended.push_str(&text[at..]);
    Mended { text: mended, left }
}

fn of_box(statements: &[Statement], name: &str) -> Option<Range<usize>> {
    let found = statements.iter().find(|it| it.is_plain && it.ends == [name]);
    found.map(|statement| statement.range.clone())
}

/// Replaces the value `old` in quotes, or without, within `range`.
fn replaced(
    text: &str,
    range: Range<usize>,
    old: &str,
    new: &str,
) -> Option<(Range<usize>, String)> {
    let quoted = format!("\"{old}\"");
    let at = text[range.clone()].find(&quoted)? + range.start + 1;
    Some((at..at + old.len(), new.to_owned()))
}

/// The new path in the form of the old one: a chart's paths may begin further in or out.
fn relative(old: &str, new: &str) -> String {
    let first = old.split('/').next().unwrap_or("");
    let parts: Vec<&str> = new.split('/').collect();
    match parts.iter().position(|part| *part == first) {
        Some(at) => parts[at..].join("/"),
        None => new.to_owned(),
    }
}

/// A box under its new name: `code` or `id`, its label where that was the old name, and its file.
fn renamed(
    text: &str,
    statements: &[Statement],
    of: &ChartBox,
    (now, file): (&str, &str),
) -> Option<Vec<(Range<usize>, String)>> {
    let range = of_box(statements, &of.name)?;
    let mut edits = Vec::new();
    match &of.code {
        Some(code) => edits.push(replaced(text, range.clone(), code, now)?),
        None => {
            edits.push(replaced(text, range.clone(), &of.id, now)?);
            let short = |name: &str| name.rsplit("::").next().unwrap_or(name).to_owned();
            if of.title == short(&of.id) {
                edits.extend(replaced(text, range.clone(), &of.title, &short(now)));
            } else if of.title == of.id {
                let written = format!("label=\"{}\"", of.id);
                if let Some(at) = text[range.clone()].find(&written) {
                    let at = at + range.start + "label=\"".len();
                    edits.push((at..at + of.id.len(), now.to_owned()));
                }
            }
        }
    }
    let url = of.url.as_deref().unwrap_or("");
    if !url.is_empty() && !super::code::is_same_file(file, url) {
        edits.extend(replaced(text, range, url, &relative(url, file)));
    }
    Some(edits)
}

/// The arrow's own line goes, or its statement where more is on the line.
fn removed(
    text: &str,
    statements: &[Statement],
    ends: [&String; 2],
) -> Option<(Range<usize>, String)> {
    let is_it = |it: &&Statement| {
        it.is_plain && it.ends.len() == 2 && it.ends[0] == *ends[0] && it.ends[1] == *ends[1]
    };
    let range = statements.iter().find(is_it)?.range.clone();
    let begin = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    let is_alone =
        text[begin..range.start].trim().is_empty() && text[range.end..end].trim().is_empty();
    Some((if is_alone { begin..end } else { range }, String::new()))
}

/// A new arrow behind the last one of its tail, else behind the last one of all.
fn added(
    text: &str,
    statements: &[Statement],
    chart: &Chart,
    (from, to): (usize, usize),
) -> Option<Vec<(Range<usize>, String)>> {
    let (from, to) = (&chart.boxes[from].name, &chart.boxes[to].name);
    let arrows = || statements.iter().filter(|it| it.ends.len() > 1);
    let beside = arrows().rfind(|it| it.ends[0] == *from).or_else(|| arrows().next_back());
    let range = beside?.range.clone();
    let begin = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let indent: String =
        text[begin..range.start].chars().take_while(|it| it.is_whitespace()).collect();
    let arrow = format!("\n{indent}{} -> {} [class=\"call\"];", written(from), written(to));
    Some(vec![(range.end..range.end, arrow)])
}

/// A name as DOT takes it.
fn written(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\\\"")) }
}

/// Cuts a chart into statements: by semicolons, braces and, where a new one can begin, words.
fn statements(text: &str) -> Vec<Statement> {
    let tokens = tokens(text);
    let mut found: Vec<Statement> = Vec::new();
    let mut open: Option<Statement> = None;
    let (mut is_arrow, mut is_port, mut depth) = (false, false, 0usize);
    for (range, token) in tokens {
        match token {
            Token::Mark('[') => depth += 1,
            Token::Mark(']') => {
                depth = depth.saturating_sub(1);
                if let Some(statement) = &mut open {
                    statement.range.end = range.end;
                }
            }
            _ if depth > 0 => {}
            Token::Mark(';' | ',') => {
                if let Some(mut statement) = open.take() {
                    statement.range.end = range.end;
                    found.push(statement);
                }
                (is_arrow, is_port) = (false, false);
            }
            Token::Mark('{' | '}' | '=') => {
                // Part of a group, or `name=value`: no statement that is looked for.
                if let Some(statement) = &mut open {
                    statement.is_plain = false;
                    if is_arrow || matches!(token, Token::Mark('=')) {
                        statement.range.end = range.end;
                    }
                }
                if !is_arrow && !matches!(token, Token::Mark('=')) {
                    found.extend(open.take());
                }
                (is_arrow, is_port) = (false, false);
            }
            Token::Mark(':') => is_port = true,
            Token::Mark(_) => {}
            Token::Arrow => is_arrow = true,
            Token::Name(_) if is_port => {
                is_port = false;
                if let Some(statement) = &mut open {
                    statement.range.end = range.end;
                }
            }
            Token::Name(name) => match &mut open {
                Some(statement) if is_arrow => {
                    statement.ends.push(name);
                    statement.range.end = range.end;
                    is_arrow = false;
                }
                _ => {
                    found.extend(open.take());
                    open = Some(Statement { range, ends: vec![name], is_plain: true });
                }
            },
        }
    }
    found.extend(open);
    found
}

enum Token {
    Name(String),
    Arrow,
    Mark(char),
}

/// Names, arrows and marks with their places; comments are passed over.
fn tokens(text: &str) -> Vec<(Range<usize>, Token)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let to_line_end = || rest.find('\n').unwrap_or(rest.len());
        let (length, token) = match first {
            '/' if rest.starts_with("//") => (to_line_end(), None),
            '#' => (to_line_end(), None),
            '/' if rest.starts_with("/*") => {
                (rest.find("*/").map_or(rest.len(), |end| end + 2), None)
            }
            '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, character)| {
                    let is_end = *character == '"' && !escaped;
                    escaped = *character == '\\' && !escaped;
                    is_end
                });
                let end = end.map_or(rest.len(), |(end, _)| end + 1);
                let inner = rest[1..end].trim_end_matches('"').replace("\\\"", "\"");
                (end, Some(Token::Name(inner)))
            }
            '<' => {
                let mut depth = 0usize;
                let end = rest.char_indices().find(|(_, character)| {
                    match character {
                        '<' => depth += 1,
                        '>' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                let end = end.map_or(rest.len(), |(end, _)| end + 1);
                (end, Some(Token::Name(rest[..end].to_owned())))
            }
            '-' if rest.starts_with("->") || rest.starts_with("--") => (2, Some(Token::Arrow)),
            first if first.is_alphanumeric() || matches!(first, '_' | '.' | '-') => {
                let is_name = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.');
                let end = rest[first.len_utf8()..].find(|it| !is_name(it));
                let end = end.map_or(rest.len(), |end| end + first.len_utf8());
                (end, Some(Token::Name(rest[..end].to_owned())))
            }
            first if first.is_whitespace() => (first.len_utf8(), None),
            first => (first.len_utf8(), Some(Token::Mark(first))),
        };
        if let Some(token) = token {
            found.push((at..at + length, token));
        }
        at += length;
    }
    found
}

#[cfg(test)]
mod tests;
