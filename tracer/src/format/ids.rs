//! Trace and span ids as text: hexadecimal in OTLP, anything at all in old Jaeger files.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::model::{SpanId, TraceId};

/// An OTLP id of `BYTES` bytes; zero when it is empty or missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HexId<const BYTES: usize>(pub(super) u128);

impl<'de, const BYTES: usize> Deserialize<'de> for HexId<BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor<const BYTES: usize>;
        impl<const BYTES: usize> Visitor<'_> for HexVisitor<BYTES> {
            type Value = HexId<BYTES>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an id of {} hexadecimal digits", BYTES * 2)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HexId<BYTES>, E> {
                if text.is_empty() {
                    return Ok(HexId(0));
                }
                hexadecimal(text, BYTES * 2)
                    .filter(|_| text.len() == BYTES * 2)
                    .map(HexId)
                    .ok_or_else(|| E::custom(wrong_id(text, BYTES)))
            }
        }
        deserializer.deserialize_str(HexVisitor)
    }
}

fn wrong_id(text: &str, bytes: usize) -> String {
    let expected = format!("{text:?} is not an id of {} hexadecimal digits", bytes * 2);
    // 16 bytes are 24 base64 digits and 8 bytes are 12: what plain proto3 JSON would write.
    let is_base64_length = text.len() == bytes.div_ceil(3) * 4;
    if is_base64_length && text.ends_with('=') {
        return format!(
            "{expected} but base64, as in Tempo's dialect, which is not read: export it as OTLP"
        );
    }
    expected
}

/// The number behind at most `most` hexadecimal digits, of either case.
fn hexadecimal(text: &str, most: usize) -> Option<u128> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits || text.len() > most {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// A Jaeger id as a number, and whether it had to be mapped. Ids that are not hexadecimal (or are
/// zero, which means "none" in OpenTelemetry) become a hash of their text: the same id in the same
/// and in other files becomes the same number.
pub(super) fn jaeger_trace_id(text: &str) -> (TraceId, bool) {
    match hexadecimal(text, 32) {
        Some(number) if number != 0 => (TraceId(number), false),
        _ => (TraceId(fnv1a_128(text)), true),
    }
}

/// As [`jaeger_trace_id`], for a span.
pub(super) fn jaeger_span_id(text: &str) -> (SpanId, bool) {
    match hexadecimal(text, 16) {
        Some(number) if number != 0 => (SpanId(number as u64), false),
        _ => {
            let hash = fnv1a_128(text);
            // Both halves take part; a zero would mean "no span".
            (SpanId(((hash >> 64) as u64 ^ hash as u64).max(1)), true)
        }
    }
}

/// FNV-1a with 128 bits: tiny, fixed for all time, and long enough that two ids of one file do not
/// meet by chance.
pub(super) fn fnv1a_128(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62272e07bb014262b821756295c58d;
    const PRIME: u128 = 0x0000000001000000000000000000013b;
    let hash =
        text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jaeger_ids_keep_their_number_or_get_a_stable_one() {
        assert_eq!(jaeger_trace_id("1f"), (TraceId(0x1f), false));
        assert_eq!(jaeger_trace_id("1F").0, jaeger_trace_id("1f").0);
        let (mapped, was_mapped) = jaeger_trace_id("Gate-7");
        assert!(was_mapped);
        assert_eq!(jaeger_trace_id("Gate-7").0, mapped);
        assert_ne!(jaeger_trace_id("Gate-8").0, mapped);
        assert!(jaeger_span_id("0").1, "zero is no span, so it cannot stay");
        assert_ne!(jaeger_span_id("0").0, SpanId(0));
        assert!(jaeger_span_id("00112233445566778899").1, "too long for a span id");
    }

    #[test]
    fn base64_ids_are_named_as_such() {
        let error = serde_json::from_str::<HexId<16>>("\"AAAAAAAAAAAAAAAAAAAAAQ==\"").unwrap_err();
        assert!(error.to_string().contains("Tempo"), "{error}");
        let error = serde_json::from_str::<HexId<8>>("\"12345\"").unwrap_err();
        assert!(error.to_string().contains("16 hexadecimal digits"), "{error}");
    }
}
