//! Who reads and writes in a real planted run: clients that come by chance, ask once, and take what
//! comes.

use std::time::Duration;

use raftlens_core::{Client, Mutation, Pd, ReadFrom, RegionEpoch, RegionId, ScanRange, StoreId};
use rand::Rng;
use rand::rngs::SmallRng;
use tokio::task::JoinSet;

use crate::planted_real::shape::{key, split_key};

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

/// The clients, and what an ailment makes of them.
#[derive(Debug)]
pub(super) struct Load {
    client: Client,
    regions: u64,
    rng: SmallRng,
    /// How often each kind comes, in parts of a hundred; the rest are writes.
    mix: [(u32, Kind); 5],
    gap_ns: f64,
    value_bytes: usize,
    writes: u64,
    asked: JoinSet<()>,
    /// A region that nobody uses now.
    pub(super) quiet: Option<u64>,
    /// A store that replica reads avoid now.
    pub(super) avoided: Option<u64>,
    /// Where replica reads go more often than elsewhere.
    pub(super) favoured: Option<u64>,
    /// How long clients of quorum reads wait, if it is less than the store's deadline.
    pub(super) patience: Option<Duration>,
    /// How many keys scans look for in all of their region, if they read more than one key of it.
    pub(super) wide_scans: Option<usize>,
    /// A region's epoch as clients know it that have not heard of a newer one.
    pub(super) outdated: Option<(u64, RegionEpoch)>,
}

impl Load {
    pub(super) fn new(client: Client, regions: u64, mut rng: SmallRng) -> Load {
        let mix = [
            (rng.random_range(25..40), Kind::Leader),
            (rng.random_range(6..12), Kind::Scan),
            (rng.random_range(15..25), Kind::Quorum),
            (rng.random_range(10..20), Kind::Replica),
            (rng.random_range(2..8), Kind::Index),
        ];
        let (gap_ns, value_bytes) = (rng.random_range(2.0e6..5.0e6), rng.random_range(8..200));
        Load {
            client,
            regions,
            rng,
            mix,
            gap_ns,
            value_bytes,
            writes: 0,
            asked: JoinSet::new(),
            quiet: None,
            avoided: None,
            favoured: None,
            patience: None,
            wide_scans: None,
            outdated: None,
        }
    }

    /// How long until the next request: arrivals of many clients that know nothing of each other.
    pub(super) fn next_gap(&mut self) -> Duration {
        let chance: f64 = self.rng.random_range(1.0e-9..1.0);
        Duration::from_nanos((-chance.ln() * self.gap_ns) as u64)
    }

    /// One request of whatever kind, to whatever region.
    pub(super) fn arrive(&mut self) {
        let mut dice = self.rng.random_range(0..100);
        let region = self.rng.random_range(1..=self.regions);
        let drawn = self.mix.into_iter().find(|(share, _)| {
            let is_it = dice < *share;
            dice = dice.saturating_sub(*share);
            is_it
        });
        let kind = drawn.map_or(Kind::Write, |(_, kind)| kind);
        let store = self.replica();
        if self.quiet != Some(region) {
            self.request(kind, region, store);
        }
    }

    /// The store that a replica read goes to.
    fn replica(&mut self) -> u64 {
        let (dice, any) = (self.rng.random_range(0..4), self.rng.random_range(1..=STORES));
        match (self.favoured, self.avoided) {
            (Some(store), _) if dice > 0 => store,
            (_, Some(avoided)) if avoided == any => any % STORES + 1,
            _ => any,
        }
    }

    /// One request; `store` is who is asked if a replica is.
    pub(super) fn request(&mut self, kind: Kind, region: u64, store: u64) {
        let request = self.prepare(kind, region, store);
        self.asked.spawn(request.ask(self.client.clone()));
    }

    /// So many quorum reads at once, all of them asked by one thread that does nothing in between.
    pub(super) fn burst(&mut self, region: u64, count: usize) {
        let reads =
            (0..count).map(|_| self.prepare(Kind::Quorum, region, 0).ask(self.client.clone()));
        let reads: Vec<_> = reads.map(Box::pin).collect();
        self.asked.spawn(async move {
            let mut asked = JoinSet::new();
            for mut read in reads {
                let is_done = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(read.as_mut().poll(context).is_ready())
                });
                if !is_done.await {
                    asked.spawn(read);
                }
            }
            while asked.join_next().await.is_some() {}
        });
    }

    fn prepare(&mut self, kind: Kind, region: u64, store: u64) -> Request {
        self.writes += u64::from(kind == Kind::Write);
        let mut value = format!("{}.", self.writes).into_bytes();
        value.resize(value.len() + self.value_bytes, b'.');
        Request {
            kind,
            key: key(region),
            from: match kind {
                Kind::Leader | Kind::Scan | Kind::Write => ReadFrom::Leader,
                Kind::Quorum => ReadFrom::LeaderQuorum,
                Kind::Replica | Kind::Index => ReadFrom::Replica(StoreId(store)),
            },
            value,
            range: match self.wide_scans {
                Some(limit) => ScanRange { to: split_key(region), limit, ..ScanRange::default() },
                None => ScanRange { from: key(region), limit: 1, ..ScanRange::default() },
            },
            patience: self.patience.filter(|_| kind == Kind::Quorum),
            outdated: self.outdated.filter(|(of, _)| *of == region).map(|(_, epoch)| epoch),
        }
    }

    /// Writes a large value to a region, under a key of its own.
    pub(super) fn write_much(&mut self, region: u64, bytes: usize) {
        let mut request = self.prepare(Kind::Write, region, 0);
        request.key.extend_from_slice(format!("{:06}", self.writes).as_bytes());
        request.value.resize(bytes, b'.');
        self.asked.spawn(request.ask(self.client.clone()));
    }

    /// Waits until all requests have their answers.
    pub(super) async fn finish(mut self) {
        while self.asked.join_next().await.is_some() {}
    }
}

/// How many stores a cluster has.
pub(super) const STORES: u64 = 3;

/// The store that the table of the cluster names as a region's leader.
pub(super) fn leader(pd: &Pd, region: u64) -> Option<u64> {
    pd.region(RegionId(region)).and_then(|(_, leader)| leader).map(|peer| peer.store().0)
}

/// What is asked once.
struct Request {
    kind: Kind,
    key: Vec<u8>,
    from: ReadFrom,
    value: Vec<u8>,
    range: ScanRange,
    patience: Option<Duration>,
    outdated: Option<RegionEpoch>,
}

impl Request {
    /// Asks once. What comes of it is in the traces, errors too.
    async fn ask(self, client: Client) {
        // Without a leader in the table there is nobody to ask.
        let Ok((kv, mut ctx)) = client.context(&self.key, self.from) else { return };
        ctx.deadline = self.patience;
        ctx.header.epoch = self.outdated.unwrap_or(ctx.header.epoch);
        match self.kind {
            Kind::Write => {
                let mutation = Mutation { key: self.key, value: Some(self.value) };
                let _ = kv.write(ctx, vec![mutation]).await;
            }
            Kind::Index => {
                let _ = kv.read_index(ctx).await;
            }
            Kind::Scan => {
                let _ = kv.scan(ctx, self.range).await;
            }
            Kind::Leader | Kind::Quorum | Kind::Replica => {
                if let Ok(answer) = kv.async_snapshot(ctx).await {
                    let _ = answer.value.get(&self.key);
                }
            }
        }
    }
}
