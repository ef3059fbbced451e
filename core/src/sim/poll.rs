//! A node's raft thread and apply loop, step by step as `store::poller` and `store::apply_worker`
//! have them, so that nothing is safe here that is not safe there.
//!
//! A round handles messages, collects Readies, sends what may leave at once, waits for the disk,
//! and goes on. The wait is where time passes: the node can crash in it, and its readers go on.

use std::sync::Arc;

use rand::Rng;

use crate::apply::apply;
use crate::birth::bear;
use crate::engine::{Durability, Engine};
use crate::error::Error;
use crate::ids::RegionId;
use crate::mailbox::Mailbox;
use crate::message::{CasualMessage, PeerMsg};
use crate::peer::PeerFsmDelegate;
use crate::sim::node::{Node, PollStage, Running};
use crate::sim::oracle::{Entry, Invariant};
use crate::sim::queue::Event;
use crate::sim::trace_log::mix;
use crate::sim::world::World;
use crate::store::Scheduled;
use crate::thread_log::Work;
use crate::unknown_region::begin_or_refuse;

/// As in `store::poller`.
const READIES_MAX: usize = 4;

/// How a flush goes on.
enum Flushed {
    Done,
    /// The disk has the write.
    WaitsForDisk,
    Failed(Error),
}

impl World {
    /// Plans a round for a node that has something to do.
    pub(super) fn wake(&mut self, node: u64) {
        let delay = self.config.poll_delay_ns.clone();
        let now_ns = self.now_ns();
        let place = node as usize - 1;
        let (paused, incarnation) = {
            let node = &self.nodes[place];
            (node.paused_raft > 0, node.incarnation)
        };
        let Some(running) = &mut self.nodes[place].running else { return };
        while let Ok(Scheduled::Region(region)) = running.schedule.try_recv() {
            running.scheduled.push(region);
        }
        if paused || running.scheduled.is_empty() || running.stage != PollStage::Idle {
            return;
        }
        running.stage = PollStage::Planned;
        let at_ns = now_ns + random_span(&mut self.rng, &delay);
        self.queue.push(at_ns, Event::Poll { node, incarnation });
    }

    /// Begins a round.
    pub(super) fn poll(&mut self, node: u64) {
        let place = node as usize - 1;
        let Node { running, burdens, paused_raft, .. } = &mut self.nodes[place];
        let Some(running) = running else { return };
        if *paused_raft > 0 {
            running.stage = PollStage::Idle;
            return;
        }
        running.ctx.now = running.ctx.monotonic_raw_now();
        begin_replicas(running);
        let Running { ctx, scheduled, polled, readies, others_first, .. } = running;
        *readies = 0;
        polled.clear();
        let keeper = scheduled.iter().position(|region| burdens.contains_key(region));
        let keeper = keeper.filter(|_| scheduled.len() == 1 || !*others_first);
        *others_first = keeper.is_some();
        let round: Vec<RegionId> = match keeper {
            Some(place) => vec![scheduled.remove(place)],
            None => {
                let batch = scheduled.len().min(ctx.config.poll_batch);
                scheduled.drain(..batch).collect()
            }
        };
        let kept_ns = match (keeper, round.first()) {
            (Some(_), Some(region)) => burdens.get(region).copied(),
            _ => None,
        };
        polled.extend(round.into_iter().map(|region| (region, false)));
        match kept_ns {
            Some(span_ns) => self.keep_busy(node, span_ns),
            None => self.handle(node),
        }
    }

    /// The messages of the round's regions.
    fn handle(&mut self, node: u64) {
        let Some(running) = &mut self.node_mut(node).running else { return };
        let Running { ctx, fsms, router, polled, .. } = running;
        let mut messages = Vec::new();
        polled.retain(|(region, _)| {
            let (Some(mailbox), Some(fsm)) = (router.mailbox(*region), fsms.get_mut(region)) else {
                return false;
            };
            mailbox.take(ctx.config.poll_batch, &mut messages);
            PeerFsmDelegate { fsm, ctx }.handle_msgs(&mut messages);
            true
        });
        self.go_on(node);
    }

