//! The recorder does what `tracing` promises: the same program, run under it and under
//! `tracing-subscriber`'s registry, gives the same trees of spans, fields and events.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raftlens_tracer::model::{SpanId, TraceSet, Value};
use raftlens_tracer::recorder::FlightRecorder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{
    Dispatch, Event, Instrument as _, Span, Subscriber, debug_span, info_span, instrument,
};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A span with what was said of it, and what happened in it.
#[derive(Clone, Debug, Default)]
struct Node {
    name: String,
    parent: Option<u64>,
    fields: BTreeMap<String, String>,
    events: Vec<String>,
}

/// A tree as text; children in any order, since threads have none.
fn trees(nodes: &HashMap<u64, Node>) -> Vec<String> {
    fn tree(id: u64, nodes: &HashMap<u64, Node>) -> String {
        let node = &nodes[&id];
        let children = nodes.iter().filter(|(_, child)| child.parent == Some(id));
        let mut children: Vec<_> = children.map(|(child, _)| tree(*child, nodes)).collect();
        children.sort();
        format!("{}{:?}{:?}({})", node.name, node.fields, node.events, children.join(", "))
    }
    let roots = nodes
        .iter()
        .filter(|(_, node)| node.parent.is_none_or(|parent| !nodes.contains_key(&parent)));
    let mut trees: Vec<_> = roots.map(|(id, _)| tree(*id, nodes)).collect();
    trees.sort();
    trees
}

/// A layer that writes down what the registry makes of a program.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// The registry uses ids again; each span gets a number.
    numbers: HashMap<u64, u64>,
    nodes: HashMap<u64, Node>,
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Witness {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        let parent =
            context.span(id).unwrap().parent().map(|parent| seen.numbers[&parent.id().into_u64()]);
        let number = seen.nodes.len() as u64 + 1;
        seen.numbers.insert(id.into_u64(), number);
        let name = attributes.metadata().name().to_owned();
        let mut node = Node { name, parent, ..Node::default() };
        attributes.record(&mut Fields(&mut node.fields));
        seen.nodes.insert(number, node);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        let number = seen.numbers[&id.into_u64()];
        values.record(&mut Fields(&mut seen.nodes.get_mut(&number).unwrap().fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let message = fields.remove("message").unwrap_or_default();
        let mut seen = self.0.lock().unwrap();
        let number = seen.numbers[&span.id().into_u64()];
        seen.nodes.get_mut(&number).unwrap().events.push(format!("{message}{fields:?}"));
    }
}

/// What the recorder made of it, in the same form.
fn recorded(traces: &TraceSet) -> HashMap<u64, Node> {
    let text = |value: &Value| match value {
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Double(number) => format!("{number:?}"),
        other => panic!("{other:?}"),
    };
    let nodes = traces.spans.iter().map(|span| {
        let own = span.attributes.iter().filter(|attribute| {
            !attribute.key.starts_with("code.") && !attribute.key.starts_with("raftlens.")
        });
        let fields =
            own.map(|attribute| (attribute.key.to_string(), text(&attribute.value))).collect();
        let events = span.events.iter().map(|event| {
            let fields: BTreeMap<_, _> = event
                .attributes
                .iter()
                .map(|attribute| (attribute.key.to_string(), text(&attribute.value)))
                .collect();
            format!("{}{fields:?}", event.name)
        });
        let parent = span.parent_span_id.map(|SpanId(parent)| parent);
        (
            span.span_id.0,
            Node { name: span.name.to_string(), parent, fields, events: events.collect() },
        )
    });
    nodes.collect()
}

fn recorder() -> FlightRecorder {
    let recorder = FlightRecorder::builder().build();
    recorder.keep_all_for(Duration::from_secs(3600));
    recorder
}

/// Runs `program` under the registry, the recorder, a tee of both, and the recorder as a layer, and
/// requires the same trees from all.
fn compare(program: impl Fn(&Dispatch)) {
    let run = |dispatch: Dispatch| {
        tracing::dispatcher::with_default(&dispatch, || program(&dispatch));
    };
    let witness = Witness::default();
    run(Dispatch::new(
        tracing_subscriber::registry()
            .with(witness.clone())
            .with(tracing::level_filters::LevelFilter::INFO),
    ));
    let expected = trees(&witness.0.lock().unwrap().nodes);
    assert!(!expected.is_empty());

    let check = |what: &str, recorder: &FlightRecorder| {
        let counts = recorder.counts();
        assert_eq!(counts.lost(), 0, "{what}: {counts:?}");
        assert_eq!(trees(&recorded(&recorder.kept())), expected, "{what}");
        assert_eq!(recorder.memory().blocks_in_use, 0, "{what}: a trace did not end");
    };
    let alone = recorder();
    run(Dispatch::new(alone.clone()));
    check("the recorder alone", &alone);

    let (beside, witness) = (recorder(), Witness::default());
    let other = tracing_subscriber::registry()
        .with(witness.clone())
        .with(tracing::level_filters::LevelFilter::INFO);
    run(Dispatch::new(beside.tee(other)));
    check("the recorder in a tee", &beside);
    assert_eq!(trees(&witness.0.lock().unwrap().nodes), expected, "the other in a tee");

    let layered = recorder();
    run(Dispatch::new(tracing_subscriber::registry().with(layered.layer())));
    check("the recorder as a layer", &layered);
}

#[test]
fn nesting_fields_and_events() {
    #[instrument(fields(later = tracing::field::Empty))]
    fn inner(number: u64, text: &str) {
        Span::current().record("later", number * 2);
        tracing::info!(number, "inside");
        debug_span!("switched off").in_scope(|| tracing::info!("in the nearest that is on"));
    }
    compare(|_| {
        tracing::info!("outside of any span");
        let outer =
            info_span!("outer", float = 0.5, yes = true, shown = %"text", debugged = ?Some(1));
        outer.in_scope(|| {
            inner(7, "seven");
            info_span!(parent: None, "another root").in_scope(|| inner(8, "eight"));
            inner(9, "nine");
        });
        tracing::info!(parent: &outer, "by name");
        drop(info_span!(parent: &outer, "child of one that was left"));
    });
}

#[test]
fn spans_are_entered_again_and_left_in_any_order() {
    compare(|_| {
        let (one, two) = (info_span!("one"), info_span!("two"));
        let first = one.enter();
        let second = two.enter();
        let again = one.enter();
        // Entered again, it is not current again.
        drop(info_span!("in two"));
        drop(first);
        drop(info_span!("still in two"));
        drop(second);
        drop(info_span!("in one"));
        drop(again);
        drop(info_span!("in none"));
    });
}

#[test]
fn handles_outlive_scopes_and_parents() {
    compare(|_| {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| info_span!("child"));
        let copies: Vec<_> = (0..10).map(|_| child.clone()).collect();
        drop((parent, child));
        let grandchild = info_span!(parent: &copies[3], "grandchild");
        drop(copies);
        grandchild.in_scope(|| drop(info_span!("great-grandchild").or_current()));
    });
}

