//! Only what is wrong changes.

use super::*;

const CHART: &str = r#"// The first line is the author's.
digraph g {
    rankdir=LR; /* across */
    subgraph cluster_a {
        label="A";
        one [id="A::one", label="one", URL="src/a.rs", class="function"]; // the first
        two [id="A::two", label="two", URL="src/a.rs", class="function"];
    }
    one -> two [class="call"]; // what it does
    // What follows.
    one -> "three" [class="call"];
    "three" -> two:n -> one;
}
"#;

fn mended(faults: &[Fault]) -> Mended {
    mend(CHART, &Chart::parse(CHART).unwrap(), faults)
}

fn no_call(from: &str, to: &str) -> Fault {
    let chart = Chart::parse(CHART).unwrap();
    let name = |at: usize| chart.boxes[at].name.as_str();
    let is_it = |arrow: &crate::ChartArrow| name(arrow.from) == from && name(arrow.to) == to;
    let of = chart.arrows.iter().position(is_it).unwrap();
    Fault::NoCall { of, from: from.to_owned(), to: to.to_owned() }
}

#[test]
fn a_renamed_box_keeps_its_place_and_its_looks() {
    let now = Some(("A::first".to_owned(), "src/b.rs".to_owned()));
    let found = mended(&[Fault::NoCode { of: 0, name: "A::one".to_owned(), now }]);
    let line =
        r#"one [id="A::first", label="first", URL="src/b.rs", class="function"]; // the first"#;
    let old = CHART.lines().nth(5).unwrap().trim();
    assert_eq!(found.text, CHART.replace(old, line));
    assert!(found.left.is_empty());
}

#[test]
fn an_arrow_goes_with_its_line_or_alone() {
    let found = mended(&[no_call("one", "three")]);
    assert_eq!(found.text, CHART.replace("    one -> \"three\" [class=\"call\"];\n", ""));
    // The comment behind it is kept.
    let found = mended(&[no_call("one", "two")]);
    assert_eq!(found.text, CHART.replace("one -> two [class=\"call\"];", ""));
}

#[test]
fn an_arrow_in_a_chain_is_left_to_its_author() {
    let fault = no_call("two", "one");
    let found = mended(std::slice::from_ref(&fault));
    assert_eq!((found.text.as_str(), found.left), (CHART, vec![fault]));
}

#[test]
fn a_new_arrow_stands_once_behind_the_others_of_its_tail() {
    let (from, to) = (|| "A::one".to_owned(), || "A::two".to_owned());
    let in_code = Fault::NotDrawn { of: (0, 1), from: from(), to: to(), place: String::new() };
    let in_run = Fault::Taken { of: (0, 1), from: from(), to: to(), count: 1 };
    let found = mended(&[in_code, in_run]);
    let last = "one -> \"three\" [class=\"call\"];";
    let with = format!("{last}\n    one -> two [class=\"call\"];");
    assert_eq!(found.text, CHART.replace(last, &with));
}

#[test]
fn damaged_text_is_cut_without_a_panic() {
    for text in ["", "\"", "digraph { a -> ", "<<<", "a:b:c -> }{ ] [", "/*", "é -> \u{7f}\"\\"] {
        statements(text);
    }
}
