//! Cuts Jaeger JSON into its traces. A trace is the least that can be read: the processes that its
//! spans name may stand behind them.

use serde_json::error::Category;

use super::error::{position_of, reason_of};
use super::fault::{Fault, Parsed};
use super::intern::Builder;
use super::jaeger_read;
use super::json_cursor::Cursor;

/// Where in the document the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// In a list of traces, which is the document or the `data` of one.
    List {
        is_first: bool,
        is_in_object: bool,
    },
    /// Behind the `data`.
    AfterData,
    End,
}

/// Reads one trace after another.
#[derive(Default)]
pub(super) struct JaegerTraces {
    place: Place,
}

impl JaegerTraces {
    /// Reads from `bytes` on into `builder` until it has `most_spans` spans or something stands in
    /// the way, which the end of the bytes always does. Gives the number of bytes that were read.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        builder: &mut Builder,
        most_spans: usize,
    ) -> (usize, Parsed<()>) {
        let mut cursor = Cursor::new(bytes);
        while builder.traces.spans.len() < most_spans {
            let before = cursor.at;
            match self.step(&mut cursor, builder) {
                Ok(place) => self.place = place,
                Err(fault) => return (before, Err(fault)),
            }
        }
        (cursor.at, Ok(()))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.place == Place::End
    }

    fn step(&self, cursor: &mut Cursor<'_>, builder: &mut Builder) -> Parsed<Place> {
        match self.place {
            Place::Start => start(cursor, builder),
            Place::List { is_first, is_in_object } => match cursor.next_element(is_first)? {
                true => {
                    trace(cursor, builder)?;
                    Ok(Place::List { is_first: false, is_in_object })
                }
                false if is_in_object => Ok(Place::AfterData),
                false => Ok(Place::End),
            },
            Place::AfterData => match cursor.next_key(false)? {
                Some(_) => cursor.skip().map(|()| Place::AfterData),
                None => Ok(Place::End),
            },
            Place::End => match cursor.peek() {
                Ok(_) => Err(cursor.unexpected("the end")),
                Err(fault) => Err(fault),
            },
        }
    }
}

/// Reads up to the first trace. The document is one if it has a trace's keys.
fn start(cursor: &mut Cursor<'_>, builder: &mut Builder) -> Parsed<Place> {
    let first = cursor.peek()?;
    let start = cursor.at;
    match first {
        b'[' => {
            cursor.at += 1;
            return Ok(Place::List { is_first: true, is_in_object: false });
        }
        b'{' => cursor.at += 1,
        _ => return Err(cursor.wrong_type("a Jaeger trace, or a list of them")),
    }
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        match &*key {
            b"data" => {
                if cursor.peek()? == b'[' {
                    cursor.at += 1;
                    return Ok(Place::List { is_first: true, is_in_object: true });
                }
                trace(cursor, builder)?;
                return Ok(Place::AfterData);
            }
            b"spans" | b"processes" | b"traceID" => {
                cursor.at = start;
                trace(cursor, builder)?;
                return Ok(Place::End);
            }
            _ => cursor.skip()?,
        }
    }
    Ok(Place::End)
}

/// Reads the trace that comes next, once all of it is there.
fn trace(cursor: &mut Cursor<'_>, builder: &mut Builder) -> Parsed<()> {
    cursor.peek()?;
    let start = cursor.at;
    cursor.skip()?;
    let text = &cursor.bytes[start..cursor.at];
    jaeger_read::document(text, builder).map_err(|error| {
        let at = start + position_of(text, &error).byte;
        match error.classify() {
            Category::Data => Fault::invalid(at, reason_of(&error)),
            _ => Fault::syntax(at, reason_of(&error)),
        }
    })
}
