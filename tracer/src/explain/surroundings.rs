//! What other reads of the same set say about a moment: who led a region then, and how long messages
//! were on their way between two stores. A read that met nobody who led cannot tell by itself whether
//! nobody did, and one whose message came late cannot tell whether all did.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::explain::attribution::Attribution;
use crate::explain::facts::{Ack, Stay};

/// A message that was quicker says nothing of a slow way.
const SLOW_WAY_NS: u64 = 1_000_000;
/// So many messages of one way, and so many answers of the leaders of one region, are remembered.
const KEPT_MAX: usize = 100_000;
/// In the error of a read whose leader stepped down.
const STEPPED_DOWN: &str = "leader or term changed";

/// Who led a region around a moment, as far as its answers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaders {
    /// The store that answered last before it.
    pub before: Option<i64>,
    /// The store that answered first after it.
    pub after: Option<i64>,
    /// How long nobody answered, in nanoseconds; the largest number if nobody did again.
    pub gap_ns: u64,
    /// Whether that is longer than an election takes.
    pub was_long: bool,
}

/// What is known of other reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// By region: when each store answered as its leader, earliest first.
    led: BTreeMap<i64, Vec<(u64, i64)>>,
    /// By region: the longest that a read waited until its leader stepped down, in nanoseconds.
    stepped_down: BTreeMap<i64, u64>,
    /// By sender and receiver: when slow messages were on their way.
    ways: BTreeMap<(i64, i64), Vec<Range<u64>>>,
}

