//! Short texts as a few numbers, for [`Interner`](super::intern::Interner): to hash and to compare
//! those takes a fraction of what it takes to go through a text of any length.
//!
//! The first and the last bytes of a text overlap in the middle. Of texts of one length, the numbers
//! are equal if the texts are, and only then.

/// The words of a text of 8 to 16 bytes.
#[inline(always)]
pub(super) fn of_8_to_16(text: &[u8]) -> [u64; 2] {
    [word(text, 0), word(text, text.len() - 8)]
}

/// The words of a text of 16 to 32 bytes.
#[inline(always)]
pub(super) fn of_16_to_32(text: &[u8]) -> [u64; 4] {
    let end = text.len();
    [word(text, 0), word(text, 8), word(text, end - 16), word(text, end - 8)]
}

/// The words of a text of 4 to 8 bytes.
#[inline(always)]
pub(super) fn of_4_to_8(text: &[u8]) -> [u64; 1] {
    [half_word(text, 0) << 32 | half_word(text, text.len() - 4)]
}

/// The words of a text of up to 3 bytes.
#[inline(always)]
pub(super) fn of_0_to_4(text: &[u8]) -> [u64; 1] {
    match text {
        [] => [0],
        [first, ..] => {
            let (middle, last) = (text[text.len() / 2], text[text.len() - 1]);
            [u64::from(*first) << 16 | u64::from(middle) << 8 | u64::from(last)]
        }
    }
}

/// The eight bytes at `at`.
#[inline(always)]
fn word(text: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(text[at..at + 8].try_into().unwrap_or_default())
}

/// The four bytes at `at`.
#[inline(always)]
fn half_word(text: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(text[at..at + 4].try_into().unwrap_or_default()))
}

/// Whether all words are equal; without a branch for each.
#[inline(always)]
pub(super) fn are_equal<const N: usize>(left: [u64; N], right: [u64; N]) -> bool {
    left.iter().zip(right).fold(0, |differences, (left, right)| differences | (left ^ right)) == 0
}

/// A hash of the words of a text of `length` bytes. Its high bits depend on all of them; who makes
/// texts meet on purpose gains nothing, so it needs no secret.
#[inline(always)]
pub(super) fn hash<const N: usize>(words: [u64; N], length: usize) -> u64 {
    // Digits of pi, as good as any.
    const SEEDS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];
    let mut hash = SEEDS[0] ^ length as u64;
    for pair in words.chunks(2) {
        let second = pair.get(1).copied().unwrap_or_default();
        let product = u128::from(pair[0] ^ hash) * u128::from(second ^ SEEDS[1]);
        hash = product as u64 ^ (product >> 64) as u64;
    }
    hash
}
