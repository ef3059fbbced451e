//! A poller: rounds over the regions that have something to do, with one write to the disk a round.

use std::any::Any;
use std::collections::btree_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::mpsc;

use crate::birth::bear;
use crate::engine::{Durability, Engine};
use crate::error::Error;
use crate::ids::RegionId;
use crate::mailbox::Mailbox;
use crate::message::{CasualMessage, PeerMsg};
use crate::pd::Pd;
use crate::peer::{PeerFsm, PeerFsmDelegate};
use crate::poll_context::PollContext;
use crate::router::Router;
use crate::store::{Fsms, Scheduled};
use crate::thread_log::Work;
use crate::transport::Transport;
use crate::unknown_region::begin_or_refuse;

/// Two persists in one round are enough for a group of one replica; more wait for the next round.
const READIES_MAX: usize = 4;

/// One poller thread.
pub(crate) struct Poller<E: Engine> {
    pub(crate) ctx: PollContext<E>,
    pub(crate) fsms: Fsms<E>,
    pub(crate) router: Router<E::Snapshot>,
    /// Shared by the pollers of a store: one waits on it at a time.
    pub(crate) schedule: Arc<Mutex<mpsc::UnboundedReceiver<Scheduled>>>,
    pub(crate) wake: mpsc::UnboundedSender<Scheduled>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) apply: Vec<mpsc::UnboundedSender<crate::apply::ApplyTask>>,
    pub(crate) pd: Pd,
    pub(crate) failure: Arc<OnceLock<Error>>,
}

/// A region that is being polled.
struct Polled<'a, E: Engine> {
    mailbox: Arc<Mailbox<E::Snapshot>>,
    fsm: MutexGuard<'a, PeerFsm<E>>,
    is_ready: bool,
}

