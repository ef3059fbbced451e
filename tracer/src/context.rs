//! What a span passes on to whatever it causes elsewhere: on a queue, in a callback, on a node.
//!
//! It is plain data, so that code which records nothing can carry it; `otel/context.rs` gets it
//! from spans and puts it into them.

use std::fmt;
use std::str::FromStr;

use crate::model::{SpanId, TraceId};

/// W3C trace flag: the span is recorded.
pub(crate) const SAMPLED: u8 = 1;

/// The place of a span in a trace: small, `Copy`, and valid long after the span has ended.
///
/// As text it is W3C's `traceparent`, version `00`:
///
/// ```
/// use raftlens_tracer::TraceContext;
///
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let context: TraceContext = text.parse()?;
/// assert!(context.is_sampled());
/// assert_eq!(context.to_string(), text);
/// # Ok::<(), raftlens_tracer::TraceParentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never zero.
    pub trace_id: TraceId,
    /// The span within it; never zero.
    pub span_id: SpanId,
    /// W3C trace flags; bit 0 says that the span is recorded.
    pub flags: u8,
}

impl TraceContext {
    /// Whether the span is recorded, so that what links to it will find it.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// What is wrong with a `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceParentError {
    /// It is too short, or its parts are not where they belong.
    #[error(
        "the traceparent {0:?} is not of the form 00-<32 hex>-<16 hex>-<2 hex>; pass on the header \
         as it was received"
    )]
    Malformed(String),
    /// Something else than lower-case hexadecimal digits.
    #[error(
        "the traceparent has {found:?} at byte {byte}, expected a hexadecimal digit 0-9 or a-f"
    )]
    NotHexadecimal {
        /// Where, from 0.
        byte: usize,
        /// What stands there.
        found: char,
    },
    /// Version `ff` is forbidden by the specification.
    #[error("the traceparent has version ff, which W3C forbids; start a new trace")]
    ForbiddenVersion,
    /// The trace id is all zero.
    #[error("the trace id of the traceparent is all zero; start a new trace")]
    ZeroTraceId,
    /// The span id is all zero.
    #[error("the span id of the traceparent is all zero; start a new trace")]
    ZeroSpanId,
}

/// The length of version 00, and the least of later ones.
const LENGTH: usize = 55;

impl FromStr for TraceContext {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let malformed = || TraceParentError::Malformed(text.chars().take(80).collect());
        let bytes = text.as_bytes();
        if bytes.len() < LENGTH || [2, 35, 52].iter().any(|place| bytes[*place] != b'-') {
            return Err(malformed());
        }
        let version = digits(text, 0, 2)?;
        if version == 0xff {
            return Err(TraceParentError::ForbiddenVersion);
        }
        // A later version may append fields after another dash; version 00 may not.
        let has_more = bytes.len() > LENGTH;
        if has_more && (version == 0 || bytes[LENGTH] != b'-') {
            return Err(malformed());
        }
        let trace_id = TraceId(digits(text, 3, 35)?);
        let span_id = SpanId(digits(text, 36, 52)? as u64);
        let flags = digits(text, 53, LENGTH)? as u8;
        match (trace_id.0, span_id.0) {
            (0, _) => Err(TraceParentError::ZeroTraceId),
            (_, 0) => Err(TraceParentError::ZeroSpanId),
            _ => Ok(TraceContext { trace_id, span_id, flags }),
        }
    }
}

/// The number in the bytes from `start` to `end`, which exist.
fn digits(text: &str, start: usize, end: usize) -> Result<u128, TraceParentError> {
    let bytes = &text.as_bytes()[start..end];
    bytes.iter().enumerate().try_fold(0, |number, (index, byte)| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => {
                let byte = start + index;
                let found = text.get(byte..).and_then(|rest| rest.chars().next());
                let found = found.unwrap_or(char::REPLACEMENT_CHARACTER);
                return Err(TraceParentError::NotHexadecimal { byte, found });
            }
        };
        Ok(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_survives_its_text() {
        let context = TraceContext { trace_id: TraceId(7), span_id: SpanId(u64::MAX), flags: 0 };
        assert_eq!(context.to_string().parse(), Ok(context));
        assert!(!context.is_sampled());
        let later = GOOD.replacen("00-", "cc-", 1) + "-what-comes-later";
        assert_eq!(later.parse::<TraceContext>(), GOOD.parse());
    }

    #[test]
    fn every_fault_has_its_error() {
        let error = |text: String| text.parse::<TraceContext>().unwrap_err();
        let malformed = |text: &str| matches!(error(text.into()), TraceParentError::Malformed(_));
        assert!(malformed("") && malformed("00-") && malformed(&format!("{GOOD}-more")));
        assert!(malformed(&GOOD.replace('-', "_")) && malformed(&"é".repeat(40)));
        let upper = error(GOOD.replace('f', "F"));
        assert_eq!(upper, TraceParentError::NotHexadecimal { byte: 5, found: 'F' });
        let wide = error(GOOD.replacen("0af", "0é", 1));
        assert_eq!(wide, TraceParentError::NotHexadecimal { byte: 4, found: 'é' });
        assert_eq!(error(GOOD.replacen("00-", "ff-", 1)), TraceParentError::ForbiddenVersion);
        let zero_trace = GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32));
        assert_eq!(error(zero_trace), TraceParentError::ZeroTraceId);
        let zero_span = GOOD.replace("b7ad6b7169203331", &"0".repeat(16));
        assert_eq!(error(zero_span), TraceParentError::ZeroSpanId);
    }
}
