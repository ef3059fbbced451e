//! OTLP over HTTP against a receiver of our own on loopback: what arrives, and what happens when
//! nothing does. It looks into the protobuf with the few lines that takes.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![cfg(feature = "otlp")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use raftlens_tracer::{ExportError, InitError, TraceContext, init};
use tracing::{Dispatch, dispatcher};

/// Answers every request with 200 and passes on its path and body.
fn receiver() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (to_test, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let to_test = to_test.clone();
            thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                while let Some(request) = next_request(&mut stream) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    stream.get_mut().write_all(answer).unwrap();
                    to_test.send(request).unwrap();
                }
            });
        }
    });
    (url, requests)
}

fn next_request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    if stream.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first.split(' ').nth(1)?.to_owned(), body))
}

/// The contents of all fields `number` of a protobuf message that have a length.
fn fields(message: &[u8], number: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = 0;
    let varint = |at: &mut usize| {
        let mut value = 0_u64;
        for shift in (0..).step_by(7) {
            let byte = message[*at];
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    };
    while at < message.len() {
        let tag = varint(&mut at);
        match tag & 7 {
            0 => drop(varint(&mut at)),
            1 => at += 8,
            5 => at += 4,
            _ => {
                let length = varint(&mut at) as usize;
                if tag >> 3 == number {
                    found.push(&message[at..at + length]);
                }
                at += length;
            }
        }
    }
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn spans_arrive_with_their_service_and_hand_overs_without_a_parent() {
    let (url, requests) = receiver();
    let (subscriber, guard) = init().service_name("store-1").otlp(url).build().unwrap();
    let mut context = None;
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        let read = tracing::info_span!("read", number = 7_u64);
        context = TraceContext::of(&read);
        let child = tracing::info_span!(parent: &read, "child");
        drop((child, read));
        let callback = tracing::info_span!(parent: None, "callback");
        assert!(TraceContext::follow(&callback, context.unwrap(), "callback"));
    });
    guard.flush().unwrap();
    let (path, body) = requests.recv().unwrap();
    assert_eq!(path, "/v1/traces");
    let resource_spans = fields(&body, 1);
    assert!(contains(fields(resource_spans[0], 1)[0], "store-1"), "the service's name");
    let mut spans = Vec::new();
    for scope_spans in fields(resource_spans[0], 2) {
        spans.extend(fields(scope_spans, 2));
    }
    let named =
        |name: &str| *spans.iter().find(|span| fields(span, 5)[0] == name.as_bytes()).unwrap();
    let id = context.unwrap().span_id.0.to_be_bytes();
    assert_eq!(fields(named("child"), 4), [&id[..]], "a child has its parent");
    let callback = named("callback");
    assert!(fields(callback, 4).iter().all(|parent| parent.is_empty()), "a hand-over has none");
    assert_eq!(fields(callback, 1), fields(named("read"), 1), "but it is in the same trace");
    let links = fields(callback, 13);
    assert_eq!((links.len(), fields(links[0], 2)), (1, vec![&id[..]]));
    assert!(contains(links[0], "link.kind"));
    let is_number = |pair: &&[u8]| fields(pair, 1) == [b"number"];
    let number = fields(named("read"), 9).into_iter().find(is_number).unwrap();
    assert_eq!(fields(number, 2), [[0x18, 7]], "an integer, not a text");
    let counts = guard.shutdown().unwrap();
    assert_eq!((counts.ended, counts.dropped), (3, 0));
}

#[test]
fn a_receiver_that_is_gone_costs_spans_and_not_the_program() {
    // A port that was free a moment ago, and that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (subscriber, guard) = init().memory().otlp(format!("http://{address}")).build().unwrap();
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        (0..3).for_each(|_| tracing::info_span!("read").in_scope(|| {}));
    });
    match guard.flush() {
        Err(ExportError::NotDelivered { endpoint, spans: 3, .. }) => {
            assert!(endpoint.contains(&address.to_string()));
        }
        other => panic!("{other:?}"),
    }
    guard.flush().expect("each loss is told once");
    assert_eq!(guard.counts().dropped, 3);
    assert_eq!(guard.memory().len(), 3);
    guard.shutdown().expect("nothing was lost since");
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    let error = init().otlp("https://collector.example").build().err().unwrap();
    assert!(matches!(error, InitError::Otlp { .. }));
    assert!(error.to_string().contains("TLS"), "{error}");
}
