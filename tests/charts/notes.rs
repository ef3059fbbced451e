//! The charts of the notes, from `notes.txt`: what the charts in `dot/` are compared with.

use raftlens_viz::ArrowKind;

/// One chart of the notes.
#[derive(Debug, Default)]
pub(crate) struct NotesChart {
    /// `async_snapshot`, `router_send`, ...
    pub(crate) name: String,
    pub(crate) boxes: Vec<NotesBox>,
    pub(crate) arrows: Vec<NotesArrow>,
}

/// One box of the notes.
#[derive(Debug)]
pub(crate) struct NotesBox {
    /// The name of its node, also in our charts.
    pub(crate) name: String,
    /// Its clusters, outermost first, joined by `/`.
    pub(crate) owner: String,
    /// What is written in it.
    pub(crate) title: String,
}

/// One arrow of the notes, between names of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotesArrow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) kind: ArrowKind,
}

/// Reads `notes.txt`; a line that it does not know is a fault of the file.
pub(crate) fn parse(text: &str) -> Vec<NotesChart> {
    let mut charts: Vec<NotesChart> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap();
        if word == "chart" {
            charts.push(NotesChart { name: rest.to_owned(), ..NotesChart::default() });
            continue;
        }
        let chart = charts.last_mut().unwrap();
        match word {
            "box" => {
                let (name, rest) = rest.split_once(" @ ").unwrap();
                let (owner, title) = rest.split_once(" = ").unwrap();
                let [name, owner, title] = [name, owner, title].map(str::to_owned);
                chart.boxes.push(NotesBox { name, owner, title });
            }
            "call" | "data" => {
                let (from, to) = rest.split_once(" -> ").unwrap();
                let kind = if word == "call" { ArrowKind::Call } else { ArrowKind::Data };
                chart.arrows.push(NotesArrow { from: from.to_owned(), to: to.to_owned(), kind });
            }
            _ => panic!("notes.txt: {line:?}"),
        }
    }
    charts
}
