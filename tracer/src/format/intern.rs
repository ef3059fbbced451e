//! What readers fill: a trace set under construction, its texts and resources kept only once.
//!
//! Keys, names and most values repeat in every span; sharing them is what keeps a large trace in
//! memory at all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::report::Warning;
use crate::model::{Attribute, Resource, TraceSet};

/// Longer texts rarely repeat and are not looked up.
const LONGEST_SHARED_BYTES: usize = 128;
/// Beyond so many different texts, new ones are not remembered: ids in values would fill it.
const MOST_SHARED_TEXTS: usize = 1 << 16;

/// Texts that were seen before.
#[derive(Default)]
pub(crate) struct Interner {
    texts: HashSet<Arc<str>>,
}

impl Interner {
    /// `text`, shared with earlier equal ones where that pays.
    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if text.len() > LONGEST_SHARED_BYTES {
            return Arc::from(text);
        }
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        if self.texts.len() < MOST_SHARED_TEXTS {
            self.texts.insert(Arc::clone(&new));
        }
        new
    }
}

/// A trace set under construction.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) traces: TraceSet,
    pub(super) interner: Interner,
    /// Resources by content: files repeat them for every batch or trace.
    resources: HashMap<String, u32>,
    /// Jaeger ids that are not hexadecimal and were mapped.
    pub(super) mapped_ids: usize,
    /// Scope attributes, for which the model has no place.
    pub(super) lost_scope_attributes: usize,
    /// Spans that were handed out before, by a reader that works in batches.
    pub(super) handed_out: usize,
    /// What a reader found odd itself.
    pub(super) noticed: Vec<Warning>,
}

impl Builder {
    /// How many complete spans were read so far.
    pub(super) fn whole_spans(&self) -> usize {
        self.handed_out + self.traces.spans.len()
    }

    /// Adds the warnings that occurred.
    pub(super) fn notice(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        self.noticed.extend(warnings.into_iter().filter(|warning| warning.count() > 0));
    }

    /// The index of a resource with these attributes.
    pub(super) fn resource(&mut self, attributes: Vec<Attribute>) -> u32 {
        let content = format!("{attributes:?}");
        let next = self.traces.resources.len() as u32;
        let index = *self.resources.entry(content).or_insert(next);
        if index == next {
            self.traces.resources.push(Resource { attributes });
        }
        index
    }

    /// Hands out what was read and starts anew, keeping the shared texts.
    pub(super) fn take_batch(&mut self) -> TraceSet {
        self.handed_out += self.traces.spans.len();
        self.resources.clear();
        std::mem::take(&mut self.traces)
    }
}
