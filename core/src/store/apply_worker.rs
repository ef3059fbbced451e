//! The threads that apply committed entries, each region always on the same one.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::mpsc;

use crate::apply::{ApplyTask, apply};
use crate::engine::Engine;
use crate::error::Error;
use crate::message::PeerMsg;
use crate::router::Router;

/// Lets the apply loop of a store be stopped and resumed, to see what waits for it.
#[derive(Clone, Default)]
pub struct ApplyGate(Arc<(Mutex<bool>, Condvar)>);

impl ApplyGate {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Committed entries are not applied from now on.
    pub fn close(&self) {
        *self.lock() = true;
    }

    /// Committed entries are applied again.
    pub fn open(&self) {
        *self.lock() = false;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut closed = self.lock();
        while *closed {
            closed = self.0.1.wait(closed).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl fmt::Debug for ApplyGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApplyGate({})", if *self.lock() { "closed" } else { "open" })
    }
}

/// One apply thread.
pub(crate) struct ApplyWorker<E: Engine> {
    pub(crate) engine: E,
    pub(crate) router: Router<E::Snapshot>,
    pub(crate) tasks: mpsc::UnboundedReceiver<ApplyTask>,
    pub(crate) gate: ApplyGate,
    pub(crate) failure: Arc<OnceLock<Error>>,
}

impl<E: Engine> ApplyWorker<E> {
    /// Applies what comes until the pollers are gone.
    pub(crate) fn run(mut self) {
        while let Some(task) = self.tasks.blocking_recv() {
            self.gate.pass();
            let region = task.region.region_id();
            match apply(&self.engine, task) {
                Ok(result) => drop(self.router.post(region, PeerMsg::ApplyRes(result))),
                Err(error) => {
                    // A replica that cannot apply must not go on answering from what it has.
                    tracing::error!(%error, region = region.0, "the store stops: it cannot apply");
                    drop(self.failure.set(error));
                    return self.router.close();
                }
            }
        }
    }
}
