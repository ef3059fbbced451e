//! Files in Latin-1: those that are not UTF-8 and say so in their `charset`.

/// What Graphviz calls the encoding.
const NAMES: [&[u8]; 7] =
    [b"latin-1", b"latin1", b"l1", b"iso-8859-1", b"iso_8859-1", b"iso8859-1", b"iso-ir-100"];

/// The attribute that names it.
const WORD: &[u8] = b"charset";

/// Whether a file says `charset=latin1`, wherever it does: a file that is no text cannot be read to
/// find out, and only those are asked.
pub(super) fn says_latin1(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let mut at = 0;
    while let Some(found) = lower[at..].windows(WORD.len()).position(|it| it == WORD) {
        at += found + WORD.len();
        let value = lower[at..].trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
        let value = value.map(|value| value.strip_prefix(b"\"").unwrap_or(value));
        let ends = |rest: &[u8]| rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let is_named =
            |value: &[u8]| NAMES.iter().any(|name| value.strip_prefix(*name).is_some_and(ends));
        if value.is_some_and(is_named) {
            return true;
        }
    }
    false
}

/// Each byte of Latin-1 is the character of that number.
pub(super) fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
