//! Tells the format of a trace by what it contains. File names lie: Jaeger's UI calls both its own
//! form and OTLP `.json`.
//!
//! Of JSON, only the keys of the outermost object (or of the first object in a list) are looked at, in
//! a scan that needs neither the whole file nor well-formed JSON. Of other bytes, it is seen whether
//! they can be a request in protobuf.

use super::proto_shape::{framing_of, other_message};
use super::unpack::packing_of;
use super::{Format, FormatError};

/// Tells the format of the trace that begins with `prefix`; the first 64 KB are enough. Packed bytes
/// must be unpacked before; [`read`](super::read()) and [`stream`](super::stream()) do that
/// themselves.
///
/// # Errors
///
/// [`FormatError::Empty`], [`FormatError::Unsupported`] with the name of a format that is known
/// but not read, or [`FormatError::Unknown`].
pub fn detect(prefix: &[u8]) -> Result<Format, FormatError> {
    if !is_text(prefix) {
        return of_bytes(prefix);
    }
    let text = without_byte_order_mark(prefix).trim_ascii_start();
    match text.first() {
        None => Err(FormatError::Empty),
        Some(b'{') => of_object(text),
        Some(b'[') => of_list(&text[1..]),
        Some(_) => Err(FormatError::Unknown { found: first_words(prefix) }),
    }
}

/// `bytes` without the mark that some Windows programs put in front of UTF-8.
pub(super) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Whether `prefix` can be JSON: no control characters but white space. In protobuf there is one in
/// every message, since low numbers of fields make low tags. What is wrong behind the first bracket
/// is for the parser to say.
fn is_text(prefix: &[u8]) -> bool {
    let is_other = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let begins_as_json =
        matches!(without_byte_order_mark(prefix).trim_ascii_start().first(), Some(b'{' | b'['));
    begins_as_json && framing_of(prefix).is_none() || !prefix.iter().any(is_other)
}

fn of_object(text: &[u8]) -> Result<Format, FormatError> {
    let mut keys = Vec::new();
    for (key, value) in TopKeys::new(text) {
        match key {
            b"resourceSpans" | b"batches" => return Ok(otlp_form(text)),
            b"result" | b"trace"
                if has_key(value, b"resourceSpans") || has_key(value, b"batches") =>
            {
                return Ok(otlp_form(text));
            }
            b"result" if has_key(value, b"spans") => return Err(jaeger_domain()),
            b"startTimeMillis" | b"_source" | b"hits" => return Err(elasticsearch()),
            b"spans" if has_key(value, b"traceId") => return Err(jaeger_domain()),
            b"data" | b"spans" => return Ok(Format::JaegerJson),
            // Also the first key of a span in Elasticsearch.
            b"traceID" if !has_key(text, b"startTimeMillis") => return Ok(Format::JaegerJson),
            b"traceEvents" | b"displayTimeUnit" => return Ok(Format::ChromeJson),
            b"traceId" if has_key(text, b"id") => return Ok(Format::ZipkinJson),
            _ => keys.push(String::from_utf8_lossy(&key[..key.len().min(40)]).into_owned()),
        }
        if keys.len() == 8 {
            break;
        }
    }
    if keys.is_empty() && TopKeys::new(text).is_closed() {
        // An empty request is a valid one: exporters write it when there was nothing to send.
        return Ok(otlp_form(text));
    }
    let found = match keys.is_empty() {
        true => "an object that is cut off before its first key".to_owned(),
        false => format!("an object with the keys {}", keys.join(", ")),
    };
    Err(FormatError::Unknown { found })
}

