//! OTLP over gRPC out of programs of every kind: with no runtime, inside one of one thread, with a
//! receiver that is not there, and with one that comes back.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use raftlens_tracer::receiver::{Listen, Receiver, Settings};
use raftlens_tracer::{ExportError, InitError, init};
use tokio::runtime::{Builder, Runtime};
use tracing::subscriber::{self, NoSubscriber};
use tracing::{Dispatch, dispatcher};

/// A receiver at `address`, with a runtime of its own.
fn receive(address: SocketAddr, file: &Path) -> (Runtime, Receiver) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        // It stands for another program, which is not recorded.
        .on_thread_start(|| std::mem::forget(subscriber::set_default(NoSubscriber::default())))
        .enable_all()
        .build()
        .unwrap();
    let listen = Listen { grpc: Some(address), http: None };
    let receiver = runtime.block_on(Receiver::start(Settings::new(listen, file))).unwrap();
    (runtime, receiver)
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind(any_port()).unwrap().local_addr().unwrap()
}

#[test]
fn a_receiver_that_is_gone_costs_spans_and_not_the_program() {
    let address = free_address();
    let (subscriber, guard) =
        init().memory().otlp_grpc(format!("http://{address}")).build().unwrap();
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        (0..3).for_each(|_| tracing::info_span!("read").in_scope(|| {}));
    });
    match guard.flush() {
        Err(ExportError::NotDelivered { endpoint, spans: 3, .. }) => {
            assert!(endpoint.contains(&address.to_string()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((guard.counts().dropped, guard.memory().len()), (3, 3));
    guard.shutdown().expect("nothing was lost since");
}

#[test]
fn a_connection_that_was_closed_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, first) = receive(any_port(), &folder.path().join("1.jsonl"));
    let address = first.grpc().unwrap();
    let (subscriber, guard) = init().otlp_grpc(format!("http://{address}")).build().unwrap();
    let dispatch = Dispatch::new(subscriber);
    let send = || {
        dispatcher::with_default(&dispatch, || tracing::info_span!("read").in_scope(|| {}));
        guard.flush()
    };
    send().unwrap();
    assert_eq!(runtime.block_on(first.stop()).unwrap().spans, 1);
    let (runtime, second) = receive(address, &folder.path().join("2.jsonl"));
    send().unwrap();
    assert_eq!(runtime.block_on(second.stop()).unwrap().spans, 1);
}

/// The runtime has one thread, and that waits in `flush` and `shutdown`: whatever needed it to go
/// on would wait forever.
#[test]
fn a_program_whose_runtime_has_one_thread_waits_for_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, receiver) = receive(any_port(), &folder.path().join("out.jsonl"));
    let url = format!("http://{}", receiver.grpc().unwrap());
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let (subscriber, guard) = init().otlp_grpc(url).build().unwrap();
        dispatcher::with_default(&Dispatch::new(subscriber), || {
            tracing::trace_span!("not recorded").in_scope(|| {});
            tracing::info_span!("read").in_scope(|| {});
        });
        guard.flush().unwrap();
        tokio::task::yield_now().await;
        guard.shutdown().unwrap();
    });
    assert_eq!(runtime.block_on(receiver.stop()).unwrap().spans, 1);
}

/// What the connection does is full of spans of its libraries. Were they recorded, sending them would
/// make new ones, without end.
#[test]
fn sending_records_nothing_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, receiver) = receive(any_port(), &folder.path().join("out.jsonl"));
    let url = format!("http://{}", receiver.grpc().unwrap());
    let level = tracing::level_filters::LevelFilter::TRACE;
    let guard = init().level(level).otlp_grpc(url).install().unwrap();
    tracing::info_span!("read").in_scope(|| {});
    guard.flush().unwrap();
    guard.flush().unwrap();
    assert_eq!(guard.counts().started, 1, "sending has added some");
    guard.shutdown().unwrap();
    assert_eq!(runtime.block_on(receiver.stop()).unwrap().spans, 1);
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    let error = init().otlp_grpc("https://collector.example").build().err().unwrap();
    assert!(matches!(error, InitError::Otlp { .. }));
    assert!(error.to_string().contains("TLS"), "{error}");
    assert!(init().otlp_grpc("not an address at all").build().is_err());
}
