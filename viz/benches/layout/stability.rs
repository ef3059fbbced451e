//! How far boxes move when one box is removed from a chart or added to it.
//!
//! Both pictures are aligned by the median shift of the boxes that stayed; what counts is the median
//! move of those. Boxes have our sizes in all engines.

use raftlens_viz::{Placed, Point, SizedGraph};

use crate::Options;
use crate::corpus::{self, Chart, Random, dot};
use crate::peers;
use crate::table::{Row, Table, mean, median};

const CHARTS: usize = 200;
/// Says which box is taken away from each, unless another seed is asked for.
pub(crate) const SEED: u64 = 7;

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random::new(options.seed);
    let (mut alone, mut with_previous, mut theirs) = (vec![], vec![], vec![]);
    for (index, whole) in corpus::charts(options.charts.min(CHARTS)).into_iter().enumerate() {
        let gone = random.below(whole.boxes.len());
        let part = whole.without(gone);
        // Every other chart grows instead of shrinking.
        let is_removal = index % 2 == 0;
        let (before, after) = if is_removal { (&whole, &part) } else { (&part, &whole) };
        let middles_of_stayed = |placed: &Placed, chart: &Chart| {
            let mut middles: Vec<Point> = placed.boxes.iter().map(|it| it.center()).collect();
            if chart.boxes.len() == whole.boxes.len() {
                middles.remove(gone);
            }
            middles
        };
        let (first, mut second) = (before.sized(), after.sized());
        let moved = |first: Option<Placed>, second: Option<Placed>| {
            let (first, second) = first.zip(second)?;
            Some(median_move(
                &middles_of_stayed(&first, before),
                &middles_of_stayed(&second, after),
            ))
        };
        let by_dot = |chart: &Chart, graph: &SizedGraph| {
            let file = peers::dot::file(folder.path(), "chart", &dot::write_sized(chart, graph));
            let output = peers::dot::run(&file, "json", false).output?;
            Some(peers::dot::read(chart, graph, &output)?.1)
        };
        let dots = moved(by_dot(before, &first), by_dot(after, &second));
        let ours_before = peers::ours(&first);
        let plain = moved(ours_before.clone(), peers::ours(&second));
        if let Some(placed) = &ours_before {
            let mut previous: Vec<Option<Point>> =
                middles_of_stayed(placed, before).into_iter().map(Some).collect();
            if !is_removal {
                previous.insert(gone, None);
            }
            second.hints.previous = previous;
        }
        let held = moved(ours_before, peers::ours(&second));
        if let (Some(dots), Some(plain), Some(held)) = (dots, plain, held) {
            theirs.push(dots);
            alone.push(plain);
            with_previous.push(held);
        }
    }
    let runs = theirs.len();
    let variants = [("by itself", &alone), ("told the previous picture", &with_previous)];
    for (name, ours) in variants {
        let figures = [
            ("median move", median(ours.clone()), median(theirs.clone())),
            ("mean of the median moves", mean(ours), mean(&theirs)),
        ];
        for (figure, ours, peer) in figures {
            let case = format!("stability: {figure}, {name}");
            table.row(&Row { case: &case, ours, peer, peer_name: "dot", unit: "pt", runs });
        }
    }
}

fn median_move(before: &[Point], after: &[Point]) -> f64 {
    let shifts: Vec<(f64, f64)> =
        before.iter().zip(after).map(|(one, other)| (other.x - one.x, other.y - one.y)).collect();
    let right = median(shifts.iter().map(|shift| shift.0).collect());
    let down = median(shifts.iter().map(|shift| shift.1).collect());
    median(shifts.iter().map(|shift| (shift.0 - right).hypot(shift.1 - down)).collect())
}
