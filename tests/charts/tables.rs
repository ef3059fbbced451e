//! The three tables of `dot/README.md`, which say how the charts differ from the notes and from the
//! code. The page that people read is the data that the tests use.

use std::fmt;

use raftlens_viz::ArrowKind;

/// A row of "Differences from the notes".
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) chart: String,
    /// What the notes have; `None` for what is ours alone.
    pub(crate) notes: Option<Thing>,
    /// What we have; `None` for what we do not.
    pub(crate) here: Option<Thing>,
    /// The cluster of the box here, if it is stated.
    pub(crate) owner: Option<String>,
    /// `renamed`, `moved`, `retired`, `added`, `redrawn`.
    pub(crate) changes: Vec<String>,
}

/// A box, or an arrow between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Box(String),
    Arrow(String, String, ArrowKind),
}

/// A row of one of the other two tables, without its reason.
pub(crate) type Row = Vec<String>;

/// Reads the first table.
pub(crate) fn differences(page: &str) -> Vec<Difference> {
    let rows = table(page, "Differences from the notes", 5);
    rows.iter().map(difference).collect()
}

/// Names that are recorded, with what they are called in the code.
pub(crate) fn names_in_code(page: &str) -> Vec<(String, String)> {
    let rows = table(page, "Names that differ from the code", 3);
    rows.iter().map(|row| (unquoted(&row[0]).to_owned(), unquoted(&row[1]).to_owned())).collect()
}

/// Boxes that are recorded and belong to no chart.
pub(crate) fn in_no_chart(page: &str) -> Vec<String> {
    let rows = table(page, "Recorded, and in no chart", 2);
    rows.iter().map(|row| unquoted(&row[0]).to_owned()).collect()
}

/// The rows of the table below a heading, without its head. Every row gives a reason.
fn table(page: &str, heading: &str, columns: usize) -> Vec<Row> {
    let start = page.find(&format!("## {heading}\n")).expect("the heading is there");
    let lines = page[start..].lines().skip(1).take_while(|line| !line.starts_with("## "));
    let rows = lines.filter(|line| line.starts_with('|')).skip(2).map(|line| {
        let cells: Row =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), columns, "{heading}: {line}");
        assert!(cells.last().is_some_and(|why| why.len() > 3), "{heading}: no reason: {line}");
        cells
    });
    rows.collect()
}

fn difference(row: &Row) -> Difference {
    let (here, owner) = match row[2].split_once(" in ") {
        Some((here, owner)) => (here, Some(unquoted(owner).to_owned())),
        None => (row[2].as_str(), None),
    };
    let known = ["renamed", "moved", "retired", "added", "redrawn"];
    let changes: Vec<String> = row[3].split(", ").map(str::to_owned).collect();
    assert!(changes.iter().all(|change| known.contains(&change.as_str())), "{row:?}");
    Difference { chart: row[0].clone(), notes: thing(&row[1]), here: thing(here), owner, changes }
}

fn thing(cell: &str) -> Option<Thing> {
    if cell == "-" {
        return None;
    }
    let inside = unquoted(cell);
    let arrow = |sign: &str, kind| {
        let (from, to) = inside.split_once(sign)?;
        Some(Thing::Arrow(from.to_owned(), to.to_owned(), kind))
    };
    let found = arrow(" -> ", ArrowKind::Call).or_else(|| arrow(" ~> ", ArrowKind::Data));
    Some(found.unwrap_or_else(|| Thing::Box(inside.to_owned())))
}

fn unquoted(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).expect("names stand in `...`")
}

impl Difference {
    pub(crate) fn has(&self, change: &str) -> bool {
        self.changes.iter().any(|known| known == change)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Thing::Box(name) => f.write_str(name),
            Thing::Arrow(from, to, ArrowKind::Call) => write!(f, "{from} -> {to}"),
            Thing::Arrow(from, to, ArrowKind::Data) => write!(f, "{from} ~> {to}"),
        }
    }
}
