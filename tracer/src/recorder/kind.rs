//! Kinds: what spans of the direct interface are called, each a static.

use std::sync::atomic::{AtomicU32, Ordering};

use super::callsites::{self, UNKNOWN};

/// What a span of the direct interface is called, and which fields it may have. Made by
/// [`kind!`](crate::kind).
#[derive(Debug)]
pub struct Kind {
    pub(super) name: &'static str,
    pub(super) fields: &'static [&'static str],
    pub(super) target: &'static str,
    pub(super) file: &'static str,
    pub(super) line: u32,
    number: AtomicU32,
}

impl Kind {
    /// What [`kind!`](crate::kind) calls.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        fields: &'static [&'static str],
        target: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Kind { name, fields, target, file, line, number: AtomicU32::new(UNKNOWN) }
    }

    /// The name of its spans.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn number(&self) -> u32 {
        self.number.load(Ordering::Acquire)
    }

    /// Its number as a callsite.
    #[inline(always)]
    pub(super) fn callsite(&'static self) -> u32 {
        match self.number() {
            UNKNOWN => self.register(),
            number => number,
        }
    }

    #[cold]
    fn register(&'static self) -> u32 {
        let number = callsites::register(self);
        self.number.store(number, Ordering::Release);
        number
    }
}

/// A kind of span for the direct interface: its name, then the fields that it may have.
///
/// ```
/// use raftlens_tracer::kind;
///
/// static READ: raftlens_tracer::recorder::Kind = kind!("kv.read", "key", "region");
/// assert_eq!(READ.name(), "kv.read");
/// ```
#[macro_export]
macro_rules! kind {
    ($name:literal $(, $field:literal)* $(,)?) => {
        $crate::recorder::Kind::new($name, &[$($field),*], module_path!(), file!(), line!())
    };
}