impl Surroundings {
    /// What these reads say.
    pub fn of<'a>(reads: impl IntoIterator<Item = &'a Attribution>) -> Surroundings {
        let mut found = Surroundings::default();
        reads.into_iter().for_each(|read| found.add(read));
        found.sorted()
    }

    /// After the last read was added.
    pub(super) fn sorted(mut self) -> Surroundings {
        for led in self.led.values_mut() {
            led.sort_by_key(|(at_ns, _)| *at_ns);
        }
        self
    }

    pub(super) fn add(&mut self, read: &Attribution) {
        let facts = &read.facts;
        if let (Some(region), Some(error)) = (facts.region, &facts.error)
            && error.contains(STEPPED_DOWN)
        {
            let longest = self.stepped_down.entry(region).or_default();
            *longest = (*longest).max(read.duration_ns);
        }
        let end_ns = read.start_ns.saturating_add(read.duration_ns);
        if let (Some(region), Some(store)) = (facts.region, facts.store)
            && facts.error.is_none()
            && !facts.asked_leader()
            && facts.mode.is_some()
        {
            self.note_leader(region, store, end_ns);
        }
        // A leader that has answered a replica leads as much as one that has answered a client.
        if let (Some(region), Some(leader), Some(at_ns), None) =
            (facts.region, facts.leader, facts.questions_ns.last(), &facts.error)
        {
            self.note_leader(region, leader, *at_ns);
        }
        let leader = facts.leader.or(facts.store);
        let round = read.quorum_from_ns().unwrap_or(read.start_ns);
        for ack in &facts.acks {
            if let Some(leader) = leader {
                self.add_ack(leader, ack, round);
            }
        }
    }

    fn note_leader(&mut self, region: i64, store: i64, at_ns: u64) {
        let led = self.led.entry(region).or_default();
        if led.len() < KEPT_MAX {
            led.push((at_ns, store));
        }
    }

    fn add_ack(&mut self, leader: i64, ack: &Ack, round_ns: u64) {
        let Some(asked_ns) = ack.asked_ns else { return };
        let wait = |stay: Option<Stay>| stay.map_or(0, |stay| stay.wait_ns);
        let left = round_ns.saturating_add(wait(ack.kept_by_leader));
        self.add_way((leader, ack.store), left..asked_ns.saturating_sub(wait(ack.at_voter)));
        let left = asked_ns.saturating_add(wait(ack.kept_by_voter));
        self.add_way((ack.store, leader), left..ack.at_ns.saturating_sub(wait(ack.at_leader)));
    }

    fn add_way(&mut self, way: (i64, i64), span_ns: Range<u64>) {
        let ways = self.ways.entry(way).or_default();
        if span_ns.end.saturating_sub(span_ns.start) >= SLOW_WAY_NS && ways.len() < KEPT_MAX {
            ways.push(span_ns);
        }
    }

    /// Who led the region around a moment.
    pub fn leaders(&self, region: i64, at_ns: u64) -> Leaders {
        let led = self.led.get(&region).map_or(&[][..], |it| it);
        let until = led.partition_point(|(led_ns, _)| *led_ns <= at_ns);
        let before = led.get(..until).and_then(<[_]>::last);
        let after = led.get(led.partition_point(|(led_ns, _)| *led_ns < at_ns));
        let from = before.map_or(0, |(at_ns, _)| *at_ns);
        let gap_ns = after.map_or(u64::MAX, |(at_ns, _)| at_ns.saturating_sub(from));
        // It takes one election timeout until a leader without voters steps down, and up to two until
        // another one is elected.
        let patience =
            self.stepped_down.get(&region).map_or(u64::MAX, |span| span.saturating_mul(2));
        Leaders {
            before: before.map(|(_, store)| *store),
            after: after.map(|(_, store)| *store),
            gap_ns,
            was_long: gap_ns > patience,
        }
    }

    /// Whether another message was on the same way for at least half as long at the same time.
    pub fn is_slow_way(&self, way: (i64, i64), span_ns: Range<u64>) -> bool {
        let half = span_ns.end.saturating_sub(span_ns.start) / 2;
        let is_alike = |other: &Range<u64>| {
            other.start < span_ns.end
                && span_ns.start < other.end
                && other.end - other.start >= half
        };
        self.ways.get(&way).is_some_and(|ways| ways.iter().any(is_alike))
    }

    /// The way from or to a store on which a message was for at least half of a span of time, in that
    /// time.
    pub fn slow_way_of(&self, store: i64, span_ns: &Range<u64>) -> Option<(i64, i64)> {
        let ways = self.ways.keys().filter(|(from, to)| *from == store || *to == store);
        ways.copied().find(|way| self.is_slow_way(*way, span_ns.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{Asked, Facts, Share, WaitState};
    use crate::model::TraceId;

    fn read(store: i64, at_ns: u64) -> Attribution {
        let facts = Facts {
            region: Some(1),
            store: Some(store),
            mode: Some("read_quorum".into()),
            asked: Asked::Quorum,
            role: Some("leader".into()),
            ..Facts::default()
        };
        let share = Share { state: WaitState::Quorum, from_ns: at_ns - 10, to_ns: at_ns };
        let (root, trace_id, start_ns, duration_ns) = (0, TraceId(1), at_ns - 10, 10);
        Attribution { root, trace_id, start_ns, duration_ns, shares: vec![share], facts }
    }

    #[test]
    fn stores_lead_when_they_answer() {
        let reads = [read(1, 100), read(1, 200), read(2, 500), read(2, 900), read(1, 1500)];
        let around = Surroundings::of(&reads);
        let seen = |at_ns| {
            let leaders = around.leaders(1, at_ns);
            (leaders.before, leaders.after, leaders.gap_ns, leaders.was_long)
        };
        assert_eq!(seen(150), (Some(1), Some(1), 100, false));
        assert_eq!(seen(300), (Some(1), Some(2), 300, false));
        assert_eq!(seen(2000), (Some(1), None, u64::MAX, false));
        assert_eq!(around.leaders(2, 700).before, None);
    }

    #[test]
    fn a_gap_is_long_if_it_is_longer_than_an_election() {
        let mut late = read(1, 250);
        late.duration_ns = 200;
        late.facts.error = Some("the region's leader or term changed before it was".into());
        let around = Surroundings::of(&[read(1, 100), late, read(2, 400), read(1, 100_000)]);
        assert!(!around.leaders(1, 390).was_long);
        assert!(around.leaders(1, 500).was_long);
    }

    #[test]
    fn a_way_is_slow_if_another_message_was_long_on_it_at_that_time() {
        let mut slow = read(1, 90_000_000);
        slow.shares[0].from_ns = 10_000_000;
        let ack = Ack {
            store: 2,
            asked_ns: Some(50_000_000),
            kept_by_leader: None,
            at_voter: None,
            kept_by_voter: None,
            at_ns: 50_500_000,
            at_leader: None,
        };
        slow.facts.acks.push(ack);
        let around = Surroundings::of(&[slow]);
        assert!(around.is_slow_way((1, 2), 20_000_000..70_000_000));
        assert!(!around.is_slow_way((1, 2), 60_000_000..70_000_000), "at another time");
        assert!(!around.is_slow_way((1, 2), 20_000_000..220_000_000), "much shorter");
        assert!(!around.is_slow_way((2, 1), 20_000_000..70_000_000), "the other way was quick");
    }
}
