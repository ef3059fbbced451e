//! Against a real Jaeger: what a demonstration sends is what can be read back, span by span and
//! chart by chart. `make test-jaeger` gets a Jaeger and runs it.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

mod server;
#[path = "../spans/mod.rs"]
mod spans;

use std::path::{Path, PathBuf};
use std::process::Command;

use raftlens_tracer::format::{self, Format};
use raftlens_tracer::live::{Api, Fetched, JaegerQuery, LiveError};
use raftlens_tracer::model::{Span, TraceSet};
use raftlens_tracer::receiver::{Receiver, Settings};
use server::Jaeger;
use spans::{assert_same, read};

/// More traces than a demonstration makes.
const ALL: &str = "service=raftlens&limit=90000";

fn raftlens(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.env("TMPDIR", temporary);
    for variable in ["ENDPOINT", "PROTOCOL", "TRACES_ENDPOINT", "TRACES_PROTOCOL"] {
        command.env_remove(format!("OTEL_EXPORTER_OTLP_{variable}"));
    }
    command
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a demonstration whose spans go to a file and over the network; yields the file.
fn demonstrate(folder: &Path, protocol: &str, endpoint: &str) -> PathBuf {
    let mut command = raftlens(folder);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
    succeed(command.args(["demo", "--out", "out"]).current_dir(folder));
    folder.join("out/traces.otlp.jsonl")
}

fn fetch(jaeger: &Jaeger, parameters: &str) -> Fetched {
    jaeger.query(parameters).parse::<JaegerQuery>().unwrap().fetch().unwrap()
}

/// What Jaeger's legacy interface leaves of a span: microseconds, links without details, no flags.
fn in_legacy(mut traces: TraceSet) -> TraceSet {
    let cut = |ns: u64| ns / 1_000 * 1_000;
    for span in &mut traces.spans {
        span.flags = 0;
        span.end_ns = cut(span.start_ns) + cut(span.end_ns - span.start_ns);
        span.start_ns = cut(span.start_ns);
        span.events.iter_mut().for_each(|event| event.time_ns = cut(event.time_ns));
        for link in &mut span.links {
            link.attributes.clear();
            link.flags = 0;
        }
    }
    traces
}

fn chart(folder: &Path, input: &str) -> String {
    succeed(raftlens(folder).args(["draw", input, "--title", "all reads"]))
}

fn sends_and_reads_back(protocol: &str, endpoint: fn(&Jaeger) -> String) {
    let jaeger = Jaeger::start();
    let folder = tempfile::tempdir().unwrap();
    let file = demonstrate(folder.path(), protocol, &endpoint(&jaeger));
    let truth = read(&file);
    assert!(truth.spans.iter().any(|span| !span.links.is_empty()), "there are hand-overs");

    let fetched = fetch(&jaeger, ALL);
    assert_eq!(fetched.api, Api::V3, "it comes first");
    assert_same(&fetched.report.traces, &truth);
    let of_file = chart(folder.path(), file.to_str().unwrap());
    assert!(chart(folder.path(), &jaeger.query(ALL)) == of_file, "the chart differs");

    let legacy = format!("{ALL}&api=legacy");
    let expected = in_legacy(truth);
    assert_same(&fetch(&jaeger, &legacy).report.traces, &expected);
    let cut = folder.path().join("cut.otlp.jsonl");
    format::write_file(&expected, &cut, Format::OtlpJsonLines).unwrap();
    let of_cut = chart(folder.path(), cut.to_str().unwrap());
    assert!(chart(folder.path(), &jaeger.query(&legacy)) == of_cut, "the legacy chart differs");
}

#[test]
#[ignore = "needs a Jaeger: make test-jaeger"]
fn what_is_sent_over_grpc_can_be_read_back() {
    sends_and_reads_back("grpc", Jaeger::otlp_grpc);
}

#[test]
#[ignore = "needs a Jaeger: make test-jaeger"]
fn what_is_sent_over_http_can_be_read_back() {
    sends_and_reads_back("http/protobuf", Jaeger::otlp_http);
}

#[test]
#[ignore = "needs a Jaeger: make test-jaeger"]
fn a_search_finds_what_it_names_and_says_what_it_misses() {
    let jaeger = Jaeger::start();
    let folder = tempfile::tempdir().unwrap();
    let file = demonstrate(folder.path(), "grpc", &jaeger.otlp_grpc());
    let truth = read(&file);
    let refused = |parameters: &str| {
        jaeger.query(parameters).parse::<JaegerQuery>().unwrap().fetch().unwrap_err()
    };
    // One trace, by its id, through both interfaces.
    let wanted = truth.spans.iter().max_by_key(|span| span.duration_ns()).unwrap();
    let mut alone = truth.clone();
    alone.spans.retain(|span| span.trace_id == wanted.trace_id);
    let by_id = format!("traceID={}", wanted.trace_id);
    assert_same(&fetch(&jaeger, &by_id).report.traces, &alone);
    let legacy = fetch(&jaeger, &format!("{by_id}&api=legacy"));
    assert_same(&legacy.report.traces, &in_legacy(alone));
    let mode = truth.spans.iter().find_map(|span| span.text("read.mode")).unwrap();
    // Whole traces come for a span that matches.
    for (filter, matches) in [
        (
            format!("operation={}&minDuration={}ns", wanted.name, wanted.duration_ns()),
            Box::new(|span: &Span| {
                span.name == wanted.name && span.duration_ns() >= wanted.duration_ns()
            }) as Box<dyn Fn(&Span) -> bool>,
        ),
        (format!("tags=read.mode={mode}"), Box::new(|span| span.text("read.mode") == Some(mode))),
    ] {
        let ids = |traces: &TraceSet, keep: &dyn Fn(&Span) -> bool| {
            let kept = traces.spans.iter().filter(|span| keep(span));
            kept.map(|span| span.trace_id).collect::<std::collections::BTreeSet<_>>()
        };
        let expected = ids(&truth, &matches);
        assert!(!expected.is_empty(), "{filter} is about nothing");
        let found = fetch(&jaeger, &format!("{ALL}&{filter}")).report.traces;
        assert_eq!(ids(&found, &|_| true), expected, "{filter}");
    }
    let few = fetch(&jaeger, "service=raftlens&limit=3");
    assert!(few.is_limit_reached && !fetch(&jaeger, ALL).is_limit_reached);
    match refused("service=raftlenz") {
        LiveError::UnknownService { services, .. } => assert_eq!(services, ["raftlens"]),
        other => panic!("{other}"),
    }
    assert!(
        matches!(refused("lookback=1h"), LiveError::NoService { services } if services == ["raftlens"])
    );
    for nothing in ["service=raftlens&operation=none", "traceID=1", "traceID=1&api=legacy"] {
        assert!(matches!(refused(nothing), LiveError::NoTraces { .. }), "{nothing}");
    }
    let output =
        raftlens(folder.path()).args(["draw", &jaeger.query("servis=x")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "a wrong call");
}

/// Both are written by others, in another language: what they take for right, we should take.
#[test]
#[ignore = "needs a Jaeger: make test-jaeger"]
fn what_a_collector_forwards_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let names = ["otlp", "otlphttp/protobuf", "otlphttp/json"];
    let receivers = ["grpc", "protobuf", "json"].map(|name| {
        let settings = Settings::new("0,0".parse().unwrap(), folder.path().join(name));
        runtime.block_on(Receiver::start(settings)).unwrap()
    });
    let settings = [
        // Packed with gzip, unless it is told otherwise.
        format!("    endpoint: {}\n    tls: {{insecure: true}}\n", receivers[0].grpc().unwrap()),
        format!("    endpoint: http://{}\n", receivers[1].http().unwrap()),
        format!(
            "    endpoint: http://{}\n    encoding: json\n    compression: none\n",
            receivers[2].http().unwrap()
        ),
    ];
    let exporters: Vec<_> = names.into_iter().zip(settings).collect();
    let jaeger = Jaeger::start_forwarding(&exporters);
    let truth = read(&demonstrate(folder.path(), "grpc", &jaeger.otlp_grpc()));
    for receiver in receivers {
        let counts = runtime.block_on(receiver.stop()).unwrap();
        assert_eq!((counts.refused_total(), counts.rejected_spans), (0, 0));
        assert_same(&read(&counts.files[0]), &truth);
    }
}
