//! Gives spans the resource and the scope that OTLP states once for many of them.
//!
//! Both usually stand before the spans, and may stand behind them. Spans may have been handed out
//! by then; that is a fault, and not a resource that is silently missing.

use super::intern::Builder;
use super::otlp_read::new_span;
use crate::model::{ArcStr, Attribute, Span, TraceSet};

/// Said of a resource or scope that came when spans of it had been handed out.
pub(super) const TOO_LATE: &str = "a resource or scope stands behind more spans than are held in \
                                   memory; read it as a whole, or write it before its spans";

/// The resource and the scope that are being read.
#[derive(Default)]
pub(super) struct Groups {
    /// Attributes that no span has asked for yet.
    resource: Option<Vec<Attribute>>,
    /// Where they are in the set, once a span has.
    index: Option<u32>,
    /// The first span of the resource and of the scope in the set.
    first_of_resource: usize,
    first_of_scope: usize,
    scope_name: ArcStr,
    scope_version: ArcStr,
    is_scope_known: bool,
    /// Whether spans were handed out before their resource or scope was known.
    is_resource_missed: bool,
    is_scope_missed: bool,
}

impl Groups {
    /// A new resource begins.
    pub(super) fn begin_resource(&mut self, builder: &Builder) {
        let first_of_resource = builder.traces.spans.len();
        *self =
            Groups { first_of_resource, first_of_scope: first_of_resource, ..Groups::default() };
    }

    /// A new scope of the same resource begins.
    pub(super) fn begin_scope(&mut self, builder: &Builder) {
        self.first_of_scope = builder.traces.spans.len();
        (self.scope_name, self.scope_version) = (ArcStr::default(), ArcStr::default());
        self.is_scope_known = false;
        self.is_scope_missed = false;
    }

    /// The resource was read.
    pub(super) fn set_resource(
        &mut self,
        builder: &mut Builder,
        attributes: Vec<Attribute>,
    ) -> Result<(), &'static str> {
        if self.is_resource_missed && !attributes.is_empty() {
            return Err(TOO_LATE);
        }
        self.resource = Some(attributes);
        self.index = None;
        if builder.traces.spans.len() > self.first_of_resource {
            self.place_resource(builder);
        }
        Ok(())
    }

    /// The scope was read.
    pub(super) fn set_scope(
        &mut self,
        builder: &mut Builder,
        name: ArcStr,
        version: ArcStr,
    ) -> Result<(), &'static str> {
        if self.is_scope_missed && !(name.is_empty() && version.is_empty()) {
            return Err(TOO_LATE);
        }
        for span in &mut builder.traces.spans[self.first_of_scope..] {
            span.scope_name = ArcStr::clone(&name);
            span.scope_version = ArcStr::clone(&version);
        }
        (self.scope_name, self.scope_version) = (name, version);
        self.is_scope_known = true;
        Ok(())
    }

    /// Adds a span of this scope of which nothing is known yet.
    #[inline]
    pub(super) fn push_blank(&self, builder: &mut Builder) {
        let spans = &mut builder.traces.spans;
        // Made where it stays, while `push` would copy it there.
        spans.resize_with(spans.len() + 1, || self.blank());
    }

    /// A span of this scope of which nothing is known yet.
    #[inline]
    pub(super) fn blank(&self) -> Span {
        Span {
            scope_name: ArcStr::clone(&self.scope_name),
            scope_version: ArcStr::clone(&self.scope_version),
            ..new_span()
        }
    }

    /// Adds a span that was blank before.
    #[inline]
    pub(super) fn push(&mut self, builder: &mut Builder, span: Span) {
        builder.traces.spans.push(span);
        self.take_last(builder);
    }

    /// The last span in the set is one of this resource.
    #[inline]
    pub(super) fn take_last(&mut self, builder: &mut Builder) {
        if self.index.is_none() && self.resource.is_some() {
            self.place_resource(builder);
        }
        if let Some(span) = builder.traces.spans.last_mut() {
            span.resource = self.index.unwrap_or_default();
        }
    }

    /// Puts the resource into the set, and gives it to the spans that were there before it.
    fn place_resource(&mut self, builder: &mut Builder) {
        let index = builder.resource(self.resource.take().unwrap_or_default());
        self.index = Some(index);
        for span in &mut builder.traces.spans[self.first_of_resource..] {
            span.resource = index;
        }
    }

    /// The resource has ended, or nothing more will be read.
    pub(super) fn end_resource(&mut self, builder: &mut Builder) {
        if self.index.is_none() && builder.traces.spans.len() > self.first_of_resource {
            self.place_resource(builder);
        }
    }

    /// Hands out what was read so far, in the middle of a resource or between two.
    pub(super) fn take_batch(&mut self, builder: &mut Builder) -> TraceSet {
        let has_spans = builder.traces.spans.len() > self.first_of_resource;
        self.is_resource_missed |= has_spans && self.index.is_none();
        self.is_scope_missed |=
            builder.traces.spans.len() > self.first_of_scope && !self.is_scope_known;
        self.end_resource(builder);
        let batch = builder.take_batch();
        (self.first_of_resource, self.first_of_scope) = (0, 0);
        if let Some(resource) =
            self.index.take().and_then(|index| batch.resources.get(index as usize))
        {
            self.resource = Some(resource.attributes.clone());
        }
        batch
    }
}
