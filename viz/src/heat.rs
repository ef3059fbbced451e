//! Heat: one measure of boxes and arrows as five steps of a colour.

use crate::flow_graph::FlowGraph;
use crate::latency::Latency;
use crate::style::Color;
use crate::units;

/// What the colours of boxes and arrows tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Heat {
    /// Nothing; thicker arrows took more of the time.
    #[default]
    None,
    /// How often: steps of the logarithm.
    Count,
    /// The median, in nanoseconds: steps of the logarithm.
    P50,
    /// The 99th percentile, in nanoseconds: steps of the logarithm.
    P99,
    /// The share of the time, against the part that took most: even steps.
    Share,
}

/// How many times the hottest part must be what the coolest step stands for.
const LEAST_SPAN: f64 = 10.0;
/// Steps of the scale.
pub(crate) const STEPS: usize = 5;

const fn pair(fill: Color, line: Color) -> (Color, Color) {
    (fill, line)
}

const fn color(light: &'static str, dark: &'static str) -> Color {
    Color { light, dark }
}

/// Ground and line of each step, coolest first. Lightness alone tells the steps apart.
pub(crate) const SCALE: [(Color, Color); STEPS] = [
    pair(color("#fff8ef", "#2a2620"), color("#d9c7ae", "#6f6350")),
    pair(color("#ffeed7", "#3a2e1f"), color("#e2b070", "#94713f")),
    pair(color("#ffe0bb", "#4a341c"), color("#dc8b39", "#bd8238")),
    pair(color("#ffd09f", "#5b391a"), color("#c9641a", "#e2933d")),
    pair(color("#ffbd86", "#6e3d17"), color("#a43b0c", "#ffab55")),
];

/// The step of every box and arrow; `None` where nothing was measured.
pub(crate) struct Heated {
    heat: Heat,
    boxes: Vec<f64>,
    arrows: Vec<f64>,
    least: f64,
    most: f64,
}

impl Heated {
    pub(crate) fn new(graph: &FlowGraph, heat: Heat) -> Heated {
        let boxes: Vec<f64> =
            graph.boxes().map(|(_, it)| value(heat, it.calls, &it.latency)).collect();
        let arrows: Vec<f64> =
            graph.arrows().map(|(.., it)| value(heat, it.count, &it.latency)).collect();
        let most = boxes.iter().chain(&arrows).copied().fold(0.0, f64::max);
        let measured = boxes.iter().chain(&arrows).copied().filter(|value| *value > 0.0);
        // Small differences stay small: the coolest step is well below the hottest part.
        let least = measured.fold(most / LEAST_SPAN, f64::min);
        Heated { heat, boxes, arrows, least, most }
    }

    pub(crate) fn of_box(&self, index: usize) -> Option<usize> {
        self.step(self.boxes[index])
    }

    pub(crate) fn of_arrow(&self, index: usize) -> Option<usize> {
        self.step(self.arrows[index])
    }

    /// What the legend says of the scale; nothing if there is none.
    pub(crate) fn words(&self) -> Option<String> {
        let (least, most) = (self.least as u64, self.most as u64);
        let words = match self.heat {
            Heat::None => return None,
            Heat::Count => {
                format!("how often, {}× to {}×", units::count(least.max(1)), units::count(most))
            }
            Heat::P50 => format!("p50, {} to {}", units::duration(least), units::duration(most)),
            Heat::P99 => format!("p99, {} to {}", units::duration(least), units::duration(most)),
            Heat::Share => "share of the time, darkest: most".to_owned(),
        };
        (self.most > 0.0).then_some(words)
    }

    fn step(&self, value: f64) -> Option<usize> {
        if value <= 0.0 {
            return None;
        }
        let share = match self.heat {
            Heat::None => return None,
            Heat::Share => value / self.most,
            // Latencies and counts of one picture often differ by orders of magnitude.
            Heat::Count | Heat::P50 | Heat::P99 => {
                (value / self.least).ln() / (self.most / self.least).ln()
            }
        };
        Some(((share * STEPS as f64).ceil() as usize).clamp(1, STEPS) - 1)
    }
}

fn value(heat: Heat, count: u64, latency: &Latency) -> f64 {
    match heat {
        Heat::None => 0.0,
        Heat::Count => count as f64,
        Heat::P50 => latency.p50_ns().unwrap_or(0) as f64,
        Heat::P99 => latency.p99_ns().unwrap_or(0) as f64,
        Heat::Share => latency.sum_ns() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_graph::FlowBox;

    fn steps(calls: &[u64]) -> Vec<Option<usize>> {
        let mut graph = FlowGraph::new("");
        for (index, calls) in calls.iter().enumerate() {
            let identity = index.to_string();
            graph.add_box(FlowBox { identity, calls: *calls, ..FlowBox::default() });
        }
        let heated = Heated::new(&graph, Heat::Count);
        (0..calls.len()).map(|index| heated.of_box(index)).collect()
    }

    #[test]
    fn the_scale_spans_what_was_measured() {
        assert_eq!(steps(&[10_000, 100_000, 0]), [Some(0), Some(4), None]);
        assert_eq!(steps(&[10, 1_000, 100_000]), [Some(0), Some(2), Some(4)]);
        // A tenth more is no other colour, and one value alone is the hottest.
        assert_eq!(steps(&[100, 110]), [Some(4), Some(4)]);
        assert_eq!(steps(&[7]), [Some(4)]);
        assert_eq!(steps(&[u64::MAX, 1]), [Some(4), Some(0)]);
    }
}
