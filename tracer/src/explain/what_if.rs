//! "What if this took 2 ms less": how the durations of requests would change.
//!
//! The assumption: every request that waited for it would have waited that much less, down to
//! nothing, and all else would have taken as long as it did. For a read that is its time in one wait
//! state, which is time that it did nothing else. For an operation on a critical path it is the time
//! of its own on the path, and the gain of each span is held to what the calls beside it, under the
//! same caller, would have left: they would then be waited for instead.

use std::fmt;
use std::str::FromStr;

use crate::duration::{parse_duration, write_duration};
use crate::explain::sketch::Sketch;

/// A change to the time that one thing takes.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIf {
    /// What changes: a wait state, or an operation.
    pub name: String,
    change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    LessNs(u64),
    MoreNs(u64),
    /// Hundredths that are added; negative for less.
    Percent(f64),
}

/// Why a text is no change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no change: write NAME=-2ms, NAME=+500us or NAME=-50%")]
pub struct WhatIfError(String);

impl FromStr for WhatIf {
    type Err = WhatIfError;

    fn from_str(text: &str) -> Result<Self, WhatIfError> {
        let error = || WhatIfError(text.to_owned());
        // A name may have an equals sign.
        let (name, change) = text.rsplit_once('=').ok_or_else(error)?;
        let (is_less, amount) = match (change.strip_prefix('-'), change.strip_prefix('+')) {
            (Some(amount), _) => (true, amount),
            (None, Some(amount)) => (false, amount),
            (None, None) => return Err(error()),
        };
        let change = if let Some(percent) = amount.strip_suffix('%') {
            let percent: f64 = percent.parse().map_err(|_| error())?;
            let is_fit = percent.is_finite() && percent >= 0.0 && !(is_less && percent > 100.0);
            if !is_fit {
                return Err(error());
            }
            Change::Percent(if is_less { -percent } else { percent })
        } else {
            let time = parse_duration(amount).ok_or_else(error)?;
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            if is_less { Change::LessNs(ns) } else { Change::MoreNs(ns) }
        };
        if name.is_empty() {
            return Err(error());
        }
        Ok(WhatIf { name: name.to_owned(), change })
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} took ", self.name)?;
        match self.change {
            Change::LessNs(ns) => write!(f, "{} less", write_duration(ns)),
            Change::MoreNs(ns) => write!(f, "{} more", write_duration(ns)),
            Change::Percent(percent) if percent < 0.0 => write!(f, "{} % less", -percent),
            Change::Percent(percent) => write!(f, "{percent} % more"),
        }
    }
}

impl WhatIf {
    /// By how much a thing that took `ns` would change, in nanoseconds; never below nothing. What
    /// took no time did not happen and does not change.
    pub fn change_ns(&self, ns: u64) -> i128 {
        if ns == 0 {
            return 0;
        }
        let ns = i128::from(ns);
        match self.change {
            Change::LessNs(less) => -i128::from(less).min(ns),
            Change::MoreNs(more) => i128::from(more),
            Change::Percent(percent) => (ns as f64 * percent / 100.0).round() as i128,
        }
    }

    /// Whether `name` is what changes; spaces, hyphens and underscores are the same.
    pub fn is_of(&self, name: &str) -> bool {
        let plain = |text: &str| text.replace(['_', '-'], " ").to_lowercase();
        self.name == name || plain(&self.name) == plain(name)
    }
}

/// What would have been.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The change.
    pub what_if: WhatIf,
    /// Requests that waited for what changes.
    pub with: u64,
    /// The durations as they were, of all requests.
    pub before: Sketch,
    /// The durations as they would have been.
    pub after: Sketch,
}

impl Outcome {
    pub(super) fn new(what_if: &WhatIf) -> Outcome {
        let (before, after) = Default::default();
        Outcome { what_if: what_if.clone(), with: 0, before, after }
    }

    /// Counts a request that took `duration_ns` and would have taken `change_ns` more.
    pub(super) fn add(&mut self, duration_ns: u64, change_ns: i128, is_with: bool) {
        self.with += u64::from(is_with);
        self.before.add(duration_ns);
        let after = (i128::from(duration_ns) + change_ns).clamp(0, i128::from(u64::MAX));
        self.after.add(after as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_applied_and_written() {
        for (text, of_5_ms, written) in [
            ("quorum=-2ms", -2_000_000, "quorum took 2.00 ms less"),
            ("quorum=-9ms", -5_000_000, "quorum took 9.00 ms less"),
            ("apply_lag=+1us", 1_000, "apply_lag took 1.00 µs more"),
            ("GET /?a=b=-50%", -2_500_000, "GET /?a=b took 50 % less"),
            ("x=+10%", 500_000, "x took 10 % more"),
        ] {
            let what_if: WhatIf = text.parse().unwrap();
            assert_eq!(what_if.change_ns(5_000_000), of_5_ms, "{text}");
            assert_eq!((what_if.change_ns(0), what_if.to_string()), (0, written.to_owned()));
        }
        for wrong in ["", "quorum", "quorum=2ms", "=-2ms", "q=-", "q=-101%", "q=-nan%", "q=-2"] {
            assert!(wrong.parse::<WhatIf>().is_err(), "{wrong}");
        }
        let lag: WhatIf = "apply_lag=-1ms".parse().unwrap();
        assert!(lag.is_of("apply lag") && !lag.is_of("quorum"));
    }
}
