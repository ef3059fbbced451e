//! Tells the format of a trace by what it contains. File names lie: Jaeger's UI calls both its own
//! form and OTLP `.json`.
//!
//! Only the keys of the outermost object (or of the first object in a list) are looked at, in a
//! scan that needs neither the whole file nor well-formed JSON.

use super::{Format, FormatError};

/// Tells the format of the trace that begins with `prefix`; the first 64 KB are enough.
///
/// # Errors
///
/// [`FormatError::Empty`], [`FormatError::Unsupported`] with the name of a format that is known
/// but not read, or [`FormatError::Unknown`].
pub fn detect(prefix: &[u8]) -> Result<Format, FormatError> {
    let text = without_byte_order_mark(prefix).trim_ascii_start();
    match text.first() {
        None => Err(FormatError::Empty),
        Some(b'{') => of_object(text),
        Some(b'[') => of_list(&text[1..]),
        Some(_) => Err(of_bytes(prefix)),
    }
}

/// `bytes` without the mark that some Windows programs put in front of UTF-8.
pub(super) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn of_object(text: &[u8]) -> Result<Format, FormatError> {
    let mut keys = Vec::new();
    for (key, value) in TopKeys::new(text) {
        match key {
            b"resourceSpans" => return Ok(otlp_form(text)),
            b"result" if has_key(value, b"resourceSpans") => return Ok(otlp_form(text)),
            b"data" | b"spans" | b"traceID" => return Ok(Format::JaegerJson),
            b"batches" => return Err(tempo()),
            b"traceEvents" | b"displayTimeUnit" => return Ok(Format::ChromeJson),
            b"traceId" if has_key(text, b"id") => return Ok(Format::ZipkinJson),
            b"startTimeMillis" => return Err(elasticsearch()),
            b"trace" if has_key(value, b"resourceSpans") || has_key(value, b"batches") => {
                return Err(tempo());
            }
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
    if has(b"traceId") && has(b"id") {
        return Ok(Format::ZipkinJson);
    }
    if is_nested {
        return Err(FormatError::Unknown { found: "a list of lists without spans".to_owned() });
    }
    if has(b"traceID") || has(b"spans") {
        return Ok(Format::JaegerJson);
    }
    if has(b"ph") {
        return Ok(Format::ChromeJson);
    }
    if has(b"resourceSpans") {
        return Err(FormatError::Unsupported {
            dialect: "a list of OTLP requests",
            advice: "write one request a line, without the list around them",
        });
    }
    Err(FormatError::Unknown { found: "a list of objects that are not traces".to_owned() })
}

fn tempo() -> FormatError {
    FormatError::Unsupported {
        dialect: "Tempo's dialect of OTLP (base64 ids, `batches`)",
        advice: "ask Tempo for OTLP JSON, or save the trace from Grafana as OTLP",
    }
}

fn elasticsearch() -> FormatError {
    FormatError::Unsupported {
        dialect: "Jaeger's Elasticsearch document",
        advice: "fetch the trace from Jaeger's API or UI instead",
    }
}

fn of_bytes(bytes: &[u8]) -> FormatError {
    match bytes {
        [0x1f, 0x8b, ..] => FormatError::Unsupported {
            dialect: "a gzip file",
            advice: "unpack it first: gzip -dc FILE | raftlens draw -",
        },
        [0x28, 0xb5, 0x2f, 0xfd, ..] => FormatError::Unsupported {
            dialect: "a zstd file",
            advice: "unpack it first: zstd -dc FILE | raftlens draw -",
        },
        // Field 1 of a message, a list of messages: how every binary request begins.
        [0x0a, ..] if bytes.iter().any(|byte| *byte < 0x09) => FormatError::Unsupported {
            dialect: "binary OTLP (protobuf)",
            advice: "have the exporter write JSON: the collector's file exporter does by default",
        },
        _ => FormatError::Unknown { found: first_words(bytes) },
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

fn has_key(value: &[u8], wanted: &[u8]) -> bool {
    value.first() == Some(&b'{') && TopKeys::new(value).any(|(key, _)| key == wanted)
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
            (r#"{"batches":[]}"#, "Tempo"),
            ("\u{1f}\u{8b}", "begins with"),
            ("\n\u{1}\u{2}", "protobuf"),
            ("[1,2]", "a list without objects"),
        ] {
            assert!(name(text).contains(expected), "{text:?} gave {:?}", name(text));
        }
        let gzip = detect(&[0x1f, 0x8b, 8, 0]).unwrap_err();
        assert!(gzip.to_string().contains("gzip"), "{gzip}");
    }
}
