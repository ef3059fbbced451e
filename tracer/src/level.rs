//! The level that can be changed while the program runs, of the flight recorder and of the way
//! through OpenTelemetry alike.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::dispatcher::{self, Dispatch, WeakDispatch};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};

/// The levels by number.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// The present level, and the subscriber that callsites have to ask again when it changes.
#[derive(Debug)]
pub(crate) struct LevelSwitch {
    level: AtomicU8,
    dispatch: OnceLock<WeakDispatch>,
}

impl LevelSwitch {
    pub(crate) fn new(level: LevelFilter) -> Self {
        LevelSwitch { level: AtomicU8::new(number(level)), dispatch: OnceLock::new() }
    }

    /// Remembers the subscriber that the level ended up in.
    pub(crate) fn remember(&self, dispatch: &Dispatch) {
        // The first registration lasts: installing globally makes a second one of the same.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    pub(crate) fn get(&self) -> LevelFilter {
        LEVELS[usize::from(self.level.load(Ordering::Acquire)) % LEVELS.len()]
    }

    /// Changes the level for every callsite, at once.
    pub(crate) fn set(&self, level: LevelFilter) {
        let old = self.level.swap(number(level), Ordering::AcqRel);
        let dispatch = self.dispatch.get().and_then(WeakDispatch::upgrade);
        if let (true, Some(dispatch)) = (old != number(level), dispatch) {
            // When there is only one subscriber, callsites ask the one of the calling thread, which
            // may be none at all.
            dispatcher::with_default(&dispatch, tracing::callsite::rebuild_interest_cache);
        }
    }

    pub(crate) fn admits(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.get()
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
