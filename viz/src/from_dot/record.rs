//! Record labels: fields between bars, braces turn the direction, `<name>` is a port.
//!
//! Where Graphviz gives up ("bad label format"), a mark that has no place is taken as text.

use super::label::{Lines, Names};
use crate::authored::{Cell, GridCell};

/// Deepest nesting of braces; what is deeper is text.
const DEEPEST: usize = 60;
/// Most fields; what follows them is dropped from the picture, and counted in the last one.
const MOST_FIELDS: usize = 2_000;

/// A list of fields that is being read.
#[derive(Default)]
struct Open {
    fields: Vec<Cell>,
    field: Field,
}

/// A field that is being read.
#[derive(Default)]
struct Field {
    port: Option<String>,
    lines: Lines,
    inside: Option<Cell>,
    // Braces in its text that are no marks.
    literal_braces: usize,
}

/// The cells of a record; `is_column` says that its outermost fields stand below each other.
pub(crate) fn cells(raw: &str, names: &Names<'_>, is_column: bool) -> Cell {
    let mut open = vec![Open::default()];
    let mut count = 0usize;
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        let depth = open.len();
        let Some(current) = open.last_mut() else { break };
        let field = &mut current.field;
        match character {
            '|' => {
                count += 1;
                if count < MOST_FIELDS {
                    let column = is_column == (depth % 2 == 1);
                    let done = std::mem::take(field).finish(column);
                    current.fields.push(done);
                } else {
                    field.lines.push('|');
                }
            }
            '{' if field.inside.is_none() && field.lines.is_empty() && depth < DEEPEST => {
                open.push(Open::default());
            }
            '}' if depth > 1 && field.literal_braces == 0 => {
                let inner = open.pop().unwrap_or_default().finish(is_column == (depth % 2 == 1));
                if let Some(outer) = open.last_mut() {
                    outer.field.inside = Some(inner);
                }
            }
            '<' if field.port.is_none() => match ending(characters.as_str()) {
                Some(end) => {
                    field.port = Some(port_name(&characters.as_str()[..end]));
                    characters = characters.as_str()[end + 1..].chars();
                }
                None => field.lines.push('<'),
            },
            '\\' => match characters.next() {
                Some(' ') => field.lines.push('\u{a0}'),
                escaped => field.lines.escape(escaped, names),
            },
            // Blanks beside each other count once, and none at the beginning.
            ' ' if field.lines.is_empty() || field.lines.ends_in_blank() => {}
            other => {
                match other {
                    '{' => field.literal_braces += 1,
                    '}' => field.literal_braces = field.literal_braces.saturating_sub(1),
                    _ => {}
                }
                field.lines.push(other);
            }
        }
    }
    // Braces that were never closed end with the label.
    while open.len() > 1 {
        let column = is_column == (open.len() % 2 == 1);
        let inner = open.pop().unwrap_or_default().finish(column);
        if let Some(outer) = open.last_mut() {
            outer.field.inside = Some(inner);
        }
    }
    open.pop().unwrap_or_default().finish(is_column)
}

/// The byte of the `>` that ends a port, on the same field.
fn ending(rest: &str) -> Option<usize> {
    let end = rest.find(['>', '|', '{', '}', '<'])?;
    rest[end..].starts_with('>').then_some(end)
}

/// Names of ports with blanks beside each other taken as one.
fn port_name(raw: &str) -> String {
    raw.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Open {
    fn finish(mut self, is_column: bool) -> Cell {
        self.fields.push(self.field.finish(is_column));
        let cells = self.fields.into_iter().enumerate();
        let grid = cells.map(|(index, cell)| {
            let at = if is_column { (0, index) } else { (index, 0) };
            GridCell { at, span: (1, 1), cell }
        });
        Cell { grid: grid.collect(), ..Cell::default() }
    }
}

impl Field {
    fn finish(self, _is_column: bool) -> Cell {
        match self.inside {
            Some(inside) => Cell { port: self.port, has_border: true, ..inside },
            None => {
                let mut lines = self.lines.finish();
                for line in &mut lines {
                    line.text = line.text.trim_matches(' ').replace('\u{a0}', " ");
                }
                Cell { port: self.port, lines, has_border: true, ..Cell::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell in short: fields between bars, `/` where they stand below each other.
    fn shown(cell: &Cell) -> String {
        let port = cell.port.as_ref().map(|port| format!("<{port}>")).unwrap_or_default();
        if cell.grid.is_empty() {
            return format!("{port}{}", super::super::label::joined(&cell.lines, "¶"));
        }
        let column = cell.grid.last().is_some_and(|last| last.at.1 > 0);
        let parts: Vec<String> = cell.grid.iter().map(|part| shown(&part.cell)).collect();
        format!("{port}({})", parts.join(if column { "/" } else { "|" }))
    }

    #[test]
    fn fields_nest_and_turn() {
        let names = Names { node: "me", ..Names::default() };
        let table = [
            ("a|<p>  b  c |{d|<q> e|{f|g}}|h", "(a/<p>b c/(d|<q>e|(f/g))/h)"),
            (r"\N|x\|y\{\}\<\>|l\lm\r", "(me/x|y{}<>/l¶m)"),
            ("", "()"),
            ("{a|b}", "((a|b))"),
            // What Graphviz refuses is text here.
            ("fn{x}|a > b|v<T><U>", "(fn{x}/a > b/<T>v<U>)"),
            ("{a|{b", "((a|(b)))"),
            ("a}|b", "(a}/b)"),
        ];
        for (raw, expected) in table {
            assert_eq!(shown(&cells(raw, &names, true)), expected, "{raw}");
        }
        assert_eq!(shown(&cells("a|{b|c}", &names, false)), "(a|(b/c))");
    }

    #[test]
    fn hostile_labels_stay_small() {
        let names = Names::default();
        for raw in ["{".repeat(100_000), "|".repeat(1_000_000), "<".repeat(100_000)] {
            let cell = cells(&raw, &names, true);
            assert!(cell.grid.len() <= MOST_FIELDS);
        }
    }
}
