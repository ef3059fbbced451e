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

/// Writes nanoseconds with three digits and the unit that fits: `850 ns`, `12.3 µs`, `1.04 ms`.
///
/// ```
/// # use raftlens_tracer::write_duration;
/// assert_eq!(write_duration(12_345), "12.3 µs");
/// ```
pub fn write_duration(nanoseconds: u64) -> String {
    let (unit, size) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => ("µs", 1e3),
        1_000_000..NS_PER_S => ("ms", 1e6),
        _ => ("s", 1e9),
    };
    let number = nanoseconds as f64 / size;
    let digits = if number < 9.995 {
        2
    } else if number < 99.95 {
        1
    } else {
        0
    };
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_duration_has_the_unit_that_fits() {
        let written = [0, 999, 1_000, 12_345, 999_400, 1_040_000, 17_486_500, 2_000_000_000];
        let texts =
            ["0 ns", "999 ns", "1.00 µs", "12.3 µs", "999 µs", "1.04 ms", "17.5 ms", "2.00 s"];
        assert_eq!(written.map(write_duration), texts);
    }

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
