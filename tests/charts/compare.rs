//! Compares one of our charts with the notes' chart of the same name, as far as the table of
//! differences does not explain it.

use raftlens_viz::{Chart, ChartBox};

use crate::notes::NotesChart;
use crate::tables::{Difference, Thing};

/// What became of the boxes and arrows of the notes.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// What neither the chart nor the table has, and rows that nothing needs.
    pub(crate) faults: Vec<String>,
    /// Boxes that are as they were.
    pub(crate) boxes_kept: usize,
    /// Arrows that are as they were, their boxes renamed or not.
    pub(crate) arrows_kept: usize,
}

/// Compares `ours` with `notes`; `rows` are those of this chart.
pub(crate) fn compare(notes: &NotesChart, ours: &Chart, rows: &[&Difference]) -> Comparison {
    let mut result = Comparison::default();
    for notes_box in &notes.boxes {
        let thing = Thing::Box(notes_box.name.clone());
        let row = row_of(rows, &thing, &mut result.faults);
        let drawn = ours.boxes.iter().find(|drawn| drawn.name == notes_box.name);
        let (renamed, moved) = match drawn {
            Some(drawn) => {
                (!same_name(&notes_box.title, &drawn.id), notes_box.owner != drawn.owner.join("/"))
            }
            None => (false, false),
        };
        result.boxes_kept += usize::from(row.is_none() && drawn.is_some() && !renamed && !moved);
        let expected = [("renamed", renamed), ("moved", moved), ("retired", drawn.is_none())];
        result.faults.extend(box_faults(&thing, row, drawn, &expected));
    }
    for arrow in &notes.arrows {
        let thing = Thing::Arrow(arrow.from.clone(), arrow.to.clone(), arrow.kind);
        let row = row_of(rows, &thing, &mut result.faults);
        let is_drawn = has_arrow(ours, &thing, |drawn| &drawn.name);
        match (row, is_drawn) {
            (None, true) => result.arrows_kept += 1,
            (None, false) => result.faults.push(format!("{thing} is not drawn, and has no row")),
            (Some(_), true) => result.faults.push(format!("{thing} is drawn, so its row is wrong")),
            (Some(row), false) => result.faults.extend(arrow_faults(&thing, row, ours)),
        }
    }
    result.faults.extend(added_faults(notes, ours, rows));
    for fault in &mut result.faults {
        *fault = format!("{}: {fault}", notes.name);
    }
    result
}

/// The row about something of the notes; two about the same are a fault.
fn row_of<'a>(
    rows: &[&'a Difference],
    thing: &Thing,
    faults: &mut Vec<String>,
) -> Option<&'a Difference> {
    let mut found = rows.iter().filter(|row| row.notes.as_ref() == Some(thing));
    let first = found.next().copied();
    if found.next().is_some() {
        faults.push(format!("{thing} has two rows"));
    }
    first
}

fn box_faults(
    thing: &Thing,
    row: Option<&Difference>,
    drawn: Option<&ChartBox>,
    expected: &[(&str, bool)],
) -> Vec<String> {
    let mut faults = Vec::new();
    for (change, is_so) in expected {
        let is_stated = row.is_some_and(|row| row.has(change));
        if is_stated && !is_so {
            faults.push(format!("{thing} has a row that says {change}, and is not"));
        } else if *is_so && !is_stated {
            faults.push(format!("{thing} is {change}, and no row says so"));
        }
    }
    if let Some(row) = row {
        let states = |name: &str| row.changes.iter().all(|change| change != name);
        if !states("added") || !states("redrawn") {
            faults.push(format!("{thing} is a box of the notes: it is neither added nor redrawn"));
        }
        let here = drawn.map(|drawn| Thing::Box(drawn.id.clone()));
        if row.here != here {
            faults.push(format!("{thing} has a row with another name than the chart"));
        }
        let owner = drawn.filter(|_| row.has("moved")).map(|drawn| drawn.owner.join("/"));
        if row.owner != owner {
            faults.push(format!("{thing} has a row with another cluster than the chart"));
        }
    }
    faults
}