#[test]
fn spans_cross_threads() {
    compare(|dispatch| {
        let root = info_span!("root");
        std::thread::scope(|threads| {
            for number in 0..8_u64 {
                let (root, dispatch) = (root.clone(), dispatch.clone());
                threads.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        root.in_scope(|| {
                            for step in 0..20_u64 {
                                info_span!("step", number, step)
                                    .in_scope(|| tracing::info!(step, "made"));
                            }
                        });
                        drop(root);
                    });
                });
            }
        });
    });
}

#[test]
fn a_span_ends_in_another_thread_than_it_began() {
    compare(|dispatch| {
        for number in 0..50_u64 {
            let request = info_span!("request", number);
            let child = request.in_scope(|| info_span!("sent away"));
            let dispatch = dispatch.clone();
            std::thread::spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    child.in_scope(|| drop(info_span!("worked on")));
                    drop((request, child));
                });
            })
            .join()
            .unwrap();
        }
    });
}

#[test]
fn tasks_keep_their_spans_across_threads_and_awaits() {
    #[instrument]
    async fn fetch(key: u64) -> u64 {
        tokio::task::yield_now().await;
        tracing::info!(key, "fetched");
        info_span!("parse").in_scope(|| key * 2)
    }
    #[instrument]
    async fn request(number: u64) {
        let sent = tokio::spawn(fetch(number).in_current_span());
        let here = fetch(number + 100).await;
        let there = sent.await.unwrap();
        tokio::time::sleep(Duration::from_micros(number)).await;
        tracing::info!(sum = here + there, "done");
    }
    compare(|dispatch| {
        let dispatch = dispatch.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_time()
            .on_thread_start({
                let dispatch = dispatch.clone();
                move || {
                    // For as long as the thread lives.
                    std::mem::forget(tracing::dispatcher::set_default(&dispatch));
                }
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            let requests: Vec<_> = (0..40).map(|number| tokio::spawn(request(number))).collect();
            for request in requests {
                request.await.unwrap();
            }
        });
    });
}

#[test]
fn recursion_has_no_end() {
    #[instrument]
    fn down(depth: u64) {
        if depth > 0 {
            down(depth - 1);
        }
    }
    compare(|_| down(200));
}
