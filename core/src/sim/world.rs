//! The simulated world: nodes, network, clients and faults on one thread, and the order of events.
//!
//! Everything that chance decides comes from one seed, and everything that happens is an event with
//! its true time: the same seed gives the same world, to the byte (see `trace_log`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::config::Config;
use crate::error::Error;
use crate::history::Op;
use crate::ids::StoreId;
use crate::message::PeerMsg;
use crate::pd::Pd;
use crate::region::{PeerMeta, Region};
use crate::rules::Rule;
use crate::sim::client::SimClient;
use crate::sim::clock::{SimClock, TrueTime};
use crate::sim::config::{SimConfig, SimError};
use crate::sim::disk::Disk;
use crate::sim::nemesis::Nemesis;
use crate::sim::network::{MessageLine, Network};
use crate::sim::node::{Node, PollStage};
use crate::sim::oracle::{
    AppliedMonotonic, CommittedEntries, ElectionSafety, OneAnswer, Violation,
};
use crate::sim::poll::random_span;
use crate::sim::queue::{Event, EventQueue};
use crate::sim::requests::Request;
use crate::sim::story::{Happening, StoryKeeper};
use crate::sim::trace_log::TraceLog;
use crate::sim::waiting::Waiting;

/// The oracles that watch while the world runs.
#[derive(Debug, Default)]
pub(super) struct Oracles {
    pub(super) one_answer: OneAnswer,
    pub(super) elections: ElectionSafety,
    pub(super) applied: AppliedMonotonic,
    pub(super) committed: CommittedEntries,
}

/// A simulated cluster.
pub struct World {
    pub(super) config: SimConfig,
    pub(super) core: Arc<Config>,
    pub(super) truth: TrueTime,
    pub(super) queue: EventQueue,
    pub(super) rng: SmallRng,
    pub(super) network: Network,
    pub(super) nodes: Vec<Node>,
    /// The incarnation of each node, for messages that are sent to it.
    pub(super) incarnations: Vec<u32>,
    /// As the placement driver has last heard of them; never empty.
    pub(super) regions: Vec<Arc<Region>>,
    /// The next region that a split makes.
    pub(super) next_region_id: u64,
    /// The last replica that was added; those from the start and from splits have smaller ids.
    pub(super) next_peer_id: u64,
    pub(super) pd: Pd,
    pub(super) requests: Vec<Request>,
    pub(super) history: Vec<Option<Op>>,
    pub(super) waiting: Waiting,
    pub(super) clients: Vec<SimClient>,
    pub(super) nemesis: Nemesis,
    /// How many faults keep the clients quiet.
    pub(super) lulls: u32,
    /// How often a leader has fallen asleep.
    pub(super) sleeps: u64,
    pub(super) oracles: Oracles,
    pub(super) violations: Vec<Violation>,
    pub(super) log: TraceLog,
    pub(super) story: StoryKeeper,
    pub(super) operations: BTreeMap<&'static str, u64>,
    /// What replicas have applied besides writes.
    pub(super) changes: BTreeMap<&'static str, u64>,
}