    /// The raft thread goes on with its round when it is done with a region that keeps it.
    fn keep_busy(&mut self, node: u64, span_ns: u64) {
        let (now_ns, incarnation) = (self.now_ns(), self.node(node).incarnation);
        let Some(running) = &mut self.node_mut(node).running else { return };
        running.stage = PollStage::Busy;
        running.held_since = Some(running.ctx.monotonic_raw_now());
        self.queue.push(now_ns + span_ns, Event::PollOn { node, incarnation });
    }

    /// It is done with that region.
    pub(super) fn poll_on(&mut self, node: u64) {
        let Some(running) = &mut self.node_mut(node).running else { return };
        let now = running.ctx.monotonic_raw_now();
        if let (Some((region, _)), Some(since)) =
            (running.polled.first(), running.held_since.take())
        {
            running.ctx.log.note(Work::Region(*region), since, now);
        }
        running.ctx.now = now;
        self.handle(node);
    }

    /// The synced write of a round has reached the disk.
    pub(super) fn persisted(&mut self, node: u64) {
        let is_paused = self.node(node).paused_raft > 0;
        let Some(running) = &mut self.node_mut(node).running else { return };
        if let Some(since) = running.held_since.take() {
            let now = running.ctx.monotonic_raw_now();
            running.ctx.log.note(Work::Disk, since, now);
        }
        if is_paused {
            running.stage = PollStage::PersistedWhilePaused;
            return;
        }
        match self.write(node, Durability::Synced) {
            Ok(()) => {
                self.flush_rest(node);
                self.after_persist(node);
                self.go_on(node);
            }
            Err(error) => self.stop_store(node, &error),
        }
    }

    /// Readies, until there is none or one waits for the disk.
    fn go_on(&mut self, node: u64) {
        loop {
            let Some(running) = &mut self.node_mut(node).running else { return };
            if running.readies == READIES_MAX {
                break;
            }
            running.readies += 1;
            let Running { ctx, fsms, polled, .. } = running;
            let mut any = false;
            for (region, is_ready) in polled.iter_mut() {
                let Some(fsm) = fsms.get_mut(region) else { continue };
                *is_ready = PeerFsmDelegate { fsm, ctx }.collect_ready();
                any |= *is_ready;
            }
            match self.flush(node) {
                Flushed::Done if any => self.after_persist(node),
                Flushed::Done => break,
                Flushed::WaitsForDisk => return self.observe(node),
                Flushed::Failed(error) => return self.stop_store(node, &error),
            }
        }
        self.end_round(node);
    }

    /// What `collect_and_persist` does behind its first flush.
    fn after_persist(&mut self, node: u64) {
        let Some(running) = &mut self.node_mut(node).running else { return };
        let Running { ctx, fsms, polled, .. } = running;
        for (region, _) in polled.iter().filter(|(_, is_ready)| *is_ready) {
            if let Some(fsm) = fsms.get_mut(region) {
                PeerFsmDelegate { fsm, ctx }.post_persist();
            }
        }
        // Nothing behind a persisted Ready has to be synced again: a commit index at most.
        self.send_messages(node);
        match self.write(node, Durability::Unsynced) {
            Ok(()) => self.flush_rest(node),
            Err(error) => self.stop_store(node, &error),
        }
    }

    fn end_round(&mut self, node: u64) {
        let Some(running) = &mut self.node_mut(node).running else { return };
        let Running { fsms, router, polled, .. } = running;
        for (region, _) in polled.drain(..) {
            let unfinished = fsms.get(&region).is_some_and(|fsm| fsm.has_ready);
            if let Some(mailbox) = router.mailbox(region) {
                mailbox.release(unfinished);
            }
        }
        running.stage = PollStage::Idle;
        self.observe(node);
        self.wake(node);
    }

