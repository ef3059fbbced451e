//! Reads what the command line says about seeds and times.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Why seeds or a time could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    /// What stands for a seed is no number.
    #[error("--seeds: {0:?} is no seed: write a number such as 17, or a range such as 1..2000")]
    Seed(String),
    /// A range that has nothing in it.
    #[error("--seeds: {0:?} is empty: the first seed must not be larger than the last")]
    EmptyRange(String),
    /// More seeds than anybody has time for.
    #[error("--seeds: that are more than {SEEDS_MAX} seeds")]
    TooManySeeds,
    /// A time without a number or a unit.
    #[error("--time: {0:?} is no time: write 500ms, 10s or 2m")]
    Time(String),
    /// A time out of range.
    #[error("--time: {0} is out of range: it must be from 1ms to 60m")]
    TimeRange(String),
}

/// Most seeds of one call.
const SEEDS_MAX: u64 = 100_000_000;

/// Seeds: `17`, `1..2000` with both ends, or several of these with commas between.
pub(crate) fn seeds(text: &str) -> Result<Vec<RangeInclusive<u64>>, ParseError> {
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| ParseError::Seed(part.into()));
    let mut ranges = Vec::new();
    for part in text.split(',').map(str::trim) {
        let range = match part.split_once("..") {
            Some((first, last)) => number(first)?..=number(last.trim_start_matches('='))?,
            None => number(part)?..=number(part)?,
        };
        if range.is_empty() {
            return Err(ParseError::EmptyRange(part.to_owned()));
        }
        ranges.push(range);
    }
    let total = ranges.iter().map(count).try_fold(0_u64, u64::checked_add);
    match total {
        Some(0..=SEEDS_MAX) => Ok(ranges),
        Some(_) | None => Err(ParseError::TooManySeeds),
    }
}

/// How many seeds a range has.
pub(crate) fn count(range: &RangeInclusive<u64>) -> u64 {
    (range.end() - range.start()).saturating_add(1)
}

/// A time with its unit.
pub(crate) fn time(text: &str) -> Result<Duration, ParseError> {
    let wrong = || ParseError::Time(text.to_owned());
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..end].parse().map_err(|_| wrong())?;
    let in_ms = match &text[end..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(in_ms) {
        Some(ms @ 1..=3_600_000) => Ok(Duration::from_millis(ms)),
        Some(_) | None => Err(ParseError::TimeRange(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_ranges_and_lists() {
        assert_eq!(seeds("17"), Ok(vec![17..=17]));
        assert_eq!(seeds("1..2000"), Ok(vec![1..=2000]));
        assert_eq!(seeds("1..=3, 9 ,20..20"), Ok(vec![1..=3, 9..=9, 20..=20]));
        assert_eq!(seeds("5..1"), Err(ParseError::EmptyRange("5..1".into())));
        for wrong in ["", "x", "1..", "1,,2", "-1", "1.5"] {
            assert!(matches!(seeds(wrong), Err(ParseError::Seed(_))), "{wrong}");
        }
        assert_eq!(seeds("0..18446744073709551615"), Err(ParseError::TooManySeeds));
        assert_eq!(seeds("1..60000000,1..60000000"), Err(ParseError::TooManySeeds));
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "1h", "1.5s", "-1s", "10 s"] {
            assert_eq!(time(wrong), Err(ParseError::Time(wrong.into())));
        }
        for far in ["0s", "61m", "18446744073709551615m"] {
            assert_eq!(time(far), Err(ParseError::TimeRange(far.into())));
        }
    }
}
