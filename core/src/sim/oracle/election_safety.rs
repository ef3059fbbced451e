//! A term has one leader at most.
//!
//! Source: Raft, figure 3, Election Safety. A node that forgets its vote in a crash breaks it.

use std::collections::BTreeMap;

/// The leaders seen so far, by region and term.
#[derive(Debug, Default)]
pub(in crate::sim) struct ElectionSafety(BTreeMap<(u64, u64), u64>);

impl ElectionSafety {
    /// `node` leads `region` in `term`. True when that is news.
    pub(in crate::sim) fn leads(
        &mut self,
        region: u64,
        term: u64,
        node: u64,
    ) -> Result<bool, String> {
        match self.0.insert((region, term), node) {
            None => Ok(true),
            Some(known) if known == node => Ok(false),
            Some(known) => {
                Err(format!("n{known} and n{node} both lead region {region}, term {term}"))
            }
        }
    }

    /// How many elections there were.
    pub(in crate::sim) fn elections(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_leader_of_a_term_is_noticed() {
        let mut oracle = ElectionSafety::default();
        for (region, term, node, news) in [(1, 2, 1, true), (1, 2, 1, false), (1, 3, 2, true)] {
            assert_eq!(oracle.leads(region, term, node), Ok(news));
        }
        assert_eq!(oracle.leads(2, 3, 3), Ok(true), "another region");
        assert_eq!(oracle.elections(), 3);
        assert!(oracle.leads(1, 3, 1).unwrap_err().contains("n2 and n1 both lead region 1"));
    }
}
