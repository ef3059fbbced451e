//! One palette and one set of sizes for every writer.
//!
//! Each colour has a light and a dark form. Colour is never the only sign: data arrows are dashed,
//! and each kind of box has a shape of its own.

use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowBox, FlowGraph, Tone};
use crate::provenance::Provenance;

/// The font that is asked for; text is measured with its metrics (those of Arial and Helvetica).
pub(crate) const FONT: &str = "Arial";
/// The first name of [`FONT_STACK`].
#[cfg(feature = "png")]
pub(crate) const ASKED_FAMILY: &str = "Liberation Sans";
/// The fonts that a viewer may use, best first; all but the last few are as wide as [`FONT`].
pub(crate) const FONT_STACK: &str = "'Liberation Sans', Arial, Helvetica, Arimo, 'Noto Sans', \
     'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Micro Hei', sans-serif";
/// Size of a box's title.
pub(crate) const TITLE_SIZE: f64 = 12.0;
/// Size of what was measured of a box, and of the fields of a record.
pub(crate) const NOTE_SIZE: f64 = 9.5;
/// Size of a label on an arrow.
pub(crate) const ARROW_LABEL_SIZE: f64 = 9.0;
/// Size of a cluster's title.
pub(crate) const CLUSTER_SIZE: f64 = 11.5;
/// Size of the picture's title.
pub(crate) const HEADING_SIZE: f64 = 17.0;

/// A colour on light and on dark ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Color {
    pub(crate) light: &'static str,
    pub(crate) dark: &'static str,
}

const fn color(light: &'static str, dark: &'static str) -> Color {
    Color { light, dark }
}

/// The ground.
pub(crate) const GROUND: Color = color("#ffffff", "#14181d");
/// Text that is read first.
pub(crate) const INK: Color = color("#1f2933", "#e4e9ee");
/// Text that is read second.
pub(crate) const QUIET: Color = color("#55636f", "#9fb0bd");
/// Border of a cluster.
pub(crate) const CLUSTER_LINE: Color = color("#cdd6de", "#37424d");
/// Clusters, by depth; deeper ones repeat.
pub(crate) const CLUSTER_FILLS: [Color; 3] =
    [color("#f5f8fa", "#1a2027"), color("#eaf0f4", "#212932"), color("#dfe8ee", "#28323d")];

/// Look of one kind of box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoxStyle {
    /// Class and name of its variables.
    pub(crate) class: &'static str,
    /// What the legend calls it.
    pub(crate) name: &'static str,
    /// Inside.
    pub(crate) fill: Color,
    /// Border.
    pub(crate) line: Color,
}

const FUNCTION: BoxStyle = BoxStyle {
    class: "function",
    name: "function",
    fill: color("#ffffff", "#232c36"),
    line: color("#7c93a8", "#6b8299"),
};
const CASE: BoxStyle = BoxStyle {
    class: "case",
    name: "branch taken",
    fill: color("#fff6dd", "#3a321b"),
    line: color("#c79a2b", "#b8912f"),
};
const VARIABLE: BoxStyle = BoxStyle {
    class: "variable",
    name: "value",
    fill: color("#eef7ee", "#1f3024"),
    line: color("#6fa377", "#5f9268"),
};
const STRUCT: BoxStyle = BoxStyle {
    class: "struct",
    name: "record",
    fill: color("#f1effa", "#2a2740"),
    line: color("#8a7fc0", "#8379b8"),
};

/// Of a box that must not be, whatever its kind.
pub(crate) const WRONG: BoxStyle = BoxStyle {
    class: "wrong",
    name: "must not be",
    fill: color("#fde8e6", "#43211f"),
    line: color("#c62828", "#ef6b62"),
};

/// Of what is documented nowhere.
pub(crate) const UNDOCUMENTED: BoxStyle = BoxStyle {
    class: "undocumented",
    name: "not documented",
    fill: color("#e3f0ff", "#16304d"),
    line: color("#1565c0", "#64a8f0"),
};

