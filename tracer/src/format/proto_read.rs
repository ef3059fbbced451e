//! Reads OTLP protobuf: one `ExportTraceServiceRequest`, or several that follow one another, with or
//! without their lengths before them.
//!
//! The outer messages are walked step by step with a stack of their own, so that a window which holds
//! a few spans is enough for a request of any size; spans, resources and scopes are parsed as a whole.

use super::fault::{Fault, Parsed};
use super::groups::Groups;
use super::intern::Builder;
use super::proto_shape::Framing;
use super::proto_span::{last_span, map, scope};
use super::wire::{BYTES, Tag, Wire};
use crate::model::TraceSet;

/// Which outer message is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// `ExportTraceServiceRequest`, which is laid out like `TracesData`.
    Request,
    /// `ResourceSpans`.
    Group,
    /// `ScopeSpans`.
    Scope,
}

/// A span in its `ScopeSpans`.
const SPAN: Tag = Tag { field: 2, layout: BYTES };

/// Reads requests out of pieces of a binary input.
pub(super) struct OtlpProtobuf {
    framing: Framing,
    /// The messages that are open, each with the byte of the input at which it ends.
    open: Vec<(Level, u64)>,
    /// The byte of the input at which a field ends that is passed over.
    skipped_to: u64,
    groups: Groups,
}

impl OtlpProtobuf {
    pub(super) fn new(framing: Framing) -> Self {
        // Without lengths, requests that follow one another are one long request.
        let open = match framing {
            Framing::None => vec![(Level::Request, u64::MAX)],
            Framing::Varint | Framing::Fixed32 => Vec::new(),
        };
        OtlpProtobuf { framing, open, skipped_to: 0, groups: Groups::default() }
    }

    /// Reads from `bytes` on, the first of which is byte `before` of the input, into `builder` until
    /// it has `most_spans` spans or something stands in the way, which the end of the bytes always
    /// does. Gives the number of bytes that were read.
    pub(super) fn advance(
        &mut self,
        (bytes, before): (&[u8], usize),
        builder: &mut Builder,
        most_spans: usize,
    ) -> (usize, Parsed<()>) {
        let mut wire = Wire::new(bytes);
        while builder.traces.spans.len() < most_spans {
            let start = wire.at();
            let outcome = match self.span_ahead(&wire, before as u64) {
                Some(span_and_rest) => self.span(&mut wire, span_and_rest, builder),
                None => self.step(&mut wire, before as u64, builder),
            };
            if let Err(fault) = outcome {
                // What is passed over need not be there as a whole.
                let is_skipping = ((before + start) as u64) < self.skipped_to;
                return (if is_skipping { wire.at() } else { start }, Err(fault));
            }
        }
        (wire.at(), Ok(()))
    }

    /// Whether a request may end at byte `at` of the input.
    pub(super) fn is_between(&self, at: usize) -> bool {
        let at = at as u64;
        let is_unframed = matches!(self.open[..], [(Level::Request, u64::MAX)]);
        at >= self.skipped_to && (is_unframed || self.open.iter().all(|(_, end)| *end == at))
    }

    /// The span that comes next, which it mostly does, and what comes after it. `None` also for one
    /// that [`step`](Self::step) has to look at more closely.
    #[inline]
    fn span_ahead<'a>(&self, wire: &Wire<'a>, before: u64) -> Option<(&'a [u8], &'a [u8])> {
        let (Level::Scope, end) = *self.open.last()? else { return None };
        let (span, rest) = wire.field_ahead(SPAN)?;
        let is_inside = before + wire.at_rest(rest) as u64 <= end;
        let is_skipped = before + (wire.at() as u64) < self.skipped_to;
        (is_inside && !is_skipped).then_some((span, rest))
    }

    /// Reads a span.
    #[inline(never)]
    fn span<'a>(
        &mut self,
        wire: &mut Wire<'a>,
        span_and_rest: (&'a [u8], &'a [u8]),
        builder: &mut Builder,
    ) -> Parsed<()> {
        self.groups.push_blank(builder);
        if let Err(fault) = last_span(wire, span_and_rest, builder) {
            builder.traces.spans.pop();
            return Err(fault);
        }
        self.groups.take_last(builder);
        Ok(())
    }

    /// Reads one more thing. Nothing changes when that fails, so it can be tried again with more
    /// bytes.
    fn step(&mut self, wire: &mut Wire<'_>, before: u64, builder: &mut Builder) -> Parsed<()> {
        let at = before + wire.at() as u64;
        if at < self.skipped_to {
            return wire.pass(self.skipped_to - at);
        }
        let Some((level, end)) = self.open.last().copied() else {
            return self.begin_request(wire, before);
        };
        if at == end {
            self.open.pop();
            if level == Level::Group {
                self.groups.end_resource(builder);
            }
            return Ok(());
        }
        let tag = wire.tag()?;
        if tag.layout != BYTES {
            wire.skip(tag)?;
            return within(wire, before, end);
        }
        let at_length = *wire;
        let length = wire.varint()?;
        let inner = (before + wire.at() as u64).saturating_add(length);
        if inner > end {
            return Err(Fault::syntax(
                at_length.at(),
                format!("a field of {length} bytes reaches beyond its message"),
            ));
        }
        self.field(wire, builder, Field { level, tag, at_length, inner })
    }

    fn field<'a>(
        &mut self,
        wire: &mut Wire<'a>,
        builder: &mut Builder,
        of: Field<'a>,
    ) -> Parsed<()> {
        match (of.level, of.tag.field) {
            (Level::Scope, 2) => {
                *wire = of.at_length;
                let span_and_rest = wire.bytes_ahead()?;
                self.span(wire, span_and_rest, builder)?;
            }
            (Level::Request, 1) => {
                self.open.push((Level::Group, of.inner));
                self.groups.begin_resource(builder);
            }
            // The second number is that of files written before 2022.
            (Level::Group, 2 | 1000) => {
                self.open.push((Level::Scope, of.inner));
                self.groups.begin_scope(builder);
            }
            (Level::Group, 1) => {
                *wire = of.at_length;
                let attributes = map(wire, &mut builder.values())?;
                self.groups
                    .set_resource(builder, attributes)
                    .map_err(|reason| Fault::invalid(wire.at(), reason))?;
            }
            (Level::Scope, 1) => {
                *wire = of.at_length;
                let scope = scope(wire, &mut builder.values())?;
                builder.lost_scope_attributes += scope.attributes;
                self.groups
                    .set_scope(builder, scope.name, scope.version)
                    .map_err(|reason| Fault::invalid(wire.at(), reason))?;
            }
            _ => self.skipped_to = of.inner,
        }
        Ok(())
    }

    /// Reads the length before a request.
    fn begin_request(&mut self, wire: &mut Wire<'_>, before: u64) -> Parsed<()> {
        let length = match self.framing {
            Framing::Fixed32 => u64::from(wire.fixed32()?.swap_bytes()),
            Framing::None | Framing::Varint => wire.varint()?,
        };
        let end = (before + wire.at() as u64).saturating_add(length);
        self.open.push((Level::Request, end));
        Ok(())
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

/// A field with a length, in an outer message.
struct Field<'a> {
    level: Level,
    tag: Tag,
    /// Where its length comes next.
    at_length: Wire<'a>,
    /// Where it ends in the input.
    inner: u64,
}

/// Checks that a field without a length has not left its message.
fn within(wire: &Wire<'_>, before: u64, end: u64) -> Parsed<()> {
    match before + wire.at() as u64 > end {
        true => Err(Fault::syntax(wire.at(), "a field reaches beyond its message")),
        false => Ok(()),
    }
}
