//! Why a trace is kept.

use std::fmt;

/// A reason to keep a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Somebody asked for it: [`FlightRecorder::keep`](super::FlightRecorder::keep) and
    /// [`keep_all_for`](super::FlightRecorder::keep_all_for).
    Manual,
    /// One of its spans ended with an error, or an event of level `ERROR` was recorded.
    Error,
    /// A field was recorded that marks a trace, see [`Builder::flag_on`](super::Builder::flag_on).
    Flagged,
    /// One of its spans took longer than spans of that name may.
    Stage,
    /// It took longer than such traces may.
    Slow,
    /// It took longer than most of its own kind did lately.
    Percentile,
    /// A trace that is kept links to it, or it was handed over from one.
    Linked,
    /// A normal one, to compare the others with.
    Baseline,
    /// It has not ended yet, for too long.
    Open,
}

impl Reason {
    /// All reasons, the most telling first.
    pub const ALL: [Reason; 9] = [
        Reason::Manual,
        Reason::Error,
        Reason::Flagged,
        Reason::Stage,
        Reason::Slow,
        Reason::Percentile,
        Reason::Linked,
        Reason::Baseline,
        Reason::Open,
    ];

    /// Its name: `manual`, `error`, `flagged`, `stage`, `slow`, `percentile`, `linked`, `baseline`
    /// or `open`.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Manual => "manual",
            Reason::Error => "error",
            Reason::Flagged => "flagged",
            Reason::Stage => "stage",
            Reason::Slow => "slow",
            Reason::Percentile => "percentile",
            Reason::Linked => "linked",
            Reason::Baseline => "baseline",
            Reason::Open => "open",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reasons(u64);

/// Somebody has asked for the ids of one of the trace's spans, so others may link to it. Stands in
/// the same word as the reasons.
pub(super) const SHARED: u64 = 1 << 32;

impl Reasons {
    /// Those that are set in a block's word of flags.
    pub(super) fn of_flags(flags: u64) -> Reasons {
        Reasons(flags & ((1 << Reason::ALL.len()) - 1))
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn of(reason: Reason) -> Reasons {
        Reasons(1 << reason as u64)
    }

    pub(super) fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u64;
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `reason` is among them.
    pub fn has(self, reason: Reason) -> bool {
        self.0 & 1 << reason as u64 != 0
    }

    /// The reasons, the most telling first.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.has(*reason))
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{reason}")?;
        }
        Ok(())
    }
}
