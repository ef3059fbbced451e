//! From the words of a trace, copied out of its blocks, to spans.

use std::collections::{BTreeMap, HashMap};

use super::address::{Mixer, SpanRef};
use super::block::{HEAD_DROPPED, HEAD_FLAGS, HEAD_REMOTE_PARENT, HEAD_TRACE_HIGH, HEAD_TRACE_LOW};
use super::callsites::{self, Callsite};
use super::copy::Copied;
use super::entry::{
    CALLSITE, END, EVENT_TIME, EVENT_WORDS, Kind, LINK_SPAN, LINK_TRACE_HIGH, LINK_TRACE_LOW,
    LINK_WORDS, MARKS_BASE, MARKS_WORDS, MOST_MARKS, RECORD_WORDS, SPAN, SPAN_WORDS, START, TIES,
    Tag, Ties,
};
use super::naming::{Named, name_event, name_span, set};
use super::read_fields;
use super::reasons::Reasons;
use super::ticks::Scale;
use crate::conventions::{FILE, LINE, LINK_KIND};
use crate::model::{ArcStr, Attribute, Link, Span, SpanEvent, SpanId, SpanKind, TraceId, Value};

/// What turns copied words into spans.
pub(super) struct Decoder {
    pub(super) mixer: Mixer,
    pub(super) scale: Scale,
    /// The present moment, for spans that have not ended.
    pub(super) now_ticks: u64,
    texts: Texts,
}