fn of_list(after_bracket: &[u8]) -> Result<Format, FormatError> {
    let first = after_bracket.trim_ascii_start();
    // Zipkin answers a search with a list of lists.
    let (first, is_nested) = match first.strip_prefix(b"[") {
        Some(inner) => (inner.trim_ascii_start(), true),
        None => (first, false),
    };
    if first.first() != Some(&b'{') {
        return Err(FormatError::Unknown { found: "a list without objects".to_owned() });
    }
    let keys: Vec<_> = TopKeys::new(first).map(|(key, _)| key).collect();
    let has = |key: &[u8]| keys.contains(&key);
    if has(b"binaryAnnotations") {
        return Err(FormatError::Unsupported {
            dialect: "Zipkin's version 1",
            advice: "ask Zipkin's API for version 2: /api/v2/trace/ID",
        });
    }
    if has(b"traceId") && has(b"id") {
        return Ok(Format::ZipkinJson);
    }
    if is_nested {
        return Err(FormatError::Unknown { found: "a list of lists without spans".to_owned() });
    }
    if has(b"traceID") || has(b"spans") {
        return Ok(Format::JaegerJson);
    }
    if has(b"startTimeMillis") || has(b"_source") {
        return Err(elasticsearch());
    }
    if has(b"ph") {
        return Ok(Format::ChromeJson);
    }
    if has(b"resourceSpans") || has(b"batches") {
        return Ok(Format::OtlpJson);
    }
    Err(FormatError::Unknown { found: "a list of objects that are not traces".to_owned() })
}

fn jaeger_domain() -> FormatError {
    FormatError::Unsupported {
        dialect: "Jaeger's protobuf JSON (base64 ids, times as texts)",
        advice: "ask its api_v3 for OTLP JSON, or download the trace from its UI",
    }
}

fn elasticsearch() -> FormatError {
    FormatError::Unsupported {
        dialect: "Jaeger's Elasticsearch document",
        advice: "fetch the trace from Jaeger's API or UI instead",
    }
}

fn of_bytes(bytes: &[u8]) -> Result<Format, FormatError> {
    if framing_of(bytes).is_some() {
        return Ok(Format::OtlpProtobuf);
    }
    let unsupported = |dialect, advice| Err(FormatError::Unsupported { dialect, advice });
    if packing_of(bytes).is_some() {
        return unsupported(
            "what is packed twice",
            "unpack it once; files that are packed once are read as they are",
        );
    }
    match bytes {
        // A message of Thrift's binary or compact protocol, or a bare `Batch`.
        [0x80, 0x01, ..] | [0x82, 0x21 | 0x41 | 0x81, ..] | [0x0c, 0x00, 0x01, ..] => {
            unsupported("Jaeger's Thrift", "send it to a collector and export OTLP from there")
        }
        _ => match other_message(bytes) {
            Some(dialect) => {
                unsupported(dialect, "export OTLP from the program or collector that wrote it")
            }
            None => Err(FormatError::Unknown { found: first_words(bytes) }),
        },
    }
}

fn first_words(bytes: &[u8]) -> String {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]);
    format!("it begins with {start:?}")
}

/// JSON lines if the first request ends where its line ends.
fn otlp_form(text: &[u8]) -> Format {
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
    let mut keys = TopKeys::new(first_line);
    keys.by_ref().for_each(drop);
    // A line that is longer than the prefix is no indented document, so it is a line.
    let is_cut_line = first_line.len() == text.len();
    if keys.is_closed() || is_cut_line { Format::OtlpJsonLines } else { Format::OtlpJson }
}

/// Whether the object at the beginning of `value`, or the first one of the list there, has a key.
fn has_key(value: &[u8], wanted: &[u8]) -> bool {
    let object = value.strip_prefix(b"[").unwrap_or(value).trim_ascii_start();
    object.first() == Some(&b'{') && TopKeys::new(object).any(|(key, _)| key == wanted)
}

/// The keys of the object at the beginning of `text`, each with the text from its value on.
struct TopKeys<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    /// Whether the next string in the outermost object is a key.
    expects_key: bool,
}

impl<'a> TopKeys<'a> {
    fn new(text: &'a [u8]) -> Self {
        TopKeys { text, at: 0, depth: 0, expects_key: true }
    }

    /// Whether the object's end was seen; scans to it if need be.
    fn is_closed(&mut self) -> bool {
        self.by_ref().for_each(drop);
        self.at > 0 && self.depth == 0
    }

    /// The text of the string that begins at the current quote; moves past it.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.text.get(end)? {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        self.text.get(start..end)
    }
}

