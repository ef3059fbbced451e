//! Reads the charts that were written by hand, in a short form of their own.
//!
//! ```text
//! # name TB                      a chart; left to right unless TB is said
//! @Owner/Inner: a b{f,g} c"note" boxes of a cluster; `@:` has those of none; b is a record
//! a > b c : label                calls; `~` in place of `>` is data
//! b.f > c.g                      from field to field
//! ```
//! Nothing may be mentioned in an arrow that was not declared: a slip shows at once.

use raftlens_viz::Direction;

use super::{Chart, ChartArrow, ChartBox, ChartCluster};

const FILES: [&str; 4] = [
    include_str!("written/storage.txt"),
    include_str!("written/consensus.txt"),
    include_str!("written/runtime.txt"),
    include_str!("written/services.txt"),
];

/// All written charts.
pub(super) fn all() -> Vec<Chart> {
    let texts =
        FILES.iter().flat_map(|file| file.split("\n# ").map(|it| it.trim_start_matches("# ")));
    texts.map(read).collect()
}

fn read(text: &str) -> Chart {
    let (heading, lines) = text.split_once('\n').unwrap_or((text, ""));
    let (name, direction) = match heading.trim().strip_suffix(" TB") {
        Some(name) => (name, Direction::TopDown),
        None => (heading.trim(), Direction::LeftRight),
    };
    let mut chart = Chart {
        name: name.to_owned(),
        direction,
        boxes: Vec::new(),
        clusters: Vec::new(),
        arrows: Vec::new(),
    };
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('@') {
            Some(cluster) => boxes(&mut chart, cluster),
            None => arrows(&mut chart, line),
        }
    }
    chart.settle();
    chart
}

fn boxes(chart: &mut Chart, line: &str) {
    let (path, boxes) = line.split_once(':').expect("`@Owner: boxes`");
    let mut cluster = None;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let is_it = |it: &ChartCluster| it.name == name && it.parent == cluster;
        let known = chart.clusters.iter().position(is_it);
        cluster = Some(known.unwrap_or_else(|| {
            chart.clusters.push(ChartCluster { name: name.to_owned(), parent: cluster });
            chart.clusters.len() - 1
        }));
    }
    // Spaces inside notes and between fields do not part boxes.
    let mut open = false;
    let parts = boxes.split(|c: char| {
        open = if c == '"' { !open } else { open };
        c == ' ' && !open
    });
    for part in parts.filter(|part| !part.is_empty()) {
        let (part, note) = match part.split_once('"') {
            Some((before, note)) => (before, Some(note.trim_end_matches('"').to_owned())),
            None => (part, None),
        };
        let (title, fields) = match part.split_once('{') {
            Some((title, fields)) => {
                (title, fields.trim_end_matches('}').split(',').map(str::to_owned).collect())
            }
            None => (part, Vec::new()),
        };
        chart.boxes.push(ChartBox { title: title.to_owned(), note, fields, cluster });
    }
}

fn arrows(chart: &mut Chart, line: &str) {
    let (line, label) = match line.split_once(" : ") {
        Some((line, label)) => (line, Some(label.trim().to_owned())),
        None => (line, None),
    };
    let is_data = line.contains('~');
    let groups: Vec<Vec<(usize, Option<usize>)>> = line
        .split(['>', '~'])
        .map(|group| group.split_whitespace().map(|word| end(chart, word)).collect())
        .collect();
    for pair in groups.windows(2) {
        for (from, from_field) in &pair[0] {
            for (to, to_field) in &pair[1] {
                let (from_field, to_field, label) = (*from_field, *to_field, label.clone());
                let arrow =
                    ChartArrow { from: *from, to: *to, from_field, to_field, label, is_data };
                assert!(chart.connect(arrow), "{}: twice: {line}", chart.name);
            }
        }
    }
}

fn end(chart: &Chart, word: &str) -> (usize, Option<usize>) {
    let find = |title: &str| chart.boxes.iter().position(|it| it.title == title);
    if let Some(index) = find(word) {
        return (index, None);
    }
    let known = word.rsplit_once('.').and_then(|(title, field)| {
        let index = find(title)?;
        let field = chart.boxes[index].fields.iter().position(|it| it == field)?;
        Some((index, Some(field)))
    });
    known.unwrap_or_else(|| panic!("{}: no box {word}", chart.name))
}
