//! Writes a chart as DOT, in the plain way in which people write such files by hand; and the same
//! chart with given sizes in place of texts, so that `dot` and another engine get equal boxes.

use std::fmt::Write;

use raftlens_viz::{Direction, Size, SizedBox, SizedGraph};

use super::{Chart, ChartArrow, ChartBox};

/// Points in an inch, the unit of `width` and `height`.
const INCH: f64 = 72.0;

/// The chart as text: `dot` measures the texts itself.
pub(crate) fn write(chart: &Chart) -> String {
    write_with(chart, &Texts)
}

/// The chart with the sizes of `sized`, which was made from it: `dot` measures no text.
pub(crate) fn write_sized(chart: &Chart, sized: &SizedGraph) -> String {
    write_with(chart, &Sizes(sized))
}

/// What stands in the brackets behind a box, a cluster and an arrow.
trait Attributes {
    fn defaults(&self) -> &'static str;
    fn of_box(&self, chart: &Chart, index: usize) -> String;
    fn of_cluster(&self, chart: &Chart, index: usize) -> String;
    fn label(&self, chart: &Chart, index: usize) -> Option<String>;
    /// The part of a record that an arrow without field meets.
    fn head(&self, of: &ChartBox) -> Option<&'static str>;
}

fn write_with(chart: &Chart, attributes: &dyn Attributes) -> String {
    let direction = match chart.direction {
        Direction::LeftRight => "LR",
        Direction::RightLeft => "RL",
        Direction::TopDown => "TB",
        Direction::BottomUp => "BT",
    };
    let mut out = format!("digraph {} {{\n", quoted(&chart.name));
    let _ = writeln!(out, "    rankdir={direction};\n    newrank=true;");
    let _ = writeln!(out, "    {};", attributes.defaults());
    write_level(chart, attributes, None, 1, &mut out);
    for (index, arrow) in chart.arrows.iter().enumerate() {
        let end = |of: usize, field: Option<usize>| {
            let head = || attributes.head(&chart.boxes[of]).map(str::to_owned);
            match field.map(|field| format!("f{field}")).or_else(head) {
                Some(port) => format!("n{of}:{port}"),
                None => format!("n{of}"),
            }
        };
        let ChartArrow { from, to, from_field, to_field, .. } = *arrow;
        let _ = write!(out, "    {} -> {}", end(from, from_field), end(to, to_field));
        let mut said = Vec::new();
        said.extend(attributes.label(chart, index).map(|label| format!("label={label}")));
        said.extend(arrow.is_data.then(|| "style=dashed".to_owned()));
        match said.is_empty() {
            true => out.push_str(";\n"),
            false => {
                let _ = writeln!(out, " [{}];", said.join(" "));
            }
        }
    }
    out.push_str("}\n");
    out
}

fn write_level(
    chart: &Chart,
    attributes: &dyn Attributes,
    level: Option<usize>,
    depth: usize,
    out: &mut String,
) {
    let indent = "    ".repeat(depth);
    for (index, _) in chart.clusters.iter().enumerate().filter(|(_, it)| it.parent == level) {
        let said = attributes.of_cluster(chart, index);
        let _ = writeln!(out, "{indent}subgraph cluster_{index} {{\n{indent}    {said};");
        write_level(chart, attributes, Some(index), depth + 1, out);
        let _ = writeln!(out, "{indent}}}");
    }
    for (index, _) in chart.boxes.iter().enumerate().filter(|(_, it)| it.cluster == level) {
        let _ = writeln!(out, "{indent}n{index} [{}];", attributes.of_box(chart, index));
    }
}

/// Texts as they are.
struct Texts;

impl Attributes for Texts {
    fn defaults(&self) -> &'static str {
        "node [shape=box]"
    }

    fn of_box(&self, chart: &Chart, index: usize) -> String {
        let of = &chart.boxes[index];
        let mut lines = vec![of.title.as_str()];
        lines.extend(of.note.as_deref());
        if of.fields.is_empty() {
            return format!("label={}", quoted(&lines.join("\n")));
        }
        let plain = |text: &str| {
            let special = |c: char| "{}|<>".contains(c);
            text.chars()
                .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
                .collect::<String>()
        };
        let mut cells: Vec<String> = vec![format!("<head> {}", plain(&lines.join("\n")))];
        let fields = of.fields.iter().enumerate();
        cells.extend(fields.map(|(index, field)| format!("<f{index}> {}", plain(field))));
        let cells = cells.join("|");
        // Cells run across the reading direction; braces turn them, so fields stand below each other.
        let label = match chart.direction {
            Direction::LeftRight | Direction::RightLeft => cells,
            Direction::TopDown | Direction::BottomUp => format!("{{{cells}}}"),
        };
        format!("shape=record label=\"{}\"", label.replace('"', "\\\"").replace('\n', "\\n"))
    }

    fn of_cluster(&self, chart: &Chart, index: usize) -> String {
        format!("label={}", quoted(&chart.clusters[index].name))
    }

    fn label(&self, chart: &Chart, index: usize) -> Option<String> {
        chart.arrows[index].label.as_deref().map(quoted)
    }

    fn head(&self, _: &ChartBox) -> Option<&'static str> {
        None
    }
}

/// Room of given sizes.
struct Sizes<'a>(&'a SizedGraph);

impl Attributes for Sizes<'_> {
    fn defaults(&self) -> &'static str {
        "node [shape=box fixedsize=true label=\"\"]"
    }

    fn of_box(&self, _: &Chart, index: usize) -> String {
        let of = &self.0.boxes[index];
        let Size { width, height } = of.size;
        let mut said = format!("width={:.4} height={:.4}", width / INCH, height / INCH);
        if !of.ports.is_empty() {
            let _ = write!(said, " shape=none margin=0 label={}", rows(of));
        }
        said
    }

    fn of_cluster(&self, _: &Chart, index: usize) -> String {
        format!("label={}", blank(self.0.clusters[index].title))
    }

    fn label(&self, _: &Chart, index: usize) -> Option<String> {
        self.0.arrows[index].label.map(blank)
    }

    fn head(&self, of: &ChartBox) -> Option<&'static str> {
        (!of.fields.is_empty()).then_some("head")
    }
}

/// Cells of a record: its head, and one for each field.
fn rows(of: &SizedBox) -> String {
    let width = of.size.width.floor();
    let cell = |port: &str, height: f64| {
        format!(
            "<TR><TD PORT=\"{port}\" FIXEDSIZE=\"TRUE\" WIDTH=\"{width}\" HEIGHT=\"{}\"></TD></TR>",
            height.floor().max(1.0)
        )
    };
    let head = of.ports.first().map_or(of.size.height, |port| port.area.y);
    let fields = of.ports.iter().enumerate();
    let fields = fields.map(|(index, port)| cell(&format!("f{index}"), port.area.height));
    table(&format!("{}{}", cell("head", head), fields.collect::<String>()))
}

fn blank(size: Size) -> String {
    let (width, height) = (size.width.ceil(), size.height.ceil());
    table(&format!("<TR><TD FIXEDSIZE=\"TRUE\" WIDTH=\"{width}\" HEIGHT=\"{height}\"></TD></TR>"))
}

fn table(rows: &str) -> String {
    format!(
        "<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"0\">{rows}</TABLE>>"
    )
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\"").replace('\n', "\\n"))
}
