//! Durations as people write them: `90s`, `15m`, `1.5ms`.

use std::time::Duration;

const NS_PER_S: u64 = 1_000_000_000;

/// The units of a duration, and how many nanoseconds each has.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", NS_PER_S),
    ("m", 60 * NS_PER_S),
    ("h", 3_600 * NS_PER_S),
    ("d", 86_400 * NS_PER_S),
];

/// Reads a number with one of the units `ns`, `us`, `ms`, `s`, `m`, `h` and `d`, like `90s` or
/// `1.5ms`; `None` if it is something else, or out of range.
///
/// ```
/// # use raftlens_tracer::parse_duration;
/// assert_eq!(parse_duration("1.5ms").map(|time| time.as_micros()), Some(1_500));
/// assert_eq!(parse_duration("90"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number: f64 = number.parse().ok()?;
    let seconds = number * *unit_ns as f64 / NS_PER_S as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5ms"), Some(Duration::from_micros(1_500)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse_duration("500µs"), Some(Duration::from_micros(500)));
        for wrong in ["", "s", "5", "-1s", "1h30m", "1..2s", "1e400s", "5 s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