    /// The effects in their order: messages, then the disk, then the apply tasks.
    fn flush(&mut self, node: u64) -> Flushed {
        let now_ns = self.now_ns();
        let Some(running) = &mut self.node_mut(node).running else { return Flushed::Done };
        if let Some(fault) = running.ctx.effects.fault.take() {
            return Flushed::Failed(fault);
        }
        self.send_messages(node);
        let extra_ns = self.node(node).disk_extra_ns;
        let Some(running) = &mut self.node_mut(node).running else { return Flushed::Done };
        let effects = &mut running.ctx.effects;
        let must_sync = std::mem::take(&mut effects.must_sync);
        if must_sync && !effects.writes.is_empty() {
            running.stage = PollStage::Persisting;
            running.held_since = Some(running.ctx.monotonic_raw_now());
            let span = self.config.disk_ns.clone();
            let at_ns = now_ns + extra_ns + random_span(&mut self.rng, &span);
            let incarnation = self.node(node).incarnation;
            self.queue.push(at_ns, Event::Persisted { node, incarnation });
            return Flushed::WaitsForDisk;
        }
        match self.write(node, Durability::Unsynced) {
            Ok(()) => {
                self.flush_rest(node);
                Flushed::Done
            }
            Err(error) => Flushed::Failed(error),
        }
    }

    fn send_messages(&mut self, node: u64) {
        let now_ns = self.now_ns();
        let World { nodes, network, rng, queue, incarnations, story, .. } = self;
        let Some(running) = &mut nodes[node as usize - 1].running else { return };
        for message in running.ctx.effects.messages.drain(..) {
            story.sent(now_ns, &message);
            let lost = network.counts.lost;
            network.send(now_ns, rng, message, &mut |at_ns, message| {
                let incarnation = incarnations[message.to.store_id as usize - 1];
                let message = Box::new(message);
                queue.push(at_ns, Event::Deliver { message, incarnation });
            });
            if network.counts.lost > lost {
                story.lost_last();
            }
        }
    }

    fn write(&mut self, node: u64, durability: Durability) -> Result<(), Error> {
        let World { nodes, oracles, .. } = self;
        let place = node as usize - 1;
        let Some(running) = &mut nodes[place].running else { return Ok(()) };
        let writes = &mut running.ctx.effects.writes;
        if writes.is_empty() {
            return Ok(());
        }
        running.ctx.engine.write(writes, durability)?;
        writes.clear();
        if durability == Durability::Synced {
            for (region, applied) in &running.applied {
                oracles.applied.synced(node, region.0, *applied);
            }
        }
        Ok(())
    }

    /// Apply tasks and questions to the placement driver.
    fn flush_rest(&mut self, node: u64) {
        let World { nodes, oracles, pd, regions, .. } = self;
        let Some(running) = &mut nodes[node as usize - 1].running else { return };
        let mut found = Ok(());
        for task in running.ctx.effects.apply.drain(..) {
            let region = task.region_id;
            let term = running.fsms.get(&region).map_or(0, |fsm| fsm.peer.term());
            for entry in task.entries() {
                let digest = mix(mix(0, &entry.data), &entry.entry_type.to_le_bytes());
                let entry = Entry { index: entry.index, term: entry.term, digest };
                found = found.and(oracles.committed.committed(region.0, node, term, entry));
            }
            running.apply.push_back(task);
        }
        for (region, message) in running.ctx.effects.local.drain(..) {
            running.router.post(region, PeerMsg::Casual(message));
        }
        let has_news = !running.ctx.effects.pd.is_empty();
        for task in running.ctx.effects.pd.drain(..) {
            pd.schedule(task, &running.router);
        }
        if has_news {
            *regions = pd.regions();
        }
        if let Err(words) = found {
            self.violate(Invariant::CommittedEntries, words, Vec::new());
        }
        if let Err(error) = self.births_and_deaths(node) {
            return self.stop_store(node, &error);
        }
        self.plan_apply(node);
    }

