//! The level as a filter of the whole subscriber.
//!
//! It answers when `tracing` asks about a callsite, not when a span is made: a callsite that is off
//! costs one load and one compare.

use std::ops::Deref;
use std::sync::Arc;

use tracing::dispatcher::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::level::LevelSwitch;

/// The level, shared by the filter and whoever changes it.
#[derive(Clone, Debug)]
pub(super) struct LevelLayer(Arc<LevelSwitch>);

impl LevelLayer {
    pub(super) fn new(level: LevelFilter) -> Self {
        LevelLayer(Arc::new(LevelSwitch::new(level)))
    }
}

impl Deref for LevelLayer {
    type Target = LevelSwitch;

    fn deref(&self) -> &LevelSwitch {
        &self.0
    }
}

impl<S: Subscriber> Layer<S> for LevelLayer {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.remember(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.admits(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.admits(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.get())
    }
}
