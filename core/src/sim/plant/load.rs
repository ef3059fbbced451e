//! Who reads and writes in a planted run, and when: clients that come by chance, and know who leads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::region::Region;
use crate::sim::requests::{AskRead, OpId, Request, What};
use crate::sim::world::World;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Leader,
    Scan,
    Quorum,
    Replica,
    Index,
    Write,
}

/// How often each kind comes, in parts of a hundred.
#[derive(Clone, Copy, Debug)]
struct Mix {
    leader: u32,
    scan: u32,
    quorum: u32,
    replica: u32,
    index: u32,
}

/// The clients.
#[derive(Debug)]
pub(super) struct Load {
    mix: Mix,
    /// The mean time between two requests, in nanoseconds.
    gap_ns: f64,
    writes: u64,
    value_bytes: usize,
    /// Regions that nobody uses now.
    pub(super) quiet: BTreeSet<u64>,
    /// Nodes that replica reads avoid now.
    pub(super) avoided: BTreeSet<u64>,
    /// Where replica reads go more often than elsewhere.
    pub(super) favoured: Option<u64>,
    /// Whom clients take for the leader, while they have not heard of another one.
    pub(super) believed: Option<(u64, u64)>,
    /// A region as clients know it that have not heard of its end.
    pub(super) outdated: Option<Arc<Region>>,
    /// How long clients of quorum reads wait, if it is less than the store's deadline.
    pub(super) patience: Option<Duration>,
}

impl Load {
    pub(super) fn new(rng: &mut SmallRng) -> Load {
        let mix = Mix {
            leader: rng.random_range(25..40),
            scan: rng.random_range(6..12),
            quorum: rng.random_range(15..25),
            replica: rng.random_range(10..20),
            index: rng.random_range(2..8),
        };
        Load {
            mix,
            gap_ns: rng.random_range(1.0e6..2.5e6),
            writes: 0,
            value_bytes: rng.random_range(8..200),
            quiet: BTreeSet::new(),
            avoided: BTreeSet::new(),
            favoured: None,
            believed: None,
            outdated: None,
            patience: None,
        }
    }

    /// How long until the next request: arrivals of many clients that know nothing of each other.
    pub(super) fn next_gap_ns(&self, rng: &mut SmallRng) -> u64 {
        let chance: f64 = rng.random_range(1.0e-9..1.0);
        (-chance.ln() * self.gap_ns) as u64
    }

    /// One request of whatever kind, to whatever region.
    pub(super) fn arrive(&mut self, world: &mut World, rng: &mut SmallRng) {
        let kind = self.kind(rng);
        let place = rng.random_range(0..world.regions.len());
        let region = world.regions[place].id;
        if self.quiet.contains(&region) {
            return;
        }
        self.request(world, rng, (kind, region));
    }

    fn kind(&self, rng: &mut SmallRng) -> Kind {
        let mut dice = rng.random_range(0..100);
        let Mix { leader, scan, quorum, replica, index } = self.mix;
        for (share, kind) in [
            (leader, Kind::Leader),
            (scan, Kind::Scan),
            (quorum, Kind::Quorum),
            (replica, Kind::Replica),
            (index, Kind::Index),
        ] {
            if dice < share {
                return kind;
            }
            dice -= share;
        }
        Kind::Write
    }

    /// One request of this kind to this region.
    pub(super) fn request(
        &mut self,
        world: &mut World,
        rng: &mut SmallRng,
        (kind, region): (Kind, u64),
    ) -> Option<OpId> {
        let node = self.target(world, rng, (kind, region))?;
        let key = self.key(world, region)?;
        let what = match kind {
            Kind::Leader => What::Read(AskRead::Leader),
            Kind::Scan => What::Read(AskRead::Scan),
            Kind::Quorum => What::Read(AskRead::Quorum),
            Kind::Replica => What::Read(AskRead::Replica),
            Kind::Index => What::Read(AskRead::Index { consumer: node }),
            Kind::Write => {
                self.writes += 1;
                let mut value = format!("{}.", self.writes).into_bytes();
                value.resize(value.len() + self.value_bytes, b'.');
                What::Write(value)
            }
        };
        let mut request = Request::new(node, region, &key, what);
        if kind == Kind::Quorum {
            request.deadline = self.patience;
        }
        if let Some(known) = self.outdated.as_ref().filter(|known| known.id == region) {
            request.as_known = Some(Box::new(known.as_ref().clone()));
        }
        Some(world.ask(request))
    }

    /// Writes large values to a region.
    pub(super) fn write_much(&mut self, world: &mut World, region: u64, value_bytes: usize) {
        let Some(node) = world.leader(region) else { return };
        let Some(key) = self.key(world, region) else { return };
        self.writes += 1;
        let mut key = key;
        key.extend_from_slice(format!("{:06}", self.writes).as_bytes());
        let mut value = format!("{}.", self.writes).into_bytes();
        value.resize(value_bytes, b'.');
        world.ask(Request::new(node, region, &key, What::Write(value)));
    }

    fn target(
        &self,
        world: &World,
        rng: &mut SmallRng,
        (kind, region): (Kind, u64),
    ) -> Option<u64> {
        let leader = match self.believed {
            Some((believed_of, node)) if believed_of == region => Some(node),
            _ => world.leader(region),
        };
        // Without a leader a client asks whoever it finds.
        let any = |rng: &mut SmallRng| {
            let nodes: Vec<u64> = (1..=world.nodes())
                .filter(|node| world.is_running(*node) && !self.avoided.contains(node))
                .collect();
            nodes.get(rng.random_range(0..nodes.len().max(1))).copied()
        };
        match kind {
            Kind::Replica | Kind::Index => match self.favoured {
                Some(node) if rng.random_range(0..4) > 0 => Some(node),
                _ => any(rng),
            },
            Kind::Leader | Kind::Scan | Kind::Quorum | Kind::Write => leader.or_else(|| any(rng)),
        }
    }

    /// A key of the region.
    fn key(&self, world: &World, region: u64) -> Option<Vec<u8>> {
        let known = world.regions.iter().find(|known| known.id == region)?;
        Some([known.start_key.as_slice(), b"0"].concat())
    }
}
