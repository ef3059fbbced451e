//! Reads OTLP JSON: `resourceSpans` > `scopeSpans` > `spans`, in one document or in several that
//! follow one another, as JSON lines do.
//!
//! The outer levels are walked step by step with a stack of their own, so that a window which holds
//! a few spans is enough for a document of any size; spans, resources and scopes are parsed as a
//! whole. Other programs wrap the same groups differently, which costs a few names here: Jaeger's
//! api_v3 has them in `result`, Tempo in `trace` or calls them `batches`, some write a list of
//! requests, and files from before 2022 have `instrumentationLibrarySpans`.

use std::borrow::Cow;

use super::fault::{Fault, Parsed};
use super::groups::Groups;
use super::intern::{Builder, Interner, Values};
use super::json_cursor::Cursor;
use super::otlp_json_span::{attributes, links, resource, scope, span};
use crate::model::{
    ArcStr, Attribute, Link, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, TraceSet,
};

/// More requests in one another than any program writes; `result` in `result` is read, too.
const MOST_LEVELS: usize = 16;

/// Where in the outer levels the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// A list of requests.
    Requests,
    /// `ExportTraceServiceRequest`, or what wraps one.
    Request,
    /// `resourceSpans`.
    Groups,
    /// One of its elements: `resource` and `scopeSpans`.
    Group,
    /// `scopeSpans`.
    Scopes,
    /// One of its elements: `scope` and `spans`.
    Scope,
    /// `spans`.
    Spans,
}

impl Level {
    fn expected(self) -> &'static str {
        match self {
            Level::Requests => "a list of requests",
            Level::Request => "an object with resourceSpans",
            Level::Groups => "a list of resourceSpans",
            Level::Group => "an object with resource and scopeSpans",
            Level::Scopes => "a list of scopeSpans",
            Level::Scope => "an object with scope and spans",
            Level::Spans => "a list of spans",
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Level::Requests | Level::Groups | Level::Scopes | Level::Spans)
    }
}

/// Reads requests out of pieces of a text.
#[derive(Default)]
pub(super) struct OtlpJson {
    /// The levels that are open, each with whether nothing in it was read yet.
    open: Vec<(Level, bool)>,
    groups: Groups,
}

