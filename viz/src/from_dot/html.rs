//! HTML labels: tables become cells with ports, everything else text with its line breaks.
//!
//! Fonts and images are left out; tags that are unknown or unbalanced are passed over, so that any
//! label gives some cell.

use std::collections::HashSet;

use super::color::color;
use super::label::{Lines, Names};
use crate::authored::{Align, Cell, GridCell, TextLine};

/// Deepest nesting of tables; the text of deeper ones is kept without them.
const DEEPEST: usize = 40;
/// Most cells of a label.
const MOST_CELLS: usize = 2_000;
/// Most columns or rows that a cell may take.
const WIDEST: usize = 100;
/// Most places of a table that cells reach over.
const MOST_TAKEN: usize = 50_000;

/// What is open at some point of the label.
enum Open {
    Text(Text),
    Table(Table),
}

/// A cell, or the label as a whole.
#[derive(Default)]
struct Text {
    cell: Cell,
    span: (usize, usize),
    lines: Lines,
    align: Align,
    // Tables and the text between them, in order.
    parts: Vec<Cell>,
}

#[derive(Default)]
struct Table {
    cell: Cell,
    has_cell_border: bool,
    // The row that is being filled, from 1; zero before the first.
    row: usize,
    column: usize,
    taken: HashSet<(usize, usize)>,
}

/// The cell that an HTML label describes.
pub(super) fn cells(raw: &str, names: &Names<'_>) -> Cell {
    let mut reader = Reader { open: vec![Open::Text(Text::default())], count: 0 };
    let mut rest = raw;
    while !rest.is_empty() {
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
        } else if let Some(tag) = rest.strip_prefix('<') {
            let end = tag_end(tag);
            reader.tag(&tag[..end]);
            rest = tag.get(end + 1..).unwrap_or("");
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            reader.text(&rest[..end], names);
            rest = &rest[end..];
        }
    }
    reader.finish()
}

/// The byte of the `>` that ends a tag; those in quotes do not.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None | Some(_), _) => {}
        }
    }
    tag.len()
}

struct Reader {
    open: Vec<Open>,
    count: usize,
}

impl Reader {
    /// Text between tags; blanks and line ends count as one blank.
    fn text(&mut self, text: &str, names: &Names<'_>) {
        let Some(Open::Text(open)) = self.open.last_mut() else { return };
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some(letter) if names.of(letter).is_some() => {
                        open.lines.escape(Some(letter), names);
                    }
                    other => {
                        open.lines.push('\\');
                        other.into_iter().for_each(|other| open.lines.push(other));
                    }
                },
                blank if blank.is_ascii_whitespace() => {
                    if !open.lines.ends_in_blank() {
                        open.lines.push(' ');
                    }
                }
                other => open.lines.push(other),
            }
        }
    }

    fn tag(&mut self, tag: &str) {
        let tag = tag.trim();
        let is_whole = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let name_end = tag.find(|c: char| c.is_whitespace()).unwrap_or(tag.len());
        let (name, attributes) = (tag[..name_end].to_ascii_lowercase(), &tag[name_end..]);
        let depth = self.open.len();
        let top = self.open.last_mut();
        match (name.as_str(), top) {
            ("br", Some(Open::Text(text))) => {
                let align = attribute(attributes, "align").map_or(text.align, |it| align(&it));
                text.lines.end(align);
            }
            ("table", Some(Open::Text(_))) if depth < DEEPEST => {
                self.open.push(Open::Table(Table::new(attributes)));
            }
            ("tr", Some(Open::Table(table))) => {
                table.row += 1;
                table.column = 0;
            }
            ("td", Some(Open::Table(table))) if self.count < MOST_CELLS => {
                self.count += 1;
                let text = Text::new(attributes, table.has_cell_border);
                self.open.push(Open::Text(text));
                if is_whole {
                    self.close_cell();
                }
            }
            ("/td", Some(Open::Text(_))) => self.close_cell(),
            ("/table", _) => self.close_table(),
            _ => {}
        }
    }

    /// Ends a cell and puts it into its table.
    fn close_cell(&mut self) {
        if self.open.len() < 2 {
            return;
        }
        let Some(Open::Text(text)) = self.open.pop() else { return };
        if let Some(Open::Table(table)) = self.open.last_mut() {
            let span = text.span;
            table.add(span, text.finish());
        }
    }

    /// Ends the innermost table, with a cell of it that was left open.
    fn close_table(&mut self) {
        if matches!(self.open.last(), Some(Open::Text(_))) {
            self.close_cell();
        }
        if !matches!(self.open.last(), Some(Open::Table(_))) {
            return;
        }
        let Some(Open::Table(table)) = self.open.pop() else { return };
        if let Some(Open::Text(text)) = self.open.last_mut() {
            text.add_part(table.cell);
        }
    }

    fn finish(mut self) -> Cell {
        while self.open.len() > 1 {
            self.close_table();
        }
        match self.open.pop() {
            Some(Open::Text(text)) => text.finish(),
            Some(Open::Table(table)) => table.cell,
            None => Cell::default(),
        }
    }
}

impl Table {
    fn new(attributes: &str) -> Table {
        let border = attribute(attributes, "border");
        let cell_border = attribute(attributes, "cellborder").or_else(|| border.clone());
        Table {
            cell: Cell {
                port: attribute(attributes, "port"),
                fill: attribute(attributes, "bgcolor").and_then(|value| color(&value)),
                has_border: border.as_deref() != Some("0"),
                ..Cell::default()
            },
            has_cell_border: cell_border.as_deref() != Some("0"),
            ..Table::default()
        }
    }

