//! A stream of made-up spans of any length, in each of OTLP's forms. It is made while it is read: a
//! few megabytes are written once and come again and again, each time with other trace ids.

use std::io::{self, Read};
use std::str::FromStr;

use raftlens_tracer::format::{Format, write};

use crate::spans::Maker;

/// What is repeated; larger than the caches, and more different texts than a reader keeps.
const BLOCK_BYTES: usize = 8 << 20;
const SPANS_A_REQUEST: usize = 200;
const HEAD: &[u8] = b"{\"resourceSpans\":[";
const TAIL: &[u8] = b"]}";
/// What stands before the ids that are changed in JSON.
const TRACE_ID: &[u8] = b"\"traceId\":\"";
const ID_DIGITS: usize = 8;

/// How the spans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A request a line.
    Lines,
    /// One request, all of it on one line.
    Document,
    /// One request in protobuf.
    Protobuf,
}

impl FromStr for Form {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "lines" => Ok(Form::Lines),
            "document" => Ok(Form::Document),
            "protobuf" => Ok(Form::Protobuf),
            _ => Err(format!("there is no form {name:?}; take lines, document or protobuf")),
        }
    }
}

/// About as many bytes as are wanted, whole in its form.
pub struct MadeStream {
    form: Form,
    block: Vec<u8>,
    /// Where in the block the trace ids stand.
    ids: Vec<usize>,
    /// The next byte of the block, and how often it was begun.
    at: usize,
    round: u32,
    bytes_left: u64,
    /// What comes behind the last block.
    end: &'static [u8],
}

impl MadeStream {
    pub fn new(form: Form, bytes: u64) -> Self {
        let mut maker = Maker::new(7);
        let mut block = Vec::new();
        while block.len() < BLOCK_BYTES.min(bytes as usize) {
            let request = maker.request(SPANS_A_REQUEST);
            let format =
                if form == Form::Protobuf { Format::OtlpProtobuf } else { Format::OtlpJson };
            let mut text = Vec::new();
            // Writing to memory does not fail.
            let _ = write(&request, &mut text, format);
            if form == Form::Document {
                let groups = text.trim_ascii_end();
                let groups = groups.strip_prefix(HEAD).unwrap_or(groups);
                text = groups.strip_suffix(TAIL).unwrap_or(groups).to_vec();
                text.push(b',');
            }
            block.extend(text);
        }
        let windows = block.windows(TRACE_ID.len()).enumerate();
        let ids = windows.filter(|(_, window)| *window == TRACE_ID);
        let ids = ids.map(|(at, _)| at + TRACE_ID.len()).collect();
        let mut stream =
            MadeStream { form, block, ids, at: 0, round: 0, bytes_left: bytes, end: b"" };
        if form == Form::Document {
            stream.end = b"{}]}";
            stream.block.splice(0..0, HEAD.iter().copied());
            stream.ids.iter_mut().for_each(|at| *at += HEAD.len());
        }
        stream
    }

    /// Begins the block again, with other ids.
    fn next_round(&mut self) {
        // Only the first block has a head.
        self.at = if self.form == Form::Document { HEAD.len() } else { 0 };
        self.round += 1;
        let digits = format!("{:08x}", self.round);
        for at in &self.ids {
            self.block[*at..at + ID_DIGITS].copy_from_slice(digits.as_bytes());
        }
    }
}

impl Read for MadeStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            // Only behind a whole block may the stream end.
            if self.bytes_left == 0 {
                let end = self.end.read(buffer)?;
                return Ok(end);
            }
            self.next_round();
        }
        let bytes = (&self.block[self.at..]).read(buffer)?;
        self.at += bytes;
        self.bytes_left = self.bytes_left.saturating_sub(bytes as u64);
        Ok(bytes)
    }
}