impl OtlpJson {
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
            if let Err(fault) = self.step(&mut cursor, builder) {
                return (before, Err(fault));
            }
        }
        (cursor.at, Ok(()))
    }

    /// Whether no request is open: the text may end here.
    pub(super) fn is_between(&self) -> bool {
        self.open.is_empty()
    }

    /// Reads one more thing. Nothing changes when that fails, so it can be tried again with more
    /// bytes.
    #[inline]
    fn step(&mut self, cursor: &mut Cursor<'_>, builder: &mut Builder) -> Parsed<()> {
        let Some((level, is_first)) = self.open.last().copied() else {
            return match cursor.peek()? {
                b'[' => self.open_value(cursor, builder, Level::Requests),
                b'{' => self.open_value(cursor, builder, Level::Request),
                _ => Err(cursor.unexpected("a request, which begins with `{`")),
            };
        };
        if level.is_list() {
            match cursor.next_element(is_first)? {
                true => self.element(cursor, builder, level)?,
                false => return self.close(builder, level),
            }
        } else {
            match cursor.next_key(is_first)? {
                Some(key) => self.field(cursor, builder, (level, &key))?,
                None => return self.close(builder, level),
            }
        }
        Ok(())
    }

    #[inline]
    fn element(
        &mut self,
        cursor: &mut Cursor<'_>,
        builder: &mut Builder,
        level: Level,
    ) -> Parsed<()> {
        match level {
            Level::Spans => {
                if cursor.peek()? == b'n' {
                    cursor.null()?;
                } else {
                    let span = span(cursor, &mut builder.values(), self.groups.blank())?;
                    self.groups.push(builder, span);
                }
                self.went_on();
                Ok(())
            }
            Level::Groups => self.open_value(cursor, builder, Level::Group),
            Level::Scopes => self.open_value(cursor, builder, Level::Scope),
            _ => self.open_value(cursor, builder, Level::Request),
        }
    }

    fn field(
        &mut self,
        cursor: &mut Cursor<'_>,
        builder: &mut Builder,
        (level, key): (Level, &Cow<'_, [u8]>),
    ) -> Parsed<()> {
        match (level, &**key) {
            (Level::Request, b"resourceSpans" | b"batches") => {
                return self.open_value(cursor, builder, Level::Groups);
            }
            (Level::Request, b"result" | b"trace") => {
                let is_list = cursor.peek()? == b'[';
                let inner = if is_list { Level::Requests } else { Level::Request };
                return self.open_value(cursor, builder, inner);
            }
            (Level::Group, b"scopeSpans" | b"instrumentationLibrarySpans") => {
                return self.open_value(cursor, builder, Level::Scopes);
            }
            (Level::Scope, b"spans") => return self.open_value(cursor, builder, Level::Spans),
            (Level::Group, b"resource") => {
                let attributes = resource(cursor, &mut builder.values())?;
                self.groups
                    .set_resource(builder, attributes)
                    .map_err(|reason| Fault::invalid(cursor.at, reason))?;
            }
            (Level::Scope, b"scope" | b"instrumentationLibrary") => {
                let scope = scope(cursor, &mut builder.values())?;
                builder.lost_scope_attributes += scope.attributes;
                self.groups
                    .set_scope(builder, scope.name, scope.version)
                    .map_err(|reason| Fault::invalid(cursor.at, reason))?;
            }
            _ => cursor.skip()?,
        }
        self.went_on();
        Ok(())
    }

    /// Opens the object or list that comes next, or passes over a `null`.
    fn open_value(
        &mut self,
        cursor: &mut Cursor<'_>,
        builder: &Builder,
        level: Level,
    ) -> Parsed<()> {
        let bracket = if level.is_list() { b'[' } else { b'{' };
        if cursor.peek()? != bracket {
            return match cursor.null()? {
                true => {
                    self.went_on();
                    Ok(())
                }
                false => Err(cursor.wrong_type(level.expected())),
            };
        }
        if self.open.len() == MOST_LEVELS {
            return Err(Fault::syntax(cursor.at, "recursion limit: requests in requests"));
        }
        cursor.at += 1;
        self.went_on();
        self.open.push((level, true));
        match level {
            Level::Group => self.groups.begin_resource(builder),
            Level::Scope => self.groups.begin_scope(builder),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, builder: &mut Builder, level: Level) -> Parsed<()> {
        self.open.pop();
        if level == Level::Group {
            self.groups.end_resource(builder);
        }
        Ok(())
    }

    /// The innermost level has had something.
    fn went_on(&mut self) {
        if let Some((_, is_first)) = self.open.last_mut() {
            *is_first = false;
        }
    }

    /// Hands out what was read so far.
    pub(super) fn take_batch(&mut self, builder: &mut Builder) -> TraceSet {
        self.groups.take_batch(builder)
    }

    /// Nothing more will be read: the last spans get their resource.
    pub(super) fn finish(&mut self, builder: &mut Builder) {
        self.groups.end_resource(builder);
    }
}

/// Reads requests that fill the whole of `bytes`.
pub(super) fn document(bytes: &[u8], builder: &mut Builder) -> Parsed<()> {
    let mut reader = OtlpJson::default();
    let (at, outcome) = reader.advance(bytes, builder, usize::MAX);
    reader.finish(builder);
    match outcome {
        Err(fault) if fault.is_cut() => {
            let is_whole = reader.is_between() && bytes[at..].trim_ascii().is_empty();
            if is_whole { Ok(()) } else { Err(Fault::cut(bytes.len())) }
        }
        outcome => outcome,
    }
}

/// A span before anything is known of it.
pub(super) fn new_span() -> Span {
    Span {
        trace_id: TraceId(0),
        span_id: SpanId(0),
        parent_span_id: None,
        trace_state: ArcStr::default(),
        flags: 0,
        name: ArcStr::default(),
        kind: SpanKind::Unspecified,
        start_ns: 0,
        end_ns: 0,
        resource: 0,
        scope_name: ArcStr::default(),
        scope_version: ArcStr::default(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        dropped_links: 0,
        status: Status::Unset,
    }
}

/// An event before anything is known of it.
pub(super) fn new_event() -> SpanEvent {
    SpanEvent { time_ns: 0, name: ArcStr::default(), attributes: Vec::new(), dropped_attributes: 0 }
}

/// A link before anything is known of it.
pub(super) fn new_link() -> Link {
    Link {
        trace_id: TraceId(0),
        span_id: SpanId(0),
        trace_state: ArcStr::default(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        flags: 0,
    }
}

/// Reads a list of links from text that stands on its own, as in a Jaeger tag.
pub(super) fn links_from_text(text: &str, interner: &mut Interner) -> Option<Vec<Link>> {
    let mut cursor = Cursor::new(text.as_bytes());
    let mut values = Values { interner, scratch: &mut Vec::new() };
    let links = links(&mut cursor, &mut values).ok()?;
    cursor.end().ok().map(|()| links)
}

/// Reads a list of attributes from text that stands on its own, as in a Jaeger tag.
pub(super) fn attributes_from_text(text: &str, interner: &mut Interner) -> Option<Vec<Attribute>> {
    let mut cursor = Cursor::new(text.as_bytes());
    let mut values = Values { interner, scratch: &mut Vec::new() };
    let attributes = attributes(&mut cursor, &mut values).ok()?;
    cursor.end().ok().map(|()| attributes)
}