/// Names that come again and again.
#[derive(Default)]
struct Texts(HashMap<&'static str, ArcStr>);

impl Texts {
    fn get(&mut self, text: &'static str) -> ArcStr {
        ArcStr::clone(self.0.entry(text).or_insert_with(|| text.into()))
    }
}

impl Decoder {
    pub(super) fn new(mixer: Mixer, scale: Scale, now_ticks: u64) -> Self {
        Decoder { mixer, scale, now_ticks, texts: Texts::default() }
    }

    /// The spans of a trace, each after its parent.
    pub(super) fn spans(&mut self, copied: &Copied) -> Vec<Span> {
        let trace_id = self.trace_id(copied);
        let mut spans: Vec<Span> = Vec::new();
        let mut place: HashMap<u64, usize> = HashMap::new();
        for block in &copied.blocks {
            for (cell, tag, words) in block.entries() {
                if tag.kind() != Some(Kind::Span) {
                    continue;
                }
                let address = SpanRef::new(block.generation, block.number, cell);
                place.insert(address.0, spans.len());
                spans.push(self.span(copied, trace_id, (address, tag, words)));
            }
        }
        let mut marks: BTreeMap<usize, Vec<Mark>> = BTreeMap::new();
        for block in &copied.blocks {
            for (cell, tag, words) in block.entries() {
                if tag.kind() == Some(Kind::Span) {
                    continue;
                }
                let Some(&index) = place.get(&words[SPAN]) else { continue };
                match tag.kind() {
                    Some(Kind::Record) => self.record(&mut spans[index], tag, words),
                    Some(Kind::Event) => self.event(&mut spans[index], tag, words),
                    Some(Kind::Link) => self.link(&mut spans[index], tag, words),
                    Some(Kind::Marks) => {
                        let address = SpanRef::new(block.generation, block.number, cell);
                        marks.entry(index).or_default().extend(self.marks(address, words));
                    }
                    Some(Kind::Span | Kind::Hole) | None => {}
                }
            }
        }
        for (index, marks) in marks {
            let stages = self.stages(&spans[index], &marks);
            spans.extend(stages);
        }
        if let Some(root) = spans.first_mut() {
            let dropped = i64::try_from(copied.head[HEAD_DROPPED]).unwrap_or(i64::MAX);
            if dropped > 0 {
                set(&mut root.attributes, "raftlens.dropped_entries".into(), Value::Int(dropped));
            }
        }
        spans
    }

    /// Why a finished trace is kept.
    pub(super) fn reasons(copied: &Copied) -> Reasons {
        Reasons::of_flags(copied.head[HEAD_FLAGS])
    }

    fn trace_id(&self, copied: &Copied) -> TraceId {
        let (high, low) = (copied.head[HEAD_TRACE_HIGH], copied.head[HEAD_TRACE_LOW]);
        TraceId(match u128::from(high) << 64 | u128::from(low) {
            0 => self.mixer.trace_id(copied.root),
            given => given,
        })
    }

    /// A span of `copied`, by its address, tag and words.
    fn span(
        &mut self,
        copied: &Copied,
        trace_id: TraceId,
        (address, tag, words): (SpanRef, Tag, &[u64]),
    ) -> Span {
        let ties = Ties(words[TIES]);
        let end = if words[END] == 0 { self.now_ticks } else { words[END] };
        let parent_span_id = match (ties.parent(), copied.head[HEAD_REMOTE_PARENT]) {
            (None, 0) => None,
            (None, remote) => Some(SpanId(remote)),
            (Some(place), _) => Some(SpanId(self.mixer.span_id(copied.address(place)))),
        };
        let mut span = Span {
            trace_id,
            span_id: SpanId(self.mixer.span_id(address)),
            parent_span_id,
            flags: 1,
            start_ns: self.scale.unix_ns(words[START]),
            end_ns: self.scale.unix_ns(end.max(words[START])),
            ..Span::default()
        };
        let callsite = callsites::find(ties.callsite());
        if let Some(callsite) = callsite {
            span.name = self.texts.get(callsite.name());
            span.scope_name = self.texts.get(callsite.target());
        }
        self.fields(
            callsite,
            &words[SPAN_WORDS..SPAN_WORDS + tag.words()],
            &mut Named::Span(&mut span),
        );
        if let (Some(file), Some(line)) = callsite.map_or((None, None), Callsite::place) {
            let file = Value::Str(self.texts.get(file));
            set(&mut span.attributes, self.texts.get(FILE), file);
            set(&mut span.attributes, self.texts.get(LINE), Value::Int(i64::from(line)));
        }
        if ties.handles() > 0 {
            set(&mut span.attributes, "raftlens.open".into(), Value::Bool(true));
        }
        name_span(&mut span);
        span
    }

    fn fields(&mut self, callsite: Option<Callsite>, words: &[u64], into: &mut Named<'_>) {
        for (index, value) in read_fields::read(words) {
            let name = callsite.and_then(|callsite| callsite.field(index)).unwrap_or("?");
            let name = self.texts.get(name);
            into.set(name, value);
        }
    }

    fn record(&mut self, span: &mut Span, tag: Tag, words: &[u64]) {
        let callsite = callsites::find(words[CALLSITE] as u32);
        let fields = &words[RECORD_WORDS..RECORD_WORDS + tag.words()];
        self.fields(callsite, fields, &mut Named::Span(span));
        name_span(span);
    }

    /// A span ends when it is left for the last time, or later if something happened after that.
    fn event(&mut self, span: &mut Span, tag: Tag, words: &[u64]) {
        let callsite = callsites::find(words[CALLSITE] as u32);
        let time_ns = self.scale.unix_ns(words[EVENT_TIME]);
        let mut event =
            SpanEvent { time_ns, name: "".into(), attributes: Vec::new(), dropped_attributes: 0 };
        let fields = &words[EVENT_WORDS..EVENT_WORDS + tag.words()];
        self.fields(callsite, fields, &mut Named::Event(&mut event));
        name_event(&mut event, callsite.map_or("?", Callsite::name));
        span.end_ns = span.end_ns.max(time_ns);
        span.events.push(event);
    }

    fn link(&mut self, span: &mut Span, tag: Tag, words: &[u64]) {
        let trace_id = u128::from(words[LINK_TRACE_HIGH]) << 64 | u128::from(words[LINK_TRACE_LOW]);
        let fields = read_fields::read(&words[LINK_WORDS..LINK_WORDS + tag.words()]);
        let kind = fields.into_iter().find_map(|(_, value)| match value {
            read_fields::Read::Text { text, .. } if !text.is_empty() => Some(text),
            _ => None,
        });
        let key = self.texts.get(LINK_KIND);
        let attributes = kind.map(|kind| Attribute { key, value: Value::Str(kind.into()) });
        span.links.push(Link {
            trace_id: TraceId(trace_id),
            span_id: SpanId(words[LINK_SPAN]),
            trace_state: "".into(),
            attributes: attributes.into_iter().collect(),
            dropped_attributes: 0,
            flags: words[CALLSITE] as u32,
        });
    }

    fn marks(&self, address: SpanRef, words: &[u64]) -> Vec<Mark> {
        let count = (words[CALLSITE] as usize).min(MOST_MARKS);
        let base = words[MARKS_BASE];
        let marks = words[MARKS_WORDS..MARKS_WORDS + count].iter().enumerate();
        let marks = marks.map(|(index, mark)| Mark {
            callsite: (mark & 0xffff) as u32,
            start_ns: self.scale.unix_ns(base + (mark >> 16)),
            span_id: SpanId(self.mixer.span_id(address).rotate_left(index as u32 + 1).max(1)),
        });
        marks.collect()
    }

    /// Stages one after the other: each ends where the next begins, the last with its span.
    fn stages(&mut self, span: &Span, marks: &[Mark]) -> Vec<Span> {
        let ends = marks.iter().skip(1).map(|mark| mark.start_ns).chain([span.end_ns]);
        let stages = marks.iter().zip(ends).filter_map(|(mark, end_ns)| {
            let callsite = callsites::find(mark.callsite)?;
            Some(Span {
                trace_id: span.trace_id,
                span_id: mark.span_id,
                parent_span_id: Some(span.span_id),
                flags: 1,
                name: self.texts.get(callsite.name()),
                kind: SpanKind::Internal,
                start_ns: mark.start_ns,
                end_ns: end_ns.max(mark.start_ns),
                scope_name: self.texts.get(callsite.target()),
                ..Span::default()
            })
        });
        stages.collect()
    }
}

/// Where a stage begins.
struct Mark {
    callsite: u32,
    start_ns: u64,
    span_id: SpanId,
}
