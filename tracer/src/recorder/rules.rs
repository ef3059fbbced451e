//! The rules by which traces are kept, and what of them is looked up for each callsite.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::callsites::{self, Callsite, MOST_CALLSITES};
use super::histogram::{Distribution, Histograms};
use super::ticks::Scale;

/// A callsite that has not been looked at.
const UNSEEN: u64 = u64::MAX;
/// No limit.
const NEVER: u64 = u64::MAX;
/// Spans that a percentile needs before it says anything.
const ENOUGH_SPANS: u64 = 500;
/// The fields that say that something went wrong, whatever is flagged besides.
pub(super) const ERROR_FIELDS: [&str; 2] = ["error", "otel.status_code"];

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The longest that spans of a name may take, roots or not.
    pub(super) limits: HashMap<String, Duration>,
    /// The longest that any trace may take.
    pub(super) longest: Option<Duration>,
    /// The share of traces of each kind that is normal, and how many times as long as that one may
    /// take: `(0.99, 1.5)`.
    pub(super) percentile: Option<(f64, f64)>,
    /// The same for spans inside.
    pub(super) stage_percentile: Option<(f64, f64)>,
    /// Fields that mark a trace.
    pub(super) flags: Vec<String>,
    pub(super) keep_errors: bool,
}

/// What the rules say of each callsite, ready to be compared.
pub(super) struct ByCallsite(Box<[Limits]>);

struct Limits {
    /// The fields to look at, a bit each.
    fields: AtomicU64,
    /// In ticks: the longest as a root, by a fixed limit and lately.
    root: AtomicU64,
    root_lately: AtomicU64,
    /// The longest as a span inside, by either.
    stage: AtomicU64,
}

impl ByCallsite {
    pub(super) fn new() -> Self {
        let limits = || Limits {
            fields: AtomicU64::new(UNSEEN),
            root: AtomicU64::new(NEVER),
            root_lately: AtomicU64::new(NEVER),
            stage: AtomicU64::new(NEVER),
        };
        ByCallsite((0..MOST_CALLSITES).map(|_| limits()).collect())
    }

    #[inline(always)]
    fn at(&self, callsite: u32) -> &Limits {
        &self.0[callsite as usize % MOST_CALLSITES]
    }

    /// The fields of a callsite that may mark a trace, a bit each.
    #[inline(always)]
    pub(super) fn fields(&self, callsite: u32, rules: &Rules, scale: impl Fn() -> Scale) -> u64 {
        match self.at(callsite).fields.load(Ordering::Relaxed) {
            UNSEEN => self.look_up(callsite, rules, scale()),
            fields => fields,
        }
    }

    #[cold]
    fn look_up(&self, callsite: u32, rules: &Rules, scale: Scale) -> u64 {
        let Some(found) = callsites::find(callsite) else { return 0 };
        self.set_limits(callsite, found, rules, scale);
        // The last bit is never used, so that no callsite looks unseen.
        let named = found.fields().into_iter().take(63).enumerate();
        let watched = named.filter(|(_, name)| {
            ERROR_FIELDS.contains(name) || rules.flags.iter().any(|flag| flag == name)
        });
        let fields = watched.fold(0, |fields, (index, _)| fields | 1 << index);
        self.at(callsite).fields.store(fields, Ordering::Relaxed);
        fields
    }

    fn set_limits(&self, number: u32, callsite: Callsite, rules: &Rules, scale: Scale) {
        let limit = rules.limits.get(callsite.name()).copied();
        let root = limit.into_iter().chain(rules.longest).min();
        let ticks = |limit: Option<Duration>| limit.map_or(NEVER, |limit| scale.ticks(limit));
        self.at(number).root.store(ticks(root), Ordering::Relaxed);
        self.at(number).stage.store(ticks(limit), Ordering::Relaxed);
    }

    /// Whether a root took longer than it may, and longer than its kind does lately.
    #[inline(always)]
    pub(super) fn root_is_slow(&self, callsite: u32, ticks: u64) -> (bool, bool) {
        let limits = self.at(callsite);
        (
            ticks > limits.root.load(Ordering::Relaxed),
            ticks > limits.root_lately.load(Ordering::Relaxed),
        )
    }

    /// Whether a span inside took too long.
    #[inline(always)]
    pub(super) fn stage_is_slow(&self, callsite: u32, ticks: u64) -> bool {
        let limits = self.at(callsite);
        ticks > limits.stage.load(Ordering::Relaxed)
    }
}

/// How long each kind of span took lately: half of what it was each time, and what came since.
#[derive(Default)]
pub(super) struct Lately {
    of: HashMap<u32, (Distribution, Distribution)>,
}

impl Lately {
    /// Takes in what was counted since the last time, and sets the limits anew.
    pub(super) fn update(
        &mut self,
        limits: &ByCallsite,
        rules: &Rules,
        histograms: &Histograms,
        scale: Scale,
    ) {
        for (number, callsite) in callsites::all() {
            limits.set_limits(number, callsite, rules, scale);
            if rules.percentile.is_none() && rules.stage_percentile.is_none() {
                continue;
            }
            let total = histograms.of(number);
            if total.count() == 0 {
                continue;
            }
            let (seen, lately) = self.of.entry(number).or_default();
            lately.fade_and_add(&total.since(seen));
            *seen = total;
            if lately.count() < ENOUGH_SPANS {
                continue;
            }
            let limit = |rule: Option<(f64, f64)>| {
                let (share, times) = rule?;
                Some((lately.quantile(share)? as f64 * times) as u64)
            };
            let at = limits.at(number);
            at.root_lately.store(limit(rules.percentile).unwrap_or(NEVER), Ordering::Relaxed);
            if let Some(lately) = limit(rules.stage_percentile) {
                at.stage.fetch_min(lately, Ordering::Relaxed);
            }
        }
    }
}
