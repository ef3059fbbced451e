//! The least client of HTTP that a test can send anything with, also what no library would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A request that was begun: `headers` are sent with the length of `body`, and a part of it.
pub(crate) fn begin(address: SocketAddr, first: &str, body: &[u8], sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{first}\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..sent]).unwrap();
    stream
}

/// A request whose body the server waits for, of which nothing is sent: it has room for it.
pub(crate) fn begin_accepted(address: SocketAddr, first: &str, body: &[u8]) -> TcpStream {
    const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut stream = begin(address, &format!("{first}\r\nExpect: 100-continue"), body, 0);
    let mut answer = [0; GO_ON.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, GO_ON);
    stream
}

/// The rest of the body, and the answer.
pub(crate) fn end(mut stream: TcpStream, rest: &[u8]) -> Answer {
    stream.write_all(rest).unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    answer.body.resize(length, 0);
    stream.read_exact(&mut answer.body).unwrap();
    answer
}

/// Sends a request whole.
pub(crate) fn send(address: SocketAddr, first: &str, body: &[u8]) -> Answer {
    end(begin(address, first, body, 0), body)
}

/// Posts traces.
pub(crate) fn post(address: SocketAddr, content_type: &str, body: &[u8]) -> Answer {
    send(address, &format!("POST /v1/traces HTTP/1.1\r\nContent-Type: {content_type}"), body)
}