impl World {
    /// A new cluster at time zero: its stores run, nobody leads yet, no client has asked anything.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn new(config: SimConfig) -> Result<World, SimError> {
        config.validate()?;
        World::new_unchecked(config)
    }

    /// As [`World::new`], but takes settings that break a rule, to see what then goes wrong.
    ///
    /// # Errors
    /// [`SimError`], never [`SimError::Config`] or [`SimError::OtherTiming`].
    pub fn new_unchecked(config: SimConfig) -> Result<World, SimError> {
        config.check_sizes()?;
        let watch = config.watch.clone().unwrap_or_default();
        let (truth, regions) = (watch.time, config.regions());
        let mut rng = SmallRng::seed_from_u64(config.seed);
        let mut nodes = Vec::new();
        for id in 1..=config.nodes() {
            // Clocks have nothing in common but their rate, as far as that goes.
            let clock = SimClock::new(truth.clone(), id * 1_000_000_007)
                .reading_the_wall(!config.rules.holds(Rule::L4));
            let disk = Disk::new(config.disk, truth.clone()).map_err(Error::from)?;
            let node = Node::new(id, clock, disk, config.cluster_tag(id), &regions)?;
            nodes.push(Node { tracer: config.tracer.clone(), ..node });
        }
        let clients = (0..config.clients).map(|id| SimClient::new(config.seed, id)).collect();
        let mut world = World {
            core: Arc::new(config.core.clone()),
            network: Network::new(nodes.len(), config.latency_ns.clone()),
            incarnations: vec![0; nodes.len()],
            nodes,
            next_region_id: regions.len() as u64 + 1,
            next_peer_id: 1_000_000,
            pd: Pd::new(regions.iter().cloned()),
            regions: regions.into_iter().map(Arc::new).collect(),
            truth,
            queue: EventQueue::default(),
            requests: Vec::new(),
            history: Vec::new(),
            waiting: Waiting::default(),
            clients,
            nemesis: Nemesis::new(rng.random()),
            lulls: 0,
            sleeps: 0,
            oracles: Oracles::default(),
            violations: Vec::new(),
            log: TraceLog::new(),
            story: StoryKeeper::default(),
            operations: BTreeMap::new(),
            changes: BTreeMap::new(),
            rng,
            config,
        };
        world.keep_story(watch.story);
        for id in 1..=world.nodes.len() as u64 {
            world.start_node(id)?;
        }
        Ok(world)
    }

    /// The true time, for whoever looks at it while the world runs.
    pub fn true_time(&self) -> TrueTime {
        self.truth.clone()
    }

    /// The true time, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.truth.now_ns()
    }

    pub(super) fn node(&self, id: u64) -> &Node {
        &self.nodes[id as usize - 1]
    }

    pub(super) fn node_mut(&mut self, id: u64) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    /// Starts a node that does not run.
    pub(super) fn start_node(&mut self, id: u64) -> Result<(), Error> {
        let (doors, now_ns) = (self.clients.len() + 1, self.now_ns());
        let core = match self.config.other_settings.get(&id) {
            Some(own) => Arc::new(own.clone()),
            None => Arc::clone(&self.core),
        };
        let World { nodes, rng, .. } = self;
        let node = &mut nodes[id as usize - 1];
        if node.running.is_some() {
            return Ok(());
        }
        node.start((&core, self.config.rules), doors, rng)?;
        let incarnation = node.incarnation;
        self.incarnations[id as usize - 1] = incarnation;
        let first_tick = self.rng.random_range(0..core.base_tick.as_nanos() as u64);
        self.queue.push(now_ns + first_tick, Event::Tick { node: id, incarnation });
        self.log.note(now_ns, Some(id), "start", &format_args!("incarnation={incarnation}"));
        if incarnation > 1 {
            self.tell(Some(id), 0, Happening::Started);
        }
        self.observe(id);
        Ok(())
    }

    /// The power of a node goes.
    pub(super) fn crash_node(&mut self, id: u64) {
        let now_ns = self.now_ns();
        let World { nodes, rng, .. } = self;
        nodes[id as usize - 1].crash(rng);
        self.log.note(now_ns, Some(id), "crash", &"");
        self.tell(Some(id), 0, Happening::Crashed);
        self.take_answers();
    }

    /// Lets the next event happen; false if there is none before `until_ns`.
    pub(super) fn step(&mut self, until_ns: u64) -> bool {
        if self.queue.next_ns().is_none_or(|at_ns| at_ns > until_ns) {
            self.truth.set(until_ns.max(self.now_ns()));
            return false;
        }
        let Some((at_ns, event)) = self.queue.pop() else { return false };
        self.truth.set(at_ns);
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { message, incarnation } => self.deliver(message, incarnation),
            Event::Tick { node, incarnation } if self.runs(node, incarnation) => self.tick(node),
            Event::Poll { node, incarnation } if self.runs(node, incarnation) => {
                self.note(node, "poll", "");
                self.poll(node);
                self.take_answers();
            }
            Event::Persisted { node, incarnation } if self.runs(node, incarnation) => {
                self.note(node, "persisted", "");
                self.persisted(node);
                self.take_answers();
            }
            Event::Apply { node, incarnation } if self.runs(node, incarnation) => self.apply(node),
            Event::PollOn { node, incarnation } if self.runs(node, incarnation) => {
                self.note(node, "polls-on", "");
                self.poll_on(node);
                self.take_answers();
            }
            // Planned before the node crashed.
            Event::Tick { .. }
            | Event::Poll { .. }
            | Event::Persisted { .. }
            | Event::PollOn { .. }
            | Event::Apply { .. } => {}
            Event::Client { client } => self.client_step(client),
            Event::BatchNext { op } => self.submit(op),
            Event::TimeOut { op } => self.time_out(op),
            Event::GiveUp { op } => self.give_up(op),
            Event::AwaitApplied { op } => self.await_applied(op),
            Event::HeldUpNoMore => self.take_answers(),
            Event::FaultBegins => self.fault_begins(),
            Event::FaultEnds { number } => self.fault_ends(number),
        }
    }

    fn runs(&self, node: u64, incarnation: u32) -> bool {
        let node = self.node(node);
        node.running.is_some() && node.incarnation == incarnation
    }

    fn deliver(&mut self, message: Box<crate::message::RaftMessage>, incarnation: u32) {
        let (now_ns, to) = (self.now_ns(), message.to.store_id);
        if !self.runs(to, incarnation) {
            self.network.counts.lost += 1;
            return self.log.note(now_ns, Some(to), "lost", &MessageLine(&message));
        }
        self.log.note(now_ns, Some(to), "deliver", &MessageLine(&message));
        self.story.received(now_ns, &message);
        let node = self.node(to);
        if let Some(running) = &node.running
            && let Some(message) = node.gate.receive(message)
        {
            // A full mailbox loses it, as on a real store.
            running.router.deliver(message);
        }
        self.wake(to);
    }

    fn tick(&mut self, id: u64) {
        let (now_ns, tick_ns) =
            (self.now_ns(), self.config.settings_of(id).base_tick.as_nanos() as u64);
        let node = self.node(id);
        let incarnation = node.incarnation;
        // Like `store::start`'s ticker: a tick may be late, and the next one is a whole tick later.
        let late_ns = 0..tick_ns / 200;
        let next = node.clock.true_span_ns(tick_ns);
        if let (Some(running), Some(_)) = (&node.running, next) {
            running.ctx.disk_room.look(&node.disk, self.core.disk_reserve_bytes);
            for region in running.router.regions() {
                running.router.post(region, PeerMsg::Tick);
            }
        }
        self.note(id, "tick", "");
        let late_ns = random_span(&mut self.rng, &late_ns);
        // A clock that stands still is looked at again.
        let at_ns = now_ns + next.unwrap_or(tick_ns) + late_ns;
        self.queue.push(at_ns, Event::Tick { node: id, incarnation });
        self.wake(id);
    }

    /// Whether a node's raft thread waits for its disk.
    pub fn is_persisting(&self, node: u64) -> bool {
        self.node(node)
            .running
            .as_ref()
            .is_some_and(|running| running.stage == PollStage::Persisting)
    }

    /// The replica of a region on a node.
    pub(super) fn peer_meta(&self, region: u64, node: u64) -> Option<PeerMeta> {
        let region = self.regions.iter().find(|known| known.id == region)?;
        region.peer_on(StoreId(node)).copied()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(seed {}, {} ns, {:?})", self.config.seed, self.now_ns(), self.nodes)
    }
}
