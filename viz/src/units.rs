//! Numbers as people read them: `1,204`, `850 ns`, `12.3 / 81.0 µs`.

use crate::latency::Latency;

/// A count with separators; from ten million on, in millions.
pub(crate) fn count(number: u64) -> String {
    match number {
        0..10_000_000 => separated(number),
        10_000_000..10_000_000_000 => format!("{} M", separated(number / 1_000_000)),
        10_000_000_000.. => format!("{} G", separated(number / 1_000_000_000)),
    }
}

/// A duration with three digits in the unit that fits.
pub fn duration(nanoseconds: u64) -> String {
    let unit = Unit::of(nanoseconds);
    format!("{} {}", unit.digits(nanoseconds), unit.name)
}

/// Median and 99th percentile, with one unit for both where that reads well.
pub(crate) fn p50_p99(latency: &Latency) -> Option<String> {
    let (p50, p99) = (latency.p50_ns()?, latency.p99_ns()?);
    // Zero has no unit of its own and takes that of the other.
    if Unit::of(p50).name != Unit::of(p99).name && p50 != 0 {
        return Some(format!("{} / {}", duration(p50), duration(p99)));
    }
    let unit = Unit::of(p99);
    Some(format!("{} / {} {}", unit.digits(p50), unit.digits(p99), unit.name))
}

/// A unit of time with its length.
struct Unit {
    name: &'static str,
    nanoseconds: f64,
}

impl Unit {
    /// The largest unit in which `nanoseconds`, once rounded to three digits, is at least one.
    fn of(nanoseconds: u64) -> Unit {
        const UNITS: [(&str, f64); 4] = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0)];
        let fits = |scale: f64| nanoseconds as f64 >= scale * 0.9995;
        let (name, nanoseconds) =
            UNITS.into_iter().find(|(_, scale)| fits(*scale)).unwrap_or(("ns", 1.0));
        Unit { name, nanoseconds }
    }

    /// Three digits, fewer only below a nanosecond's precision, more only for whole large numbers.
    fn digits(&self, nanoseconds: u64) -> String {
        let value = nanoseconds as f64 / self.nanoseconds;
        if self.nanoseconds == 1.0 || value >= 99.95 {
            separated(value.round() as u64)
        } else if value >= 9.995 {
            format!("{value:.1}")
        } else {
            format!("{value:.2}")
        }
    }
}

/// Digits in groups of three.
fn separated(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A whole number of things: `1 box`, `2 boxes`.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let table = [
            (0, "0 ns"),
            (850, "850 ns"),
            (1_234, "1.23 µs"),
            (12_340, "12.3 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (81_000_000, "81.0 ms"),
            (3_600_000_000_000, "3,600 s"),
        ];
        for (nanoseconds, text) in table {
            assert_eq!(duration(nanoseconds), text);
        }
    }

    #[test]
    fn counts_are_separated() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_204), "1,204");
        assert_eq!(count(9_999_999), "9,999,999");
        assert_eq!(count(12_999_999), "12 M");
        assert_eq!(count(u64::MAX), "18,446,744,073 G");
    }

    #[test]
    fn one_unit_where_both_fit() {
        let mut latency = Latency::new();
        assert_eq!(p50_p99(&latency), None);
        for duration in [12_000, 12_000, 80_000] {
            latency.record(duration);
        }
        assert_eq!(p50_p99(&latency).unwrap(), "12.0 / 80.0 µs");
        latency.record(900_000_000);
        assert_eq!(p50_p99(&latency).unwrap(), "12.0 µs / 900 ms");
    }
}