    /// As `Poller::births_and_deaths`.
    fn births_and_deaths(&mut self, node: u64) -> Result<(), Error> {
        let Some(running) = &mut self.node_mut(node).running else { return Ok(()) };
        let Running { ctx, fsms, router, scheduler, applied, .. } = running;
        for region in std::mem::take(&mut ctx.effects.deaths) {
            fsms.remove(&region);
            applied.remove(&region);
            router.unregister(region);
        }
        for birth in std::mem::take(&mut ctx.effects.births) {
            match fsms.get(&birth.region).map(|fsm| fsm.peer.is_initialized()) {
                Some(true) => continue,
                // One that a first message has made gives way to the one with the region's data.
                Some(false) => router.unregister(birth.region),
                None => {}
            }
            let replaces = fsms.contains_key(&birth.region);
            let Some(fsm) = bear(ctx, birth, replaces)? else { continue };
            applied.insert(birth.region, fsm.peer.storage().applied_index());
            fsms.insert(birth.region, fsm);
            let capacity = ctx.config.mailbox_capacity;
            let mailbox = Mailbox::new(birth.region, capacity, scheduler.clone());
            router.register(birth.region, Arc::new(mailbox));
            if birth.campaigns {
                router.post(birth.region, PeerMsg::Casual(CasualMessage::Campaign));
            }
        }
        Ok(())
    }

    /// Plans the next step of a node's apply loop.
    pub(super) fn plan_apply(&mut self, node: u64) {
        let (now_ns, span) = (self.now_ns(), self.config.apply_ns.clone());
        let (is_paused, incarnation) =
            (self.node(node).paused_apply > 0, self.node(node).incarnation);
        let Some(running) = &mut self.node_mut(node).running else { return };
        if is_paused
            || running.apply.is_empty()
            || std::mem::replace(&mut running.apply_planned, true)
        {
            return;
        }
        let at_ns = now_ns + random_span(&mut self.rng, &span);
        self.queue.push(at_ns, Event::Apply { node, incarnation });
    }

    /// One task of a node's apply loop.
    pub(super) fn apply(&mut self, node: u64) {
        let is_paused = self.node(node).paused_apply > 0;
        let Some(running) = &mut self.node_mut(node).running else { return };
        running.apply_planned = false;
        if is_paused {
            return;
        }
        let Some(task) = running.apply.pop_front() else { return };
        let region = task.region_id;
        match apply(&running.ctx.engine, task) {
            Ok(result) => {
                if let Some(result) = result {
                    for change in &result.changes {
                        *self.changes.entry(change.as_str()).or_default() += 1;
                    }
                    let Some(running) = &mut self.node_mut(node).running else { return };
                    let last = result.applied_index;
                    running.applied.insert(region, last);
                    running.router.post(region, PeerMsg::ApplyRes(result));
                    self.note_applied(node, region.0, last);
                }
                self.wake(node);
                self.plan_apply(node);
            }
            Err(error) => self.stop_store(node, &error),
        }
    }

    /// A store that cannot go on: as `Poller::run`, which ends all of it.
    fn stop_store(&mut self, node: u64, error: &Error) {
        match error {
            // As it must; it comes back when there is room again.
            Error::DiskFull(why) => self.note(node, "stops", why),
            error => {
                self.violate(Invariant::StoreStopped, format!("n{node}: {error}"), Vec::new());
            }
        }
        self.crash_node(node);
    }
}

/// As `Poller::begin_replicas`.
fn begin_replicas(running: &mut Running) {
    for message in running.router.take_unknown() {
        let region = message.region_id;
        if let std::collections::btree_map::Entry::Vacant(place) = running.fsms.entry(region) {
            let Some(fsm) = begin_or_refuse(&mut running.ctx, &message) else { continue };
            place.insert(fsm);
            running.applied.insert(region, 0);
            let capacity = running.ctx.config.mailbox_capacity;
            let mailbox = Mailbox::new(region, capacity, running.scheduler.clone());
            running.router.register(region, Arc::new(mailbox));
        }
        running.router.post(region, PeerMsg::RaftMessage(message));
    }
}

/// A random span in a range that may be a single value.
pub(super) fn random_span(rng: &mut rand::rngs::SmallRng, span: &std::ops::Range<u64>) -> u64 {
    if span.is_empty() { span.start } else { rng.random_range(span.clone()) }
}
