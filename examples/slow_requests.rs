//! A web service that has nothing to do with Raft: its slow requests as Jaeger JSON and as a chart.
//!
//! `cargo run --release --example slow_requests -- out` starts it on a free port of this machine,
//! asks it for 60 orders, one of which waits for a lock, and leaves `out/slow.jaeger.json` and
//! `out/slow.svg`.

#![allow(clippy::print_stdout)]

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use raftlens_tracer::TraceContext;
use raftlens_tracer::format::Format;
use raftlens_tracer::recorder::{DumpTo, FlightRecorder, Reason};
use raftlens_viz::{DrawOptions, FlowGraph, Options, draw};
use tokio::net::TcpListener;
use tracing::{Instrument as _, info_span};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // The five lines: every request is recorded, those beyond 100 ms are kept.
    let recorder = FlightRecorder::builder()
        .service_name("shop")
        .keep_slower_than("request", Duration::from_millis(100))
        .build();
    tracing::subscriber::set_global_default(recorder.clone())?;

    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(serve(listener));
    (1..=60).try_for_each(|order| ask_for(address, order))?;

    let out = std::env::args().nth(1).unwrap_or_else(|| "out".to_owned());
    report(&recorder, Path::new(&out))
}

/// Writes what was kept, as traces and as a chart.
fn report(recorder: &FlightRecorder, out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out)?;
    recorder.dump(&DumpTo { path: out.join("slow.jaeger.json"), format: Format::JaegerJson })?;
    let options = Options { title: "Slow requests".to_owned(), ..Options::default() };
    let slow: Vec<_> =
        recorder.kept_traces().into_iter().filter(|one| one.reasons.has(Reason::Slow)).collect();
    let mut traces = recorder.kept();
    traces.spans = slow.iter().flat_map(|trace| trace.spans.clone()).collect();
    let chart = draw(&FlowGraph::from_trace(&traces, &options)?, &DrawOptions::default())?;
    std::fs::write(out.join("slow.svg"), chart)?;
    println!("{} requests, {} slow ones kept", recorder.counts().traces, slow.len());
    Ok(())
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let service =
                service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
            // A client that goes away ends its connection, nothing more.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// One request, one trace: of its own, or of whoever has sent it.
async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let span = info_span!(parent: None, "request", otel.kind = "server", url.path = path);
    let sender = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(sender) = sender.and_then(|text| text.parse().ok()) {
        TraceContext::continue_from(&span, sender);
    }
    async move {
        let order = path.trim_start_matches("/order/").parse().unwrap_or(0);
        look_up(order).await;
        let price = price(order).await;
        Response::new(Full::new(Bytes::from(format!("order {order}: {price} crowns\n"))))
    }
    .instrument(span)
    .await
}

#[tracing::instrument]
async fn look_up(order: u64) {
    tokio::task::yield_now().await;
}

#[tracing::instrument]
async fn price(order: u64) -> u64 {
    if order == 42 {
        wait_for_lock(order).await;
    }
    order * 3
}

#[tracing::instrument]
async fn wait_for_lock(order: u64) {
    tokio::time::sleep(Duration::from_millis(120)).await;
}

/// Asks as a browser would, and waits for the answer.
fn ask_for(address: SocketAddr, order: u64) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /order/{order} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.contains(&format!("order {order}:")) {
        Ok(())
    } else {
        Err(format!("the shop answered {answer:?}").into())
    }
}
