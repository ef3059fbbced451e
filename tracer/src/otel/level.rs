//! The level that can be changed while the program runs.
//!
//! It is a filter for the whole subscriber and answers when `tracing` asks about a callsite, not
//! when a span is made: a callsite that is off costs one load and one compare.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use tracing::dispatcher::{self, Dispatch, WeakDispatch};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The current level, shared by the filter and its switch.
#[derive(Clone, Debug)]
pub(super) struct LevelSwitch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    level: AtomicU8,
    /// The subscriber that the filter ended up in.
    dispatch: OnceLock<WeakDispatch>,
}

impl LevelSwitch {
    pub(super) fn new(level: LevelFilter) -> Self {
        let level = AtomicU8::new(number(level));
        LevelSwitch(Arc::new(Shared { level, dispatch: OnceLock::new() }))
    }

    /// Changes the level for every callsite, at once.
    pub(super) fn set(&self, level: LevelFilter) {
        let old = self.0.level.swap(number(level), Ordering::AcqRel);
        let dispatch = self.0.dispatch.get().and_then(WeakDispatch::upgrade);
        if let (true, Some(dispatch)) = (old != number(level), dispatch) {
            // Callsites remember the last answer; this makes all of them ask again. When there is
            // only one subscriber they ask the calling thread's own, which may be none at all.
            dispatcher::with_default(&dispatch, tracing::callsite::rebuild_interest_cache);
        }
    }

    pub(super) fn get(&self) -> LevelFilter {
        match self.0.level.load(Ordering::Acquire) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }

    fn admits(&self, level: &Level) -> bool {
        *level <= self.get()
    }
}

fn number(level: LevelFilter) -> u8 {
    match level.into_level() {
        None => 0,
        Some(Level::ERROR) => 1,
        Some(Level::WARN) => 2,
        Some(Level::INFO) => 3,
        Some(Level::DEBUG) => 4,
        Some(Level::TRACE) => 5,
    }
}

impl<S: Subscriber> Layer<S> for LevelSwitch {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // The first registration lasts: installing globally makes a second one of the same.
        let _ = self.0.dispatch.set(subscriber.downgrade());
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.admits(metadata.level()) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.admits(metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.get())
    }
}
