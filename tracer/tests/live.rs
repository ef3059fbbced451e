//! Reading from servers that are no Jaeger of today: an older one without the new interface, one
//! that is too slow, and something else altogether. The real one is in the tests of the command.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use raftlens_tracer::live::{Api, Fetched, JaegerQuery, LiveError};

/// Answers each request by its path, and remembers what was asked.
fn serve(answer: fn(&str) -> Option<(u16, &'static str)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("jaeger:http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&asked);
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut first = String::new();
            stream.read_line(&mut first).unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let target = first.split(' ').nth(1).unwrap().to_owned();
            let path = target.split('?').next().unwrap().to_owned();
            theirs.lock().unwrap().push(target);
            let Some((status, body)) = answer(&path) else {
                silent.push(stream);
                continue;
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.get_mut().write_all(head.as_bytes()).unwrap();
            stream.get_mut().write_all(body.as_bytes()).unwrap();
        }
    });
    (address, asked)
}

fn fetch(address: &str, parameters: &str) -> Result<Fetched, LiveError> {
    format!("{address}{parameters}").parse::<JaegerQuery>()?.fetch()
}

const PAGE: &str = "<!doctype html><title>Jaeger UI</title>";
const TRACE: &str = r#"{"data":[{"traceID":"1","spans":[{"traceID":"1","spanID":"2",
    "operationName":"read","startTime":5,"duration":1,"processID":"p1","tags":[]}],
    "processes":{"p1":{"serviceName":"shop"}}}]}"#;

#[test]
fn an_older_jaeger_is_asked_through_the_interface_that_it_has() {
    for answer in [
        // Its pages answer for what it does not know, or its server does.
        (|path| Some(if path == "/ui/api/traces" { (200, TRACE) } else { (200, PAGE) }))
            as fn(&str) -> _,
        |path| {
            Some(if path == "/ui/api/traces" { (200, TRACE) } else { (404, "404 page not found") })
        },
    ] {
        let (address, asked) = serve(answer);
        let fetched = fetch(&address, "/ui?service=shop&lookback=5m&limit=1").unwrap();
        assert_eq!((fetched.api, fetched.report.traces.spans.len()), (Api::Legacy, 1));
        assert!(fetched.is_limit_reached);
        let asked = asked.lock().unwrap();
        assert!(asked[0].starts_with("/ui/api/v3/traces?query.service_name=shop&"), "{asked:?}");
        assert!(asked[1].starts_with("/ui/api/traces?service=shop&"), "{asked:?}");
        drop(asked);
        let error = fetch(&address, "/ui?service=shop&api=v3").unwrap_err();
        assert!(matches!(error, LiveError::NotJaeger { .. }), "{error}");
    }
}

#[test]
fn something_else_is_told_from_jaeger() {
    let (address, _) = serve(|_| Some((200, PAGE)));
    match fetch(&address, "?service=shop") {
        Err(LiveError::NotJaeger { found, .. }) => assert!(found.contains("Jaeger UI")),
        other => panic!("{other:?}"),
    }
    let (address, _) = serve(|_| Some((500, r#"{"errors":[{"code":500,"msg":"no storage"}]}"#)));
    match fetch(&address, "?service=shop") {
        Err(LiveError::Status { status: 500, body, .. }) => assert_eq!(body, "no storage"),
        other => panic!("{other:?}"),
    }
    let (address, _) = serve(|_| Some((200, r#"{"result":{"resourceSpans":[{"scopeSpans":[{"#)));
    let error = fetch(&address, "?service=shop").unwrap_err();
    assert!(matches!(error, LiveError::Format { .. }), "{error}");
}

#[test]
fn silence_and_absence_are_told_apart() {
    let (address, _) = serve(|_| None);
    let error = fetch(&address, "?service=shop&timeout=1ms").unwrap_err();
    assert!(matches!(error, LiveError::Timeout { .. }), "{error}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fetch(&format!("jaeger:http://{free}"), "?service=shop").unwrap_err();
    assert!(matches!(error, LiveError::Unreachable { .. }), "{error}");
}
