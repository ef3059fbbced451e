//! What readers fill: a trace set under construction, its texts and resources kept only once.
//!
//! Keys, names and most values repeat in every span; sharing them is what keeps a large trace in
//! memory at all.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::str;

use foldhash::fast::FixedState;

use super::lasting::lasting;
use super::report::Warning;
use super::words;
use crate::model::{ArcStr, Attribute, Resource, TraceSet};

/// Longer texts rarely repeat and are not looked up.
const LONGEST_SHARED_BYTES: usize = 128;
/// How many places there are for known names and known values, as powers of two: for names so few
/// that they stay in the first cache, for values so few that they stay in the second one, beside the
/// text that is read.
const NAME_PLACES_LOG2: u32 = 9;
const VALUE_PLACES_LOG2: u32 = 11;
/// How many places there are at first: most inputs are small, and room must be made for each.
const FIRST_PLACES_LOG2: u32 = 6;
/// A text may stand in any of so many places beside one another.
const PLACES_OF_ONE: usize = 2;

/// Texts that were seen before. Those that were seen twice [stay](lasting).
pub(crate) struct Interner {
    names: Known,
    values: Known,
}

impl Default for Interner {
    fn default() -> Self {
        Interner { names: Known::new(NAME_PLACES_LOG2), values: Known::new(VALUE_PLACES_LOG2) }
    }
}

impl Interner {
    /// `text`, shared with earlier equal ones where that pays.
    pub(crate) fn text(&mut self, text: &str) -> ArcStr {
        // A `str` is UTF-8.
        self.value(text.as_bytes()).unwrap_or_default()
    }

    /// The text that `bytes` are, of which there are few: a key, the name of a span. None if they are
    /// not UTF-8.
    #[inline]
    pub(super) fn name(&mut self, bytes: &[u8]) -> Option<ArcStr> {
        self.names.text(bytes)
    }

    /// The text that `bytes` are, of which there may be many. None if they are not UTF-8.
    #[inline]
    pub(super) fn value(&mut self, bytes: &[u8]) -> Option<ArcStr> {
        self.values.text(bytes)
    }
}

/// A cache of texts, not a set. A text that comes for the second time takes the place of an older
/// one. Texts that occur once, like ids in values, leave only a part of their hash behind: they cost
/// neither memory nor a growing table, and drive nothing out.
struct Known {
    sets: Box<[Places]>,
    /// Fixed: who makes texts meet in one place only makes them be shared less.
    hasher: FixedState,
    shift: u32,
    /// How many texts were not known, and how many places there are at most.
    added: usize,
    most_places_log2: u32,
}

/// Where a text may stand: half a line of the processor's cache.
#[derive(Default)]
#[repr(align(32))]
struct Places {
    /// A part of the hash of each text.
    hashes: [u32; PLACES_OF_ONE],
    /// The same of the text that came last without being known.
    seen_once: u32,
    /// Empty ones at first.
    texts: [ArcStr; PLACES_OF_ONE],
}

impl Known {
    fn new(most_places_log2: u32) -> Self {
        let mut known = Known {
            sets: Box::default(),
            hasher: FixedState::default(),
            shift: 0,
            added: 0,
            most_places_log2,
        };
        known.make_places(FIRST_PLACES_LOG2.min(most_places_log2));
        known
    }

    /// Makes new places. What was known is forgotten, which costs little for how rarely it happens.
    fn make_places(&mut self, places_log2: u32) {
        let sets_log2 = places_log2 - PLACES_OF_ONE.ilog2();
        self.sets = (0..1 << sets_log2).map(|_| Places::default()).collect();
        self.shift = u64::BITS - sets_log2;
        self.added = 0;
    }

    /// Known texts need not be checked for being UTF-8 again.
    fn text(&mut self, bytes: &[u8]) -> Option<ArcStr> {
        match bytes.len() {
            8..=16 => self.of_words(bytes, words::of_8_to_16),
            17..=32 => self.of_words(bytes, words::of_16_to_32),
            4..8 => self.of_words(bytes, words::of_4_to_8),
            0..4 => self.of_words(bytes, words::of_0_to_4),
            _ => self.long_text(bytes),
        }
    }

    /// A text so short that it is compared as the few numbers that `words` makes of it.
    #[inline(always)]
    fn of_words<const N: usize>(
        &mut self,
        bytes: &[u8],
        words: impl Fn(&[u8]) -> [u64; N],
    ) -> Option<ArcStr> {
        let found = words(bytes);
        let hash = words::hash(found, bytes.len());
        // The highest bits choose the place, the lowest ones tell the texts there apart.
        let Some(places) = self.sets.get((hash >> self.shift) as usize) else {
            return self.add(bytes, hash);
        };
        for (known, text) in places.hashes.iter().zip(&places.texts) {
            if *known == hash as u32
                && text.len() == bytes.len()
                && let Some(same_length) = text.as_bytes().get(..bytes.len())
                && words::are_equal(words(same_length), found)
            {
                return Some(ArcStr::clone(text));
            }
        }
        self.add(bytes, hash)
    }

