//! Trace and span ids as text: hexadecimal in OTLP, anything at all in old Jaeger files.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::model::{SpanId, TraceId};

/// The number behind an OTLP id of `BYTES` bytes; zero when it is empty. Hexadecimal as OTLP has it,
/// or base64 as plain protobuf JSON (Tempo's dialect) has it; the length tells them apart.
///
/// # Errors
///
/// What is wrong with it.
#[inline]
pub(super) fn otlp_id<const BYTES: usize>(text: &[u8]) -> Result<u128, String> {
    if text.len() == BYTES * 2
        && let Some(number) = all_hexadecimal(text)
    {
        return Ok(number);
    }
    other_id(text, BYTES)
}

fn other_id(text: &[u8], bytes: usize) -> Result<u128, String> {
    if text.is_empty() {
        return Ok(0);
    }
    // Trace ids of 64 bits are as old as Zipkin; some programs never filled them up.
    base64_bytes(text)
        .ok()
        .filter(|id| text.len() != bytes * 2 && (id.len() == bytes || id.len() == 8))
        .map(|id| id.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
        .ok_or_else(|| {
            let text = String::from_utf8_lossy(text);
            format!(
                "{text:?} is not an id of {} hexadecimal digits, nor {bytes} bytes in base64",
                bytes * 2
            )
        })
}

/// Base64 of either alphabet, padded or not, as proto3's JSON allows.
pub(super) fn base64_bytes(text: &[u8]) -> Result<Vec<u8>, base64::DecodeError> {
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .or_else(|_| URL_SAFE.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text))
}

/// The value of every byte as a hexadecimal digit; 16 and more for what is none.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// The number behind up to 32 hexadecimal digits, by table: half of the bytes of a small span are
/// ids.
#[inline]
fn all_hexadecimal(text: &[u8]) -> Option<u128> {
    let (mut number, mut wrong) = (0_u128, 0);
    for half in text.chunks(16) {
        let mut part = 0_u64;
        for byte in half {
            let digit = DIGITS[usize::from(*byte)];
            wrong |= digit;
            part = part << 4 | u64::from(digit & 0xf);
        }
        number = number << (4 * half.len()) | u128::from(part);
    }
    (wrong < 16).then_some(number)
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
    fn ids_are_told_by_their_length() {
        assert_eq!(otlp_id::<16>(b"000000000000000000000000000000fF"), Ok(0xff));
        assert_eq!(otlp_id::<16>(b"AAAAAAAAAAAAAAAAAAAAAQ=="), Ok(1));
        assert_eq!(otlp_id::<16>(b"_____________________w"), Ok(u128::MAX));
        assert_eq!(otlp_id::<8>(b"AAAAAAAAAQI="), Ok(0x102));
        assert_eq!(otlp_id::<16>(b"AAAAAAAAAQI="), Ok(0x102), "a trace id of 64 bits");
        assert_eq!(otlp_id::<8>(b""), Ok(0));
        for wrong in ["12345", "000000000000000g", "AAAAAAAAAAAAAAAAAAAAAQ=="] {
            let reason = otlp_id::<8>(wrong.as_bytes()).unwrap_err();
            assert!(reason.contains("16 hexadecimal digits"), "{reason}");
        }
    }
}
