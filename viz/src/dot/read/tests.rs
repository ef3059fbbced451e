//! What is refused is refused with its place and what to do; what is huge is read or refused.

use super::super::preprocess::Source;
use super::*;

fn refused(text: &str) -> DotError {
    document(&Source::plain(text, Some("x.dot"))).unwrap_err()
}

#[test]
fn errors_say_where_and_what_to_do() {
    let table = [
        (
            "",
            "x.dot: line 1, column 1: there is no graph here: a chart begins with `digraph NAME {`",
        ),
        (
            "digraph a {\n  b -> \n}",
            "x.dot: line 3, column 1: found `}` where the end of an arrow: a name or a group in \
             braces should be",
        ),
        (
            "digraph a {\n  读 -> \"c\n}",
            "x.dot: line 2, column 8: a string that begins here has no end: close it with `\"`",
        ),
        (
            "digraph { a -- b }",
            "x.dot: line 1, column 13: found `--`: arrows of this kind of graph are written `->`",
        ),
        (
            "digraph { a?b }",
            "x.dot: line 1, column 12: the character '?' has no meaning here: put the name into \
             quotes",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(refused(text).to_string(), expected);
    }
}

#[test]
fn depth_and_products_are_bounded() {
    let deep = format!("digraph {{{}", "{".repeat(100_000));
    assert_eq!(refused(&deep).fault, DotFault::TooDeep);
    let many: String = (0..3_000).map(|at| format!("a{at} ")).collect();
    let product = format!("digraph {{ {{{many}}} -> {{{many}}} -> {{{many}}} }}");
    assert!(matches!(refused(&product).fault, DotFault::TooManyArrows { .. }));
    let defaults: String = (0..300).map(|at| format!("a{at}=1 ")).collect();
    let defaults = format!("digraph {{ node [{defaults}] }}");
    assert!(matches!(refused(&defaults).fault, DotFault::TooManyDefaults { .. }));
}

/// A file of a hundred megabytes is refused where it gets too large, and not when memory ends.
#[test]
fn what_no_picture_has_room_for_is_refused() {
    let boxes: String = (0..=1_000_000).map(|at| format!("a{at};")).collect();
    let fault = refused(&format!("digraph {{{boxes}}}")).fault;
    assert_eq!(fault, DotFault::TooMany { what: "boxes", most: 1_000_000 });
    let fault = refused(&format!("digraph {{{}}}", "{}".repeat(1_000_001))).fault;
    assert_eq!(fault, DotFault::TooMany { what: "groups", most: 1_000_000 });
    let fault = refused(&format!("digraph {{{}}}", "a->b;".repeat(2_000_001))).fault;
    assert_eq!(fault, DotFault::TooManyArrows { most: 2_000_000 });
}

#[test]
fn long_strings_and_many_statements_are_read() {
    let long = "\\\"x".repeat(400_000);
    let text = format!("digraph {{ a [label=\"{long}\"] }}");
    let read = document(&Source::plain(text, None)).unwrap();
    assert_eq!(read.nodes[0].attributes.get("label").unwrap().text.len(), 800_000);
    let many: String = (0..100_000).map(|at| format!("a{at} -> a{}\n", at + 1)).collect();
    let read = document(&Source::plain(format!("digraph {{ {many} }}"), None)).unwrap();
    assert_eq!((read.nodes.len(), read.edges.len()), (100_001, 100_000));
}

#[test]
fn defaults_hold_for_what_is_made_later_inside() {
    let text =
        "digraph { a node[x=1] b subgraph s { node[x=2] b c {d} } e edge[y=1] a->b a->c[y=2] }";
    let read = document(&Source::plain(text, None)).unwrap();
    let x = |at: usize| read.nodes[at].attributes.get("x").map(|value| value.text.to_string());
    let found: Vec<Option<String>> = (0..5).map(x).collect();
    let expected = [None, Some("1"), Some("2"), Some("2"), Some("1")];
    assert_eq!(found, expected.map(|value| value.map(str::to_owned)));
    let y: Vec<_> =
        read.edges.iter().map(|edge| &*edge.attributes.get("y").unwrap().text).collect();
    assert_eq!(y, ["1", "2"]);
}