impl<E: Engine> Poller<E> {
    /// Polls until the store stops, then answers what still waits in its regions.
    pub(crate) fn run(mut self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.poll_until_stopped()));
        if let Err(error) = ended.unwrap_or_else(|panic| Err(broken("raft", panic.as_ref()))) {
            tracing::error!(%error, store = self.ctx.store_id.0, "the store stops");
            let _ = self.failure.set(error);
            self.router.close();
            let _ = self.wake.send(Scheduled::Stop);
        }
        // Every poller does this at its end, so the last one finds what the others have left.
        let fsms = self.fsms.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (region, fsm) in &fsms {
            fsm.lock().unwrap_or_else(PoisonError::into_inner).peer.stop();
            self.ctx.meta.remove(*region);
        }
    }

    fn poll_until_stopped(&mut self) -> Result<(), Error> {
        let mut messages = Vec::new();
        while let Some(batch) = self.next_batch() {
            let fsms: Vec<_> = {
                let known = self.fsms.read().unwrap_or_else(PoisonError::into_inner);
                let found = batch.iter().filter_map(|region| {
                    Some((self.router.mailbox(*region)?, Arc::clone(known.get(region)?)))
                });
                found.collect()
            };
            let regions = fsms.iter().map(|(mailbox, fsm)| {
                let fsm = fsm.lock().unwrap_or_else(PoisonError::into_inner);
                Polled { mailbox: Arc::clone(mailbox), fsm, is_ready: false }
            });
            let mut polled: Vec<_> = regions.collect();
            self.poll(&mut polled, &mut messages)?;
            for Polled { mailbox, fsm, .. } in polled {
                let unfinished = fsm.has_ready;
                drop(fsm);
                mailbox.release(unfinished);
            }
        }
        Ok(())
    }

    /// Waits for regions that have something to do; `None` when the store stops.
    fn next_batch(&mut self) -> Option<Vec<RegionId>> {
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Vec::new();
        let mut next = schedule.blocking_recv();
        loop {
            match next {
                Some(Scheduled::Region(region)) => batch.push(region),
                Some(Scheduled::Stop) | None => {
                    // For the next poller that asks.
                    let _ = self.wake.send(Scheduled::Stop);
                    return None;
                }
            }
            if batch.len() >= self.ctx.config.poll_batch {
                return Some(batch);
            }
            match schedule.try_recv() {
                Ok(scheduled) => next = Some(scheduled),
                Err(_) => return Some(batch),
            }
        }
    }

    fn poll(
        &mut self,
        polled: &mut [Polled<'_, E>],
        messages: &mut Vec<PeerMsg<E::Snapshot>>,
    ) -> Result<(), Error> {
        self.ctx.now = self.ctx.monotonic_raw_now();
        self.begin_replicas();
        let mut since = self.ctx.now;
        for region in polled.iter_mut() {
            region.mailbox.take(self.ctx.config.poll_batch, messages);
            PeerFsmDelegate { fsm: &mut region.fsm, ctx: &mut self.ctx }.handle_msgs(messages);
            let now = self.ctx.monotonic_raw_now();
            self.ctx.log.note(Work::Region(region.fsm.peer.region_id()), since, now);
            since = now;
        }
        for _ in 0..READIES_MAX {
            if !self.collect_and_persist(polled)? {
                break;
            }
        }
        Ok(())
    }

    /// Messages for regions without a replica here: some of them begin one.
    fn begin_replicas(&mut self) {
        for message in self.router.take_unknown() {
            let region = message.region_id;
            let mut fsms = self.fsms.write().unwrap_or_else(PoisonError::into_inner);
            if let Entry::Vacant(place) = fsms.entry(region) {
                let Some(fsm) = begin_or_refuse(&mut self.ctx, &message) else { continue };
                place.insert(Arc::new(Mutex::new(fsm)));
                let capacity = self.ctx.config.mailbox_capacity;
                let mailbox = Mailbox::new(region, capacity, self.wake.clone());
                self.router.register(region, Arc::new(mailbox));
            }
            drop(fsms);
            self.router.post(region, PeerMsg::RaftMessage(message));
        }
    }

    /// One Ready of each region that has one, made durable by one write. False when none had one.
    fn collect_and_persist(&mut self, polled: &mut [Polled<'_, E>]) -> Result<bool, Error> {
        let mut any = false;
        for region in polled.iter_mut() {
            let mut delegate = PeerFsmDelegate { fsm: &mut region.fsm, ctx: &mut self.ctx };
            region.is_ready = delegate.collect_ready();
            any |= region.is_ready;
        }
        self.flush()?;
        if !any {
            return Ok(false);
        }
        for region in polled.iter_mut().filter(|region| region.is_ready) {
            PeerFsmDelegate { fsm: &mut region.fsm, ctx: &mut self.ctx }.post_persist();
        }
        self.flush()?;
        Ok(true)
    }

    /// Carries out the effects: what may leave at once, then the disk, then the apply tasks.
    fn flush(&mut self) -> Result<(), Error> {
        let effects = &mut self.ctx.effects;
        if let Some(fault) = effects.fault.take() {
            return Err(fault);
        }
        if !effects.messages.is_empty() {
            self.transport.send(std::mem::take(&mut effects.messages));
        }
        if !effects.writes.is_empty() {
            let synced = std::mem::take(&mut effects.must_sync);
            let durability = if synced { Durability::Synced } else { Durability::Unsynced };
            let before = self.ctx.clock.0.monotonic_raw_now();
            self.ctx.engine.write(&effects.writes, durability)?;
            effects.writes.clear();
            let now = self.ctx.clock.0.monotonic_raw_now();
            self.ctx.log.note(Work::Disk, before, now);
        }
        for task in effects.apply.drain(..) {
            let worker = task.region_id.0 as usize % self.apply.len();
            // The worker ends only after the pollers.
            let _ = self.apply[worker].send(task);
        }
        for (region, message) in effects.local.drain(..) {
            self.router.post(region, PeerMsg::Casual(message));
        }
        for task in effects.pd.drain(..) {
            self.pd.schedule(task, &self.router);
        }
        self.births_and_deaths()
    }

    /// Takes up replicas that have come to be, and lets go those that are gone.
    fn births_and_deaths(&mut self) -> Result<(), Error> {
        for region in std::mem::take(&mut self.ctx.effects.deaths) {
            let mut fsms = self.fsms.write().unwrap_or_else(PoisonError::into_inner);
            // Being polled right now, by this very thread: the last handle goes with the round.
            fsms.remove(&region);
            self.router.unregister(region);
        }
        for birth in std::mem::take(&mut self.ctx.effects.births) {
            let mut fsms = self.fsms.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = fsms.get(&birth.region) {
                // One that a first message has made gives way to the one with the region's data, as
                // soon as nobody polls it; what it has voted is on the disk.
                match known.try_lock().map(|fsm| fsm.peer.is_initialized()) {
                    Ok(true) => continue,
                    Ok(false) => self.router.unregister(birth.region),
                    Err(_) => {
                        self.ctx.effects.births.push(birth);
                        let _ = self.wake.send(Scheduled::Region(birth.region));
                        continue;
                    }
                }
            }
            let replaces = fsms.contains_key(&birth.region);
            let Some(fsm) = bear(&mut self.ctx, birth, replaces)? else { continue };
            fsms.insert(birth.region, Arc::new(Mutex::new(fsm)));
            let capacity = self.ctx.config.mailbox_capacity;
            let mailbox = Mailbox::new(birth.region, capacity, self.wake.clone());
            self.router.register(birth.region, Arc::new(mailbox));
            drop(fsms);
            if birth.campaigns {
                let campaign = PeerMsg::Casual(CasualMessage::Campaign);
                self.router.post(birth.region, campaign);
            }
        }
        Ok(())
    }
}

/// What a thread's panic says, as the failure of its store.
pub(crate) fn broken(thread: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "without a message".to_owned());
    Error::Broken(format!("its {thread} thread panicked: {text}"))
}