    #[inline(never)]
    fn long_text(&mut self, bytes: &[u8]) -> Option<ArcStr> {
        if bytes.len() > LONGEST_SHARED_BYTES {
            return str::from_utf8(bytes).ok().map(ArcStr::from);
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write(bytes);
        let hash = hasher.finish();
        let places = &self.sets[(hash >> self.shift) as usize];
        for (known, text) in places.hashes.iter().zip(&places.texts) {
            if *known == hash as u32 && text.as_bytes() == bytes {
                return Some(ArcStr::clone(text));
            }
        }
        self.add(bytes, hash)
    }

    #[inline(never)]
    fn add(&mut self, bytes: &[u8], hash: u64) -> Option<ArcStr> {
        let places = self.sets.len() * PLACES_OF_ONE;
        if self.added >= places && places < 1 << self.most_places_log2 {
            self.make_places((places.ilog2() + 2).min(self.most_places_log2));
        }
        self.added += 1;
        self.sets[(hash >> self.shift) as usize].add(bytes, hash as u32)
    }
}

impl Places {
    fn add(&mut self, bytes: &[u8], hash: u32) -> Option<ArcStr> {
        let text = ArcStr::from(str::from_utf8(bytes).ok()?);
        if std::mem::replace(&mut self.seen_once, hash) != hash {
            return Some(text);
        }
        let text = lasting(text);
        // The newest comes first, and what was there moves on.
        self.hashes.rotate_right(1);
        self.texts.rotate_right(1);
        self.hashes[0] = hash;
        self.texts[0] = text.clone();
        Some(text)
    }
}

/// What readers of values need.
pub(super) struct Values<'a> {
    pub(super) interner: &'a mut Interner,
    /// Holds the attributes of a list until its length is known: lists then take one allocation of
    /// just their size. Lists in lists stand behind one another.
    pub(super) scratch: &'a mut Vec<Attribute>,
}

/// A trace set under construction.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) traces: TraceSet,
    pub(super) interner: Interner,
    /// Attributes of lists whose length is not known yet.
    scratch: Vec<Attribute>,
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
    /// For the next thing that is read.
    #[inline]
    pub(super) fn values(&mut self) -> Values<'_> {
        self.tidy();
        Values { interner: &mut self.interner, scratch: &mut self.scratch }
    }

    /// The set, and what is needed for the next thing that is read into it.
    #[inline]
    pub(super) fn traces_and_values(&mut self) -> (&mut TraceSet, Values<'_>) {
        self.tidy();
        let values = Values { interner: &mut self.interner, scratch: &mut self.scratch };
        (&mut self.traces, values)
    }

    /// Lets go of what a fault left behind.
    #[inline]
    fn tidy(&mut self) {
        if !self.scratch.is_empty() {
            self.scratch.clear();
        }
    }

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
        let resources = &self.traces.resources;
        if resources.last().is_some_and(|last| last.attributes == attributes) {
            return resources.len() as u32 - 1;
        }
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
        // The next batch is likely to be as large.
        let spans = Vec::with_capacity(self.traces.spans.len());
        std::mem::replace(&mut self.traces, TraceSet { resources: Vec::new(), spans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_come_again_are_shared() {
        let mut interner = Interner::default();
        let first = interner.text("store-1");
        let second = interner.text("store-1");
        let third = interner.text("store-1");
        assert_eq!((&*first, &*second), ("store-1", "store-1"));
        assert!(ArcStr::ptr_eq(&second, &third), "known from the second time on");
    }

    #[test]
    fn texts_that_come_once_drive_nothing_out() {
        let mut interner = Interner::default();
        // So many that no more room is made afterwards.
        for number in 0..100_000 {
            interner.text(&format!("/api/orders/{number}"));
        }
        interner.text("GET");
        let known = interner.text("GET");
        for number in 0..100_000 {
            interner.text(&format!("/api/carts/{number}"));
        }
        assert!(ArcStr::ptr_eq(&known, &interner.text("GET")));
    }

    #[test]
    fn what_is_no_text_is_refused_each_time() {
        let mut interner = Interner::default();
        for _ in 0..3 {
            assert!(interner.value(b"\xff").is_none());
            assert!(interner.name(&[0xc3; 200]).is_none());
            assert_eq!(&*interner.name(b"").unwrap(), "");
        }
    }

    #[test]
    fn texts_of_any_length_are_told_apart() {
        let mut interner = Interner::default();
        for length in 0..140 {
            let text = vec![b'a'; length];
            for at in 0..length {
                let mut other = text.clone();
                other[at] = b'b';
                for text in [&text, &other, &text, &other, &text, &other] {
                    assert_eq!(interner.value(text).unwrap().as_bytes(), text, "{length}, {at}");
                }
            }
        }
    }
}
