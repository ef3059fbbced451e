//! The style sheet: every colour as a CSS variable, light and dark.
//!
//! All of it stands inside `@supports`, so that viewers without variables skip it as a whole and
//! use the plain attributes of the elements.

use crate::flow_graph::{ArrowKind, FlowGraph};
use crate::heat::SCALE;
use crate::provenance::Provenance;
use crate::style::{self, BOX_STYLES, CLUSTER_FILLS, CLUSTER_LINE, Color, GROUND, INK, QUIET};

/// The `<style>` element; with the colours of what must not be, if the picture has any.
pub(super) fn css(graph: &FlowGraph) -> String {
    let provenances = provenances(graph);
    // What is gone has the colours of what must not be.
    let is_wrong = |it: &Provenance| {
        style::provenance_style(*it).is_some_and(|look| look.class == style::WRONG.class)
    };
    let has_wrong = graph.has_wrong() || provenances.iter().any(is_wrong);
    let variables = variables(has_wrong, &provenances);
    let list = |dark: bool| {
        let pick = |color: &Color| if dark { color.dark } else { color.light };
        let entries: Vec<String> =
            variables.iter().map(|(name, color)| format!("--{name}:{}", pick(color))).collect();
        entries.join(";")
    };
    let mut out = String::from(" <style>\n@supports (fill:var(--ink)) {\n");
    out.push_str(&format!(".raftlens-chart{{{}}}\n", list(false)));
    out.push_str(&format!(
        "@media (prefers-color-scheme:dark){{.raftlens-chart{{{}}}}}\n",
        list(true)
    ));
    for rule in rules(has_wrong).into_iter().chain(more_rules(&provenances)) {
        out.push_str(&rule);
        out.push('\n');
    }
    out.push_str("}\n </style>\n");
    out
}

/// Every colour under the name that a page can override.
fn variables(has_wrong: bool, provenances: &[Provenance]) -> Vec<(String, Color)> {
    let mut all: Vec<(String, Color)> = [
        ("ground", GROUND),
        ("ink", INK),
        ("quiet", QUIET),
        ("cluster-line", CLUSTER_LINE),
        ("call", style::arrow_color(ArrowKind::Call)),
        ("data", style::arrow_color(ArrowKind::Data)),
    ]
    .map(|(name, color)| (name.to_owned(), color))
    .to_vec();
    for (depth, color) in CLUSTER_FILLS.into_iter().enumerate() {
        all.push((format!("cluster{depth}"), color));
    }
    for look in BOX_STYLES.into_iter().chain(has_wrong.then_some(style::WRONG)) {
        all.push((format!("{}-fill", look.class), look.fill));
        all.push((format!("{}-line", look.class), look.line));
    }
    for look in style::PROVENANCE_STYLES {
        let is_used = |it: &Provenance| {
            style::provenance_style(*it).is_some_and(|used| used.class == look.class)
        };
        if look.class == style::UNDOCUMENTED.class || provenances.iter().any(is_used) {
            all.push((format!("{}-fill", look.class), look.fill));
            all.push((format!("{}-line", look.class), look.line));
        }
    }
    for (step, (fill, line)) in SCALE.into_iter().enumerate() {
        all.push((format!("heat{step}-fill"), fill));
        all.push((format!("heat{step}-line"), line));
    }
    all
}

/// Where parts of the graph are known from, each once.
fn provenances(graph: &FlowGraph) -> Vec<Provenance> {
    let boxes = graph.boxes().map(|(_, it)| it.provenance);
    let mut found: Vec<_> = boxes.chain(graph.arrows().map(|(.., it)| it.provenance)).collect();
    found.dedup();
    found
}

/// Heat, and where parts are known from, in place of the colours of kinds.
fn more_rules(provenances: &[Provenance]) -> Vec<String> {
    let mut names: Vec<(String, String)> =
        (0..SCALE.len()).map(|step| (format!("heat{step}"), format!("heat{step}"))).collect();
    names.push(("undocumented".to_owned(), "undocumented".to_owned()));
    for provenance in Provenance::SAID {
        let look = style::provenance_style(provenance);
        if let Some(look) = look
            .filter(|_| provenance != Provenance::Undocumented && provenances.contains(&provenance))
        {
            names.push((provenance.class().to_owned(), look.class.to_owned()));
        }
    }
    let rule = |(class, name): (String, String)| {
        format!(
            ".{class} .shape{{fill:var(--{name}-fill);stroke:var(--{name}-line)}}\n\
             .arrow.{class} .line{{stroke:var(--{name}-line)}}\n\
             .arrow.{class} .head{{fill:var(--{name}-line)}}"
        )
    };
    names.into_iter().map(rule).collect()
}

/// Which element takes which variable. Labels take the colour of the cluster that they stand on.
fn rules(has_wrong: bool) -> Vec<String> {
    let mut rules: Vec<String> = [
        ".ground{fill:var(--ground)}",
        ".heading,.box .title{fill:var(--ink)}",
        ".note,.field,.label text,.cluster .title,.legend text{fill:var(--quiet)}",
        ".cluster .ground{stroke:var(--cluster-line)}",
        ".arrow.call .line{stroke:var(--call)}",
        ".arrow.call .head{fill:var(--call)}",
        ".arrow.data .line{stroke:var(--data)}",
        ".arrow.data .head{fill:var(--data)}",
        ".label .behind{fill:var(--ground)}",
        ".arrow:hover .line{stroke-width:3.4px}",
        "a:hover .shape,a:focus .shape,.box:focus .shape{stroke-width:2.2px}",
    ]
    .map(str::to_owned)
    .to_vec();
    for depth in 0..CLUSTER_FILLS.len() {
        rules.push(format!(
            ".depth{depth} .ground,.label.on{depth} .behind{{fill:var(--cluster{depth})}}"
        ));
    }
    for look in BOX_STYLES {
        let class = look.class;
        rules.push(format!(
            ".{class} .shape{{fill:var(--{class}-fill);stroke:var(--{class}-line)}}"
        ));
        rules.push(format!(".{class} .rule{{stroke:var(--{class}-line)}}"));
    }
    if has_wrong {
        // Behind all others, since it takes their place.
        rules.extend(
            [
                ".wrong .shape{fill:var(--wrong-fill);stroke:var(--wrong-line)}",
                ".arrow.wrong .line{stroke:var(--wrong-line)}",
                ".arrow.wrong .head,.label.wrong text{fill:var(--wrong-line)}",
            ]
            .map(str::to_owned),
        );
    }
    rules
}