/// Of what is new, in a picture of two graphs.
pub(crate) const ADDED: BoxStyle = BoxStyle {
    class: "added",
    name: "new",
    fill: color("#f4e9fb", "#33203f"),
    line: color("#7b1fa2", "#c58be0"),
};

/// Of what takes longer than before.
pub(crate) const SLOWER: BoxStyle = BoxStyle {
    class: "slower",
    name: "slower than before",
    fill: color("#fff0e0", "#42290f"),
    line: color("#d95f02", "#f09a4a"),
};

/// The looks that provenances have of their own.
pub(crate) const PROVENANCE_STYLES: [BoxStyle; 3] = [UNDOCUMENTED, ADDED, SLOWER];

/// The look that a provenance gives, if it is not the one of the kind.
pub(crate) fn provenance_style(provenance: Provenance) -> Option<BoxStyle> {
    match provenance {
        Provenance::Gone | Provenance::Removed => Some(WRONG),
        Provenance::Undocumented | Provenance::Faster => Some(UNDOCUMENTED),
        Provenance::Added => Some(ADDED),
        Provenance::Slower => Some(SLOWER),
        Provenance::Unsaid | Provenance::NeverTaken | Provenance::CodeOnly => None,
    }
}

/// All kinds, in the order of the legend.
pub(crate) const BOX_STYLES: [BoxStyle; 4] = [FUNCTION, CASE, VARIABLE, STRUCT];

/// The look of a box: that of its kind, in red where it must not be.
pub(crate) fn look_of(flow_box: &FlowBox) -> BoxStyle {
    let look = box_style(&flow_box.kind);
    let special = match flow_box.tone {
        Tone::Wrong => Some(WRONG),
        Tone::Plain => provenance_style(flow_box.provenance),
    };
    match special {
        Some(special) => BoxStyle { fill: special.fill, line: special.line, ..look },
        None => look,
    }
}

/// The look of a kind of box.
pub(crate) fn box_style(kind: &BoxKind) -> BoxStyle {
    match kind {
        BoxKind::Function => FUNCTION,
        BoxKind::Case => CASE,
        BoxKind::Variable => VARIABLE,
        BoxKind::Struct { .. } => STRUCT,
    }
}

/// The ground of a cluster that stands in `depth` others.
pub(crate) fn cluster_fill(depth: usize) -> Color {
    CLUSTER_FILLS[depth % CLUSTER_FILLS.len()]
}

/// Calls are grey, data is green.
pub(crate) fn arrow_color(kind: ArrowKind) -> Color {
    match kind {
        ArrowKind::Call => color("#8796a3", "#7f8e9b"),
        ArrowKind::Data => color("#3d9955", "#4fae68"),
    }
}

/// The colour of an arrow: that of its kind, or red.
pub(crate) fn color_of(kind: ArrowKind, tone: Tone) -> Color {
    match tone {
        Tone::Plain => arrow_color(kind),
        Tone::Wrong => WRONG.line,
    }
}

/// As [`color_of`], after what is said of where it is known from.
pub(crate) fn color_of_arrow(arrow: &Arrow) -> Color {
    match provenance_style(arrow.provenance) {
        Some(special) => special.line,
        None => color_of(arrow.kind, arrow.tone),
    }
}

/// Stroke of an arrow: what must not be is seen first.
pub(crate) fn width_of(arrow: &Arrow, share: f64) -> f64 {
    match arrow.tone {
        Tone::Plain => arrow_width(share),
        Tone::Wrong => 2.6,
    }
}

/// Stroke of an arrow, by its share of the time: from 1.1 to 3.2 points, so that the hot ones are
/// seen and no arrow hides another.
pub(crate) fn arrow_width(share: f64) -> f64 {
    1.1 + 2.1 * share.clamp(0.0, 1.0).sqrt()
}

/// For each arrow, its time as a share of the longest arrow's; zero where nothing was measured.
pub(crate) fn time_shares(graph: &FlowGraph) -> Vec<f64> {
    let sums: Vec<u128> = graph.arrows().map(|(.., arrow)| arrow.latency.sum_ns()).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    sums.into_iter().map(|sum| sum as f64 / most as f64).collect()
}