    /// Puts a cell at the next free place of the row.
    fn add(&mut self, span: (usize, usize), cell: Cell) {
        let row = self.row.saturating_sub(1);
        while self.taken.remove(&(self.column, row)) {
            self.column += 1;
        }
        let has_room = self.taken.len() + span.0 * span.1 <= MOST_TAKEN;
        let span = if has_room { span } else { (1, 1) };
        for below in row + 1..row + span.1 {
            self.taken.extend((self.column..self.column + span.0).map(|column| (column, below)));
        }
        self.cell.grid.push(GridCell { at: (self.column, row), span, cell });
        self.column += span.0;
    }
}

impl Text {
    fn new(attributes: &str, has_border: bool) -> Text {
        let span = |name: &str| {
            let value = attribute(attributes, name).and_then(|value| value.trim().parse().ok());
            value.unwrap_or(1usize).clamp(1, WIDEST)
        };
        let own_border = attribute(attributes, "border");
        let balign = attribute(attributes, "balign").or_else(|| attribute(attributes, "align"));
        Text {
            cell: Cell {
                port: attribute(attributes, "port"),
                fill: attribute(attributes, "bgcolor").and_then(|value| color(&value)),
                has_border: own_border.map_or(has_border, |value| value != "0"),
                ..Cell::default()
            },
            span: (span("colspan"), span("rowspan")),
            align: balign.map_or(Align::Center, |it| align(&it)),
            ..Text::default()
        }
    }

    /// A table, behind the text that stands before it.
    fn add_part(&mut self, table: Cell) {
        self.end_text();
        self.parts.push(table);
    }

    fn end_text(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        if !lines.is_empty() {
            let lines = self.trimmed(lines);
            self.parts.push(Cell { lines, ..Cell::default() });
        }
    }

    fn trimmed(&self, lines: Lines) -> Vec<TextLine> {
        let mut lines = lines.finish();
        if let Some(last) = lines.last_mut()
            && last.align == Align::Center
        {
            // What has no break of its own stands as the cell says.
            last.align = self.align;
        }
        for line in &mut lines {
            line.text = line.text.trim_matches(' ').to_owned();
        }
        while lines.len() > 1 && lines.last().is_some_and(|last| last.text.is_empty()) {
            lines.pop();
        }
        lines
    }

    fn finish(mut self) -> Cell {
        if self.parts.is_empty() {
            let lines = std::mem::take(&mut self.lines);
            let lines = self.trimmed(lines);
            return Cell { lines, ..self.cell };
        }
        self.end_text();
        let mut cell = self.cell;
        if self.parts.len() == 1 {
            // A table that fills its cell: one cell, with the port of whichever has one.
            let table = self.parts.remove(0);
            cell.port = cell.port.or(table.port);
            cell.fill = cell.fill.or(table.fill);
            cell.has_border |= table.has_border;
            (cell.grid, cell.lines) = (table.grid, table.lines);
            return cell;
        }
        let parts = self.parts.into_iter().enumerate();
        cell.grid =
            parts.map(|(row, cell)| GridCell { at: (0, row), span: (1, 1), cell }).collect();
        cell
    }
}

fn align(value: &str) -> Align {
    match value.to_ascii_lowercase().as_str() {
        "left" => Align::Left,
        "right" => Align::Right,
        _ => Align::Center,
    }
}

/// The value of an attribute of a tag, whatever the case of its name.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let equals = rest.find('=')?;
        let key = rest[..equals].trim();
        let value = rest[equals + 1..].trim_start();
        let (value, after) = match value.chars().next()? {
            quote @ ('"' | '\'') => {
                let inner = &value[1..];
                let end = inner.find(quote)?;
                (&inner[..end], &inner[end + 1..])
            }
            _ => {
                let end = value.find(|c: char| c.is_whitespace()).unwrap_or(value.len());
                value.split_at(end)
            }
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(super::label::entities(value));
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_dot::label::joined;

    #[test]
    fn text_keeps_its_breaks_and_loses_its_tags() {
        let names = Names { node: "me", ..Names::default() };
        let cell = cells("<B>a &lt; b</B><BR ALIGN=\"LEFT\"/>\n <i>\\N</i> c<br/>", &names);
        assert_eq!(joined(&cell.lines, "|"), "a < b|me c");
        assert_eq!(cell.lines[0].align, Align::Left);
    }

    #[test]
    fn tables_have_ports_and_spans() {
        let table = "<TABLE BORDER='0'><TR><TD COLSPAN=\"2\" PORT=\"t\">title</TD></TR>\
            <TR><TD ROWSPAN=\"2\">a</TD><TD PORT=\"b\" BGCOLOR=\"red\">b</TD></TR>\
            <TR><TD PORT='c'><TABLE><TR><TD>x</TD></TR></TABLE></TD></TR></TABLE>";
        let cell = cells(table, &Names::default());
        let places: Vec<_> = cell
            .grid
            .iter()
            .map(|part| (part.at, part.span, part.cell.port.as_deref().unwrap_or("")))
            .collect();
        let expected = [
            ((0, 0), (2, 1), "t"),
            ((0, 1), (1, 2), ""),
            ((1, 1), (1, 1), "b"),
            ((1, 2), (1, 1), "c"),
        ];
        assert_eq!(places, expected);
        assert_eq!(cell.grid[3].cell.grid.len(), 1);
    }

    #[test]
    fn hostile_labels_stay_small() {
        for raw in [
            "<table><tr><td>".repeat(50_000),
            "</td></table>".repeat(50_000),
            "<".repeat(100_000),
            "<td rowspan='9999999999999' colspan='99'>".repeat(1000),
            "<table x='".to_owned(),
        ] {
            let _ = cells(&raw, &Names::default());
        }
    }
}
