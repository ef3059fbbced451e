//! Where the functions of a source name others, as an index has it.

use std::collections::BTreeMap;

use super::index::{Columns, Document, Occurrence, Place, ScipIndex};
use super::places::{Places, own_name};
use crate::from_source::{CallKind, SourceGraph};

/// A name in one line of a function.
pub(super) struct Site {
    /// The function.
    pub(super) from: usize,
    pub(super) line: u32,
    pub(super) name: String,
    /// What is meant there, once for each time that the name stands there.
    pub(super) uses: Vec<Use>,
    /// The numbers of the calls that are known there.
    pub(super) calls: Vec<usize>,
}

/// What a name means.
pub(super) struct Use {
    /// The function, if it is one of the source.
    pub(super) callee: Option<usize>,
    /// How it is written.
    pub(super) kind: CallKind,
}

/// All places where a function of `graph` names a function, by the function, the line and the name.
pub(super) fn sites(graph: &SourceGraph, index: &ScipIndex, places: &Places<'_>) -> Vec<Site> {
    let mut sites: BTreeMap<(usize, u32, &str), Site> = BTreeMap::new();
    for (document, file) in &places.documents {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let bodies = bodies(document, places);
        for occurrence in document.occurrences.iter().filter(|it| !it.is_definition) {
            let (line, name) = (occurrence.start.0 + 1, index.names[occurrence.symbol].as_str());
            let from = innermost(&bodies, occurrence.start);
            let kind = kind(&lines, (occurrence, name), document.columns);
            let (Some(from), Some(kind)) = (from, kind) else { continue };
            let site = sites.entry((from, line, name)).or_insert_with(|| Site {
                from,
                line,
                name: name.to_owned(),
                uses: Vec::new(),
                calls: Vec::new(),
            });
            site.uses.push(Use { callee: places.function_of(occurrence.symbol), kind });
        }
    }
    for (number, call) in graph.calls.iter().enumerate() {
        let name = own_name(&graph.functions[call.to].name);
        if let Some(site) = sites.get_mut(&(call.from, call.line, name)) {
            site.calls.push(number);
        }
    }
    sites.into_values().collect()
}

/// The functions of a document with the text that is theirs, by where that begins.
fn bodies(document: &Document, places: &Places<'_>) -> Vec<(Place, Place, usize)> {
    let defined = document.occurrences.iter().filter(|it| it.is_definition);
    let body = |of: &Occurrence| {
        let (start, end) = of.body?;
        Some((start, end, places.function_of(of.symbol)?))
    };
    let mut bodies: Vec<_> = defined.filter_map(body).collect();
    bodies.sort_unstable();
    bodies
}

/// The function around a place that begins last.
fn innermost(bodies: &[(Place, Place, usize)], place: Place) -> Option<usize> {
    let begun = bodies.partition_point(|(start, ..)| *start <= place);
    let around = bodies[..begun].iter().rev().find(|(_, end, _)| place < *end);
    around.map(|(.., function)| *function)
}

/// How a name is written: what is before it and behind it in its line. `None` in an import,
/// and if it does not stand there: for an operator, whose function nobody names, and after a change of the
/// file.
fn kind(lines: &[&str], (at, name): (&Occurrence, &str), columns: Columns) -> Option<CallKind> {
    let line = lines.get(at.start.0 as usize)?;
    let (start, end) = (byte_of(line, at.start.1, columns), byte_of(line, at.end.1, columns));
    let is_import = line.trim_start().starts_with("use ");
    if is_import || at.start.0 != at.end.0 || line.get(start..end)? != name {
        return None;
    }
    let before = line.get(..start)?.trim_end();
    let mut behind = line.get(end..)?.trim_start();
    if let Some(generics) = behind.strip_prefix("::<") {
        behind = behind_brackets(generics).trim_start();
    }
    Some(match (behind.starts_with('('), before.ends_with('.')) {
        (true, true) => CallKind::Method,
        (true, false) => CallKind::Direct,
        (false, _) => CallKind::Value,
    })
}

/// What stands behind the `>` that closes a `<` before `text`.
fn behind_brackets(text: &str) -> &str {
    let mut depth = 1;
    let mut last = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if last != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[at + 1..];
        }
        last = letter;
    }
    ""
}

/// Where a column is, in bytes of its line.
fn byte_of(line: &str, column: u32, columns: Columns) -> usize {
    let column = column as usize;
    match columns {
        Columns::Bytes => column,
        Columns::Characters => line.char_indices().nth(column).map_or(line.len(), |(at, _)| at),
        Columns::Utf16 => {
            let mut units = 0;
            let mut letters = line.char_indices();
            let found = letters.find(|(_, letter)| {
                let is_there = units >= column;
                units += letter.len_utf16();
                is_there
            });
            found.map_or(line.len(), |(at, _)| at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_values_are_told_apart_by_what_stands_around_the_name() {
        let rows = [
            ("    cart.total()", "total", Some(CallKind::Method)),
            ("    cart. total::<Vec<u8>>()", "total", Some(CallKind::Method)),
            ("    Cart::total (cart)", "total", Some(CallKind::Direct)),
            ("    let f = Cart::total;", "total", Some(CallKind::Value)),
            ("    \"读\u{1f4d6}\"; total::<fn(u8) -> u8>(x)", "total", Some(CallKind::Direct)),
            ("    cart + cart", "+", None),
            ("    use cart::total;", "total", None),
        ];
        for (line, name, expected) in rows {
            let at = line.find(name).unwrap_or_default();
            let before = &line[..at];
            let counts = [
                (Columns::Bytes, at, name.len()),
                (Columns::Utf16, before.encode_utf16().count(), name.len()),
                (Columns::Characters, before.chars().count(), name.len()),
            ];
            for (columns, start, length) in counts {
                let occurrence = Occurrence {
                    symbol: 0,
                    start: (0, start as u32),
                    end: (0, (start + length) as u32),
                    body: None,
                    is_definition: false,
                };
                let found =
                    kind(&[line], (&occurrence, if name == "+" { "add" } else { name }), columns);
                assert_eq!(found, expected, "{line} {columns:?}");
            }
        }
    }

    #[test]
    fn a_place_belongs_to_the_innermost_function_around_it() {
        let bodies = [((1, 0), (9, 1), 7), ((2, 4), (3, 5), 8), ((11, 0), (12, 1), 9)];
        let rows = [((1, 3), Some(7)), ((2, 9), Some(8)), ((5, 0), Some(7)), ((10, 0), None)];
        for (place, expected) in rows {
            assert_eq!(innermost(&bodies, place), expected, "{place:?}");
        }
    }
}
