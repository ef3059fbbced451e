//! What each view says of a box and of an arrow, and how the three together are drawn.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::provenance::Provenance;

const CHART: &str = r#"digraph c {
    subgraph "cluster_Peer" { label="Peer";
        a [id="Peer::propose", label="propose", class="function"];
        b [id="Peer::inspect", label="inspect", class="function"];
        c [id="Peer::read_local", label="read_local", class="function"];
        d [id="Peer::old_name", label="old_name", class="function"];
        e [id="Policy::Local", label="Policy::Local", class="case"];
        f [id="Raft::in_lease", label="in_lease", class="function external"];
        g [id="Peer::bound", label="bound", class="variable"];
    }
    a -> b [class="call"];
    a -> c [class="call"];
    a -> d [class="call"];
    b -> e [class="data"];
    b -> f [class="call"];
    b -> g [class="data"];
}"#;

const SOURCE: &str = "
pub struct Peer { bound: u64 }
pub enum Policy { Local, Index }
impl Peer {
    pub fn propose(&self) { if let Policy::Local = self.inspect() { self.read_local(); } }
    fn inspect(&self) -> Policy { if self.in_lease() { Policy::Local } else { Policy::Index } }
    fn read_local(&self) { self.inspect(); }
}
";

fn run() -> FlowGraph {
    let mut run = FlowGraph::new("run");
    let mut add = |identity: &str, calls: u64| {
        run.add_box(FlowBox { identity: identity.to_owned(), calls, ..FlowBox::default() })
    };
    let (a, b) = (add("Peer::propose", 3), add("Peer::inspect", 3));
    let (e, x) = (add("Policy::Index", 3), add("Peer::elsewhere", 9));
    let c = add("Peer::read_local", 1);
    for (from, to, count) in [(a, b, 3), (b, e, 3), (a, x, 9), (b, c, 1)] {
        run.add_arrow(from, to, Arrow { count, ..Arrow::new(ArrowKind::Call) });
    }
    run
}

fn source() -> SourceGraph {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lib.rs"), SOURCE).unwrap();
    SourceGraph::read(&[folder.path().to_owned()]).unwrap()
}

fn drawn(graph: &FlowGraph) -> BTreeMap<String, Provenance> {
    let boxes = graph.boxes().map(|(_, it)| (it.identity.clone(), it.provenance));
    let arrows = graph.arrows().map(|(_, from, to, it)| {
        let [from, to] = [from, to].map(|id| graph.flow_box(id).title.as_str());
        (format!("{from} -> {to}"), it.provenance)
    });
    boxes.chain(arrows).collect()
}

#[test]
fn each_part_says_which_views_have_it() {
    let chart = Chart::parse(CHART).unwrap();
    let (source, run) = (source(), run());
    let documented = std::slice::from_ref(&chart);
    let views = Views { documented, source: Some(&source), run: Some(&run) };
    let graph = merge("three views", &views);
    use Provenance::{CodeOnly, Gone, NeverTaken, Undocumented, Unsaid};
    let expected = [
        ("Peer::bound", Unsaid),
        ("Peer::inspect", Unsaid),
        ("Peer::old_name", Gone),
        ("Peer::propose", Unsaid),
        ("Peer::read_local", Unsaid),
        ("Policy::Local", NeverTaken),
        ("Raft::in_lease", Unsaid),
        ("inspect -> Policy::Local", NeverTaken),
        ("inspect -> bound", Unsaid),
        ("inspect -> in_lease", Unsaid),
        ("inspect -> read_local", Undocumented),
        ("propose -> inspect", Unsaid),
        ("propose -> old_name", Gone),
        ("propose -> read_local", NeverTaken),
        ("read_local -> inspect", CodeOnly),
    ];
    let expected: BTreeMap<String, Provenance> =
        expected.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
    assert_eq!(drawn(&graph), expected);
    let propose = graph.find_identity("Peer::propose").unwrap();
    assert_eq!(graph.flow_box(propose).calls, 3);
    let counts: u64 = graph.arrows().map(|(.., arrow)| arrow.count).sum();
    assert_eq!(counts, 4, "what no chart shows is left out");
}

#[test]
fn views_that_were_not_asked_deny_nothing() {
    let chart = Chart::parse(CHART).unwrap();
    let documented = std::slice::from_ref(&chart);
    let alone = merge("", &Views { documented, source: None, run: None });
    assert!(drawn(&alone).values().all(|it| *it == Provenance::Unsaid));
    let source = source();
    let graph = merge("", &Views { documented, source: Some(&source), run: None });
    let said: Vec<_> =
        drawn(&graph).into_iter().filter(|(_, it)| *it != Provenance::Unsaid).collect();
    assert_eq!(
        said,
        [
            ("Peer::old_name".to_owned(), Provenance::Gone),
            ("propose -> old_name".to_owned(), Provenance::Gone),
            ("read_local -> inspect".to_owned(), Provenance::CodeOnly),
        ]
    );
}

#[test]
fn charts_that_share_boxes_become_one() {
    let one = Chart::parse(CHART).unwrap();
    let two = Chart::parse(
        r#"digraph d { a [id="Peer::read_local"]; b [id="Peer::inspect"]; a -> b [class="call"]; }"#,
    )
    .unwrap();
    let source = source();
    let views = Views { documented: &[one, two], source: Some(&source), run: None };
    let graph = merge("", &views);
    assert_eq!((graph.box_count(), graph.arrow_count()), (7, 7));
    assert_eq!(drawn(&graph)["read_local -> inspect"], Provenance::Unsaid);
}
