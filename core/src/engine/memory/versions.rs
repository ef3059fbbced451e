//! The versions of each key that somebody can still see, and those that a crash goes back to.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use super::super::{Durability, Family, WriteBatch, WriteOp};

/// How many pairs a scan copies out at a time.
pub(super) const CHUNK: usize = 64;

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// A key and its family.
type Place = (Family, Vec<u8>);

/// The two ends of a range of keys.
type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// What a key was set to by one write; `None` if that write removed it.
struct Version {
    number: u64,
    value: Option<Vec<u8>>,
}

/// The versions of one key, oldest first.
type Chain = Vec<Version>;

/// All families, all versions.
#[derive(Default)]
pub(super) struct Versions {
    families: [BTreeMap<Vec<u8>, Chain>; 3],
    /// The number of the last write. Numbers are not used again, not even after a crash.
    latest: u64,
    /// The last write that is safe.
    synced: u64,
    /// The writes behind it, and the keys each has touched.
    unsynced: VecDeque<(u64, Vec<Place>)>,
    /// The snapshots that live, by the last write they see.
    held: BTreeMap<u64, usize>,
    /// Keys that have a version which only a snapshot or a crash keeps, by the write that
    /// replaced it.
    replaced: VecDeque<(u64, Family, Vec<u8>)>,
}

impl Versions {
    /// The number of the last write.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// The value of `key` as the write `number` left it.
    pub(super) fn get(&self, family: Family, key: &[u8], number: u64) -> Option<&[u8]> {
        visible(self.families[family.index()].get(key)?, number)
    }

    /// The first [`CHUNK`] pairs of `[from, to)` as the write `number` left them.
    pub(super) fn chunk(&self, family: Family, from: &[u8], to: &[u8], number: u64) -> Vec<Pair> {
        let Some(bounds) = bounds(from, to) else { return Vec::new() };
        self.families[family.index()]
            .range::<[u8], _>(bounds)
            .filter_map(|(key, chain)| Some((key.clone(), visible(chain, number)?.to_vec())))
            .take(CHUNK)
            .collect()
    }

    /// Keeps what is there now until it is released.
    pub(super) fn hold(&mut self) -> u64 {
        *self.held.entry(self.latest).or_default() += 1;
        self.latest
    }

    /// Lets a held number go, and with it the versions that only it could see.
    pub(super) fn release(&mut self, number: u64) {
        if let Some(holders) = self.held.get_mut(&number) {
            *holders -= 1;
            if *holders == 0 {
                self.held.remove(&number);
                self.drop_replaced();
            }
        }
    }

    /// Applies a batch as one write.
    pub(super) fn write(&mut self, batch: &WriteBatch, durability: Durability) {
        self.latest += 1;
        let mut touched = Vec::with_capacity(batch.len());
        for op in batch {
            match op {
                WriteOp::Put { family, key, value } => {
                    self.set(*family, key, Some(value.clone()));
                    touched.push((*family, key.clone()));
                }
                WriteOp::Delete { family, key } => {
                    self.set(*family, key, None);
                    touched.push((*family, key.clone()));
                }
                WriteOp::DeleteRange { family, from, to } => {
                    for key in self.keys(*family, from, to) {
                        self.set(*family, &key, None);
                        touched.push((*family, key));
                    }
                }
            }
        }
        for (family, key) in &touched {
            self.replaced.push_back((self.latest, *family, key.clone()));
        }
        match durability {
            Durability::Unsynced => self.unsynced.push_back((self.latest, touched)),
            Durability::Synced => {
                self.synced = self.latest;
                self.unsynced.clear();
            }
        }
        self.drop_replaced();
    }

    /// How many writes lie behind the last synced one.
    pub(super) fn unsynced_writes(&self) -> usize {
        self.unsynced.len()
    }

    /// Goes back to the last synced write and the `survivors` behind it.
    pub(super) fn crash(&mut self, survivors: usize) {
        let lost = self.unsynced.split_off(survivors.min(self.unsynced.len()));
        let kept = self.unsynced.back().map_or(self.synced, |(last, _)| *last);
        self.unsynced.clear();
        for (family, key) in lost.into_iter().flat_map(|(_, touched)| touched) {
            let map = &mut self.families[family.index()];
            if let Some(chain) = map.get_mut(&key) {
                chain.retain(|version| version.number <= kept);
                if chain.is_empty() {
                    map.remove(&key);
                }
            }
        }
        // What is left is on the disk.
        self.synced = self.latest;
        self.drop_replaced();
    }

    fn set(&mut self, family: Family, key: &[u8], value: Option<Vec<u8>>) {
        let number = self.latest;
        let map = &mut self.families[family.index()];
        match map.get_mut(key) {
            Some(chain) => {
                // Within one write the last operation on a key wins.
                chain.pop_if(|version| version.number == number);
                chain.push(Version { number, value });
            }
            None => {
                map.insert(key.to_vec(), vec![Version { number, value }]);
            }
        }
    }

    fn keys(&self, family: Family, from: &[u8], to: &[u8]) -> Vec<Vec<u8>> {
        let Some(bounds) = bounds(from, to) else { return Vec::new() };
        self.families[family.index()]
            .range::<[u8], _>(bounds)
            .filter(|(_, chain)| chain.last().is_some_and(|version| version.value.is_some()))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Drops the versions that were replaced by writes which everybody sees, and the traces of
    /// removed keys with them.
    fn drop_replaced(&mut self) {
        let oldest_held = self.held.keys().next().copied().unwrap_or(u64::MAX);
        let seen_by_all = oldest_held.min(self.synced);
        while let Some((number, ..)) = self.replaced.front()
            && *number <= seen_by_all
            && let Some((_, family, key)) = self.replaced.pop_front()
        {
            let map = &mut self.families[family.index()];
            let Some(chain) = map.get_mut(&key) else { continue };
            let older = chain.iter().take_while(|version| version.number <= seen_by_all).count();
            chain.drain(..older.saturating_sub(1));
            if let [Version { value: None, number }] = chain.as_slice()
                && *number <= seen_by_all
            {
                map.remove(&key);
            }
        }
    }

    /// How many versions are kept, for tests.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.families.iter().flat_map(BTreeMap::values).map(Vec::len).sum()
    }
}

/// The value that the newest version up to `number` has.
fn visible(chain: &Chain, number: u64) -> Option<&[u8]> {
    let version = chain.iter().rev().find(|version| version.number <= number)?;
    version.value.as_deref()
}

/// The range `[from, to)`, none if it is empty; an empty `to` has no bound.
fn bounds<'a>(from: &'a [u8], to: &'a [u8]) -> Option<Bounds<'a>> {
    if to.is_empty() {
        return Some((Bound::Included(from), Bound::Unbounded));
    }
    (from < to).then_some((Bound::Included(from), Bound::Excluded(to)))
}