impl<'a> Iterator for TopKeys<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    let Some(string) = self.string() else {
                        // A string that is cut off: nothing follows, and nothing is closed.
                        self.at = self.text.len();
                        return None;
                    };
                    if self.depth == 1 && std::mem::take(&mut self.expects_key) {
                        let rest = self.text[self.at..].trim_ascii_start();
                        let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
                        return Some((string, value));
                    }
                    continue;
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        // What follows belongs to the next document.
                        self.text = &self.text[..=self.at];
                    }
                }
                b',' if self.depth == 1 => self.expects_key = true,
                _ => {}
            }
            self.at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        match detect(text.as_bytes()) {
            Ok(format) => format.name().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn formats_are_told_by_their_keys() {
        for (text, expected) in [
            (r#"{"resourceSpans":[]}"#, "otlp-jsonl"),
            ("{\"resourceSpans\":[]}\n{\"resourceSpans\":[]}\n", "otlp-jsonl"),
            ("{\n \"resourceSpans\": []\n}\n", "otlp-json"),
            ("\u{feff}{\n \"x\":{\"data\":[\"}\\\"\"]}, \"resourceSpans\": []\n}", "otlp-json"),
            (r#"{"result":{"resourceSpans":[]}}"#, "otlp-jsonl"),
            ("{}", "otlp-jsonl"),
            (r#"{"batches":[]}"#, "otlp-jsonl"),
            (r#"{"trace":{"resourceSpans":[]}}"#, "otlp-jsonl"),
            ("[\n{\"resourceSpans\":[]}\n]", "otlp-json"),
            (r#"{"total":0,"data":[]}"#, "jaeger"),
            (r#"{"spans":[],"processes":{}}"#, "jaeger"),
            (r#"[{"traceID":"1","spans":[]}]"#, "jaeger"),
            (r#"{"displayTimeUnit":"ns","traceEvents":[]}"#, "chrome"),
            (r#"[{"name":"a","ph":"B"}"#, "chrome"),
            (r#"[{"traceId":"1","id":"2"}]"#, "zipkin"),
            (r#"[[{"traceId":"1","id":"2"}]]"#, "zipkin"),
            (r#"{"traceId":"1","id":"2"}"#, "zipkin"),
            (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"cut he"#, "otlp-jsonl"),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        for (text, expected) in [
            ("", "empty"),
            ("  \n", "empty"),
            ("hello", "it begins with \"hello\""),
            (r#"{"name":"x","spam":[1]}"#, "the keys name, spam"),
            (r#"{"result":{"spans":[]}}"#, "Jaeger's protobuf JSON"),
            (r#"{"spans":[{"traceId":"AAAA","startTime":"2026-"}]}"#, "Jaeger's protobuf JSON"),
            (r#"{"traceID":"1","spanID":"2","startTimeMillis":3}"#, "Elasticsearch"),
            (r#"{"took":1,"hits":{"hits":[{"_source":{}}]}}"#, "Elasticsearch"),
            (r#"[{"traceId":"1","id":"2","binaryAnnotations":[]}]"#, "Zipkin's version 1"),
            ("[1,2]", "a list without objects"),
        ] {
            assert!(name(text).contains(expected), "{text:?} gave {:?}", name(text));
        }
        for (bytes, expected) in [
            (&b"\x1f\x8b\x08\x00"[..], "packed twice"),
            (b"\x0a\x04\x08\x01\x10\x02\x0a\x04\x08\x03\x10\x04", "pprof"),
            (b"\x0a\x40\x0a\x10ABCDEFGHABCDEFGH\x1a\x08ABCDEFGH", "Zipkin's protobuf"),
            (b"\x0a\x40\x0a\x10ABCDEFGHABCDEFGH\x12\x08ABCDEFGH\x1a\x04read", "Jaeger's protobuf"),
            (b"\x0a\x10\x50\x01\xa2\x01\x00\x00", "Perfetto"),
            (b"\x80\x01\x00\x01\x00\x00", "Thrift"),
            (b"\xff\xd8\xff\xe0\x00", "it begins with"),
        ] {
            let error = detect(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{bytes:?} gave {error}");
        }
    }
}