fn arrow_faults(thing: &Thing, row: &Difference, ours: &Chart) -> Vec<String> {
    match &row.here {
        None if row.changes == ["retired"] => vec![],
        Some(here) if row.changes == ["redrawn"] => {
            let is_drawn = has_arrow(ours, here, |drawn| &drawn.id);
            let fault = || format!("{thing} was redrawn as {here}, which is not in the chart");
            (!is_drawn).then(fault).into_iter().collect()
        }
        _ => vec![format!("{thing} is an arrow: it is retired, or redrawn as another one")],
    }
}

/// What we drew and the notes did not: a row for each, and no other rows.
fn added_faults(notes: &NotesChart, ours: &Chart, rows: &[&Difference]) -> Vec<String> {
    let of_notes = |drawn: &ChartBox| notes.boxes.iter().any(|known| known.name == drawn.name);
    let mut added: Vec<Thing> = ours
        .boxes
        .iter()
        .filter(|drawn| !of_notes(drawn))
        .map(|drawn| Thing::Box(drawn.id.clone()))
        .collect();
    for arrow in &ours.arrows {
        let (from, to) = (&ours.boxes[arrow.from], &ours.boxes[arrow.to]);
        let is_known = notes.arrows.iter().any(|known| {
            known.from == from.name && known.to == to.name && known.kind == arrow.kind
        });
        let thing = Thing::Arrow(from.id.clone(), to.id.clone(), arrow.kind);
        let is_redrawn =
            rows.iter().any(|row| row.has("redrawn") && row.here == Some(thing.clone()));
        if !is_known && !is_redrawn {
            added.push(thing);
        }
    }
    let mut faults = Vec::new();
    for thing in &added {
        if !rows.iter().any(|row| row.has("added") && row.here.as_ref() == Some(thing)) {
            faults.push(format!("{thing} is not in the notes, and no row says that it was added"));
        }
    }
    for row in rows {
        let is_added = row.has("added");
        let is_needed = match (&row.notes, &row.here) {
            (None, Some(here)) => {
                let owner = ours.boxes.iter().find(|drawn| Thing::Box(drawn.id.clone()) == *here);
                row.changes == ["added"]
                    && added.contains(here)
                    && row.owner.as_ref().is_none_or(|stated| {
                        owner.is_some_and(|drawn| drawn.owner.join("/") == *stated)
                    })
            }
            (Some(Thing::Box(name)), _) => {
                !is_added && notes.boxes.iter().any(|known| known.name == *name)
            }
            (Some(Thing::Arrow(from, to, kind)), _) => {
                let mut known = notes.arrows.iter();
                !is_added && known.any(|a| a.from == *from && a.to == *to && a.kind == *kind)
            }
            (None, None) => false,
        };
        if !is_needed {
            faults.push(format!("a row is about nothing: {row:?}"));
        }
    }
    faults
}

/// Whether the chart has this arrow, its ends named by `name`.
fn has_arrow(chart: &Chart, arrow: &Thing, name: impl Fn(&ChartBox) -> &String) -> bool {
    let Thing::Arrow(from, to, kind) = arrow else { return false };
    chart.arrows.iter().any(|drawn| {
        drawn.kind == *kind
            && name(&chart.boxes[drawn.from]) == from
            && name(&chart.boxes[drawn.to]) == to
    })
}

/// Whether a title of the notes is the name in our identity: `LocalReader_read` and `read` are
/// both `LocalReader::read`; decoration such as `!self.` and `()` says nothing about the name.
pub(crate) fn same_name(title: &str, identity: &str) -> bool {
    let plain = |text: &str| {
        let mut text = text.replace("::", "_").replace(['.', ':'], "_").replace("()", "");
        for decoration in ["trait ", "if ", "!", "self_"] {
            text = text.strip_prefix(decoration).unwrap_or(&text).to_owned();
        }
        text.to_lowercase()
    };
    let (title, whole) = (plain(title), plain(identity));
    title == whole || title == plain(identity.rsplit("::").next().unwrap_or(identity))
}
