//! What was committed is never lost and never changed.
//!
//! Source: Raft, figure 3: State Machine Safety (no two servers apply different entries at one
//! index) and Leader Completeness (an entry committed in a term is in the logs of the leaders of
//! all later terms).

use std::collections::BTreeMap;

/// A committed entry, as far as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Entry {
    pub(in crate::sim) index: u64,
    pub(in crate::sim) term: u64,
    /// A hash of its content.
    pub(in crate::sim) digest: u64,
}

/// The committed log of one region.
#[derive(Debug, Default)]
struct Log {
    /// Each entry with the node that showed it first, from `first_index` on.
    entries: Vec<Option<(Entry, u64)>>,
    /// The last index that some node knew to be committed while it was in a term, by that term: it
    /// was committed in that one or an earlier one.
    last_by_term: BTreeMap<u64, u64>,
}

/// The committed logs of all regions.
#[derive(Debug, Default)]
pub(in crate::sim) struct CommittedEntries(BTreeMap<u64, Log>);

impl CommittedEntries {
    /// A replica of `node`, in term `term`, takes `entry` for committed.
    pub(in crate::sim) fn committed(
        &mut self,
        region: u64,
        node: u64,
        term: u64,
        entry: Entry,
    ) -> Result<(), String> {
        let log = self.0.entry(region).or_default();
        let last = log.last_by_term.entry(term).or_default();
        *last = entry.index.max(*last);
        let place = entry.index as usize;
        if log.entries.len() <= place {
            log.entries.resize(place + 1, None);
        }
        match log.entries[place] {
            Some((known, shown_by)) if known != entry => Err(format!(
                "region {region} has two committed entries at index {}: n{shown_by} has one of \
                 term {}, n{node} another one of term {}",
                entry.index, known.term, entry.term
            )),
            Some(_) => Ok(()),
            None => {
                log.entries[place] = Some((entry, node));
                Ok(())
            }
        }
    }

    /// `node` leads `region` in `term`, with a log up to `last_index` whose terms `term_at` knows.
    pub(in crate::sim) fn leads(
        &self,
        region: u64,
        node: u64,
        term: u64,
        (last_index, term_at): (u64, &dyn Fn(u64) -> Option<u64>),
    ) -> Result<(), String> {
        let Some(log) = self.0.get(&region) else { return Ok(()) };
        let Some(committed) = log.last_by_term.range(..term).map(|(_, last)| *last).max() else {
            return Ok(());
        };
        if last_index < committed {
            return Err(format!(
                "n{node} leads region {region} in term {term} with a log up to {last_index}, but \
                 {committed} was committed in an earlier term"
            ));
        }
        let known = log.entries.get(committed as usize).copied().flatten();
        match known {
            // Logs that agree in one entry agree in all before it (Raft: Log Matching).
            Some((entry, _)) if term_at(committed).is_some_and(|found| found != entry.term) => {
                Err(format!(
                    "n{node} leads region {region} in term {term}, but its entry at {committed} is \
                     not the one of term {} that was committed",
                    entry.term
                ))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, term: u64, digest: u64) -> Entry {
        Entry { index, term, digest }
    }

    #[test]
    fn two_entries_at_one_index_are_noticed() {
        let mut oracle = CommittedEntries::default();
        assert_eq!(oracle.committed(1, 1, 2, entry(6, 2, 50)), Ok(()));
        assert_eq!(oracle.committed(1, 2, 2, entry(6, 2, 50)), Ok(()));
        assert_eq!(oracle.committed(2, 3, 2, entry(6, 2, 99)), Ok(()), "another region");
        for other in [entry(6, 3, 50), entry(6, 2, 51)] {
            let words = oracle.committed(1, 3, 3, other).unwrap_err();
            assert!(words.contains("two committed entries at index 6"), "{words}");
        }
    }

    #[test]
    fn a_leader_without_a_committed_entry_is_noticed() {
        let mut oracle = CommittedEntries::default();
        oracle.committed(1, 1, 2, entry(6, 2, 50)).unwrap();
        let leads = |term, last, found| oracle.leads(1, 3, term, (last, &move |_| Some(found)));
        assert_eq!(leads(3, 6, 2), Ok(()));
        assert_eq!(leads(2, 5, 1), Ok(()), "it was committed in that very term");
        assert!(leads(3, 5, 1).unwrap_err().contains("up to 5, but 6 was committed"));
        assert!(leads(3, 8, 1).unwrap_err().contains("not the one of term 2"));
    }
}
