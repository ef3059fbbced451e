//! The latest entries of a log in memory: what followers are sent and what is applied next.

use std::collections::VecDeque;

use prost::Message;
use raft::eraftpb::Entry;

/// The end of a log, without gaps and bounded in bytes.
#[derive(Debug)]
pub(super) struct EntryCache {
    entries: VecDeque<Entry>,
    /// The size of all of them, as they would be sent.
    bytes: usize,
    /// What `bytes` may not exceed.
    max_bytes: usize,
}

impl EntryCache {
    /// An empty cache for entries of `max_bytes` together.
    pub(super) fn new(max_bytes: usize) -> Self {
        EntryCache { entries: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// The index of the first entry it has.
    pub(super) fn first_index(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.index)
    }

    /// The entry at `index`, if it is there.
    pub(super) fn get(&self, index: u64) -> Option<&Entry> {
        let place = usize::try_from(index.checked_sub(self.first_index()?)?).ok()?;
        self.entries.get(place)
    }

    /// The entries from `low` on; nothing if it does not have the one at `low`.
    pub(super) fn from(&self, low: u64) -> impl Iterator<Item = &Entry> {
        let skip = self.first_index().and_then(|first| low.checked_sub(first));
        let skip = skip.and_then(|skip| usize::try_from(skip).ok()).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }

    /// Takes the new end of the log, dropping what it replaces and then what is oldest.
    pub(super) fn append(&mut self, new: &[Entry]) {
        let Some(first) = new.first() else { return };
        while self.entries.back().is_some_and(|last| last.index >= first.index)
            && let Some(last) = self.entries.pop_back()
        {
            self.bytes -= last.encoded_len();
        }
        for entry in new {
            self.bytes += entry.encoded_len();
            self.entries.push_back(entry.clone());
        }
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.encoded_len();
        }
    }

    /// Forgets the entries up to `index`.
    pub(super) fn drop_up_to(&mut self, index: u64) {
        while self.entries.front().is_some_and(|first| first.index <= index)
            && let Some(first) = self.entries.pop_front()
        {
            self.bytes -= first.encoded_len();
        }
    }

    /// How many bytes it holds.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
