//! The threads that apply committed entries, each region always on the same one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::mpsc;

use crate::apply::{ApplyTask, apply};
use crate::engine::Engine;
use crate::error::Error;
use crate::message::PeerMsg;
use crate::router::Router;
use crate::store::Scheduled;
use crate::store::poller::broken;

/// Lets the apply loop of a store be stopped and resumed, to see what waits for it.
#[derive(Clone, Default)]
pub struct ApplyGate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GateState {
    #[default]
    Open,
    Closed,
    /// The store stops: nothing may hold its threads back any more.
    OpenForGood,
}

impl ApplyGate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: GateState) {
        let mut current = self.lock();
        if *current != GateState::OpenForGood {
            *current = state;
        }
        self.0.1.notify_all();
    }

    /// Committed entries are not applied from now on.
    pub fn close(&self) {
        self.set(GateState::Closed);
    }

    /// Committed entries are applied again.
    pub fn open(&self) {
        self.set(GateState::Open);
    }

    pub(crate) fn open_for_good(&self) {
        self.set(GateState::OpenForGood);
    }

    fn pass(&self) {
        let mut state = self.lock();
        while *state == GateState::Closed {
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl fmt::Debug for ApplyGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApplyGate({:?})", *self.lock())
    }
}

/// One apply thread.
pub(crate) struct ApplyWorker<E: Engine> {
    pub(crate) engine: E,
    pub(crate) router: Router<E::Snapshot>,
    pub(crate) tasks: mpsc::UnboundedReceiver<ApplyTask>,
    pub(crate) gate: ApplyGate,
    pub(crate) wake: mpsc::UnboundedSender<Scheduled>,
    pub(crate) failure: Arc<OnceLock<Error>>,
}

impl<E: Engine> ApplyWorker<E> {
    /// Applies what comes until the pollers are gone.
    pub(crate) fn run(mut self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.apply_until_stopped()));
        if let Err(error) = ended.unwrap_or_else(|panic| Err(broken("apply", panic.as_ref()))) {
            // A replica that cannot apply must not go on answering from what it has.
            tracing::error!(%error, "the store stops: it cannot apply");
            let _ = self.failure.set(error);
            self.router.close();
            let _ = self.wake.send(Scheduled::Stop);
        }
    }

    fn apply_until_stopped(&mut self) -> Result<(), Error> {
        while let Some(task) = self.tasks.blocking_recv() {
            self.gate.pass();
            let region = task.region_id;
            let result = apply(&self.engine, task)?;
            // Lost only while the store stops, or when the replica is gone.
            if let Some(result) = result {
                self.router.post(region, PeerMsg::ApplyRes(result));
            }
        }
        Ok(())
    }
}
