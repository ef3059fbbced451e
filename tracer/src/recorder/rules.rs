//! The rules by which traces are kept, and what of them is looked up for each callsite.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::callsites::{self, ByCallsite, Callsite};
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

/// What the rules say of each callsite, ready to be compared. Callsites of one path have numbers that
/// follow one another: what is asked for every span lies together, apart from what is for roots.
pub(super) struct Limits {
    /// The fields to look at, a bit each.
    fields: ByCallsite<AtomicU64>,
    /// In ticks: the longest as a span inside, by a fixed limit and lately.
    stages: ByCallsite<AtomicU64>,
    /// The longest as a root.
    roots: ByCallsite<OfRoots>,
}

/// In ticks.
struct OfRoots {
    /// By a fixed limit.
    longest: AtomicU64,
    lately: AtomicU64,
}

impl Limits {
    pub(super) fn new() -> Self {
        let never = || AtomicU64::new(NEVER);
        Limits {
            fields: ByCallsite::new(|| AtomicU64::new(UNSEEN)),
            stages: ByCallsite::new(never),
            roots: ByCallsite::new(|| OfRoots { longest: never(), lately: never() }),
        }
    }

    /// The fields of a callsite that may mark a trace, a bit each.
    #[inline(always)]
    pub(super) fn fields(&self, callsite: u32, rules: &Rules, scale: impl Fn() -> Scale) -> u64 {
        match self.fields.at(callsite).load(Ordering::Relaxed) {
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
        self.fields.at(callsite).store(fields, Ordering::Relaxed);
        fields
    }

    fn set_limits(&self, number: u32, callsite: Callsite, rules: &Rules, scale: Scale) {
        let limit = rules.limits.get(callsite.name()).copied();
        let root = limit.into_iter().chain(rules.longest).min();
        let ticks = |limit: Option<Duration>| limit.map_or(NEVER, |limit| scale.ticks(limit));
        self.roots.at(number).longest.store(ticks(root), Ordering::Relaxed);
        self.stages.at(number).store(ticks(limit), Ordering::Relaxed);
    }

    /// Whether a root took longer than it may, and longer than its kind does lately.
    #[inline(always)]
    pub(super) fn root_is_slow(&self, callsite: u32, ticks: u64) -> (bool, bool) {
        let limits = self.roots.at(callsite);
        (
            ticks > limits.longest.load(Ordering::Relaxed),
            ticks > limits.lately.load(Ordering::Relaxed),
        )
    }

    /// Whether a span inside took too long.
    #[inline(always)]
    pub(super) fn stage_is_slow(&self, callsite: u32, ticks: u64) -> bool {
        ticks > self.stages.at(callsite).load(Ordering::Relaxed)
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
        limits: &Limits,
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
            let of_roots = limit(rules.percentile).unwrap_or(NEVER);
            limits.roots.at(number).lately.store(of_roots, Ordering::Relaxed);
            if let Some(lately) = limit(rules.stage_percentile) {
                limits.stages.at(number).fetch_min(lately, Ordering::Relaxed);
            }
        }
    }
}
