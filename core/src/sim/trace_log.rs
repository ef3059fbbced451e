//! What happened, one printable line for each event, and one number for all of it.
//!
//! The columns of a line, separated by spaces:
//!
//! | column | example | meaning |
//! |---|---|---|
//! | time | `0.104233017` | true time, in seconds |
//! | node | `n1` | the node it happened on, `-` for none |
//! | event | `deliver` | what happened |
//! | detail | `n2@3 -> n1 MsgHeartbeat region=1 commit=7` | more of it; a message as its sender, the term it names, its receiver, its type, and the fields that are not zero |
//!
//! Two runs are the same if their lines are: the hash takes every byte of every line.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;

/// How many of the last lines are kept.
const LINES_KEPT: usize = 4000;

/// The lines of a world.
#[derive(Debug)]
pub(super) struct TraceLog {
    hash: u64,
    events: u64,
    lines: VecDeque<String>,
    kept_max: usize,
    /// Only lines of this span are kept, if it is set.
    kept_span: Option<Range<u64>>,
}

impl TraceLog {
    pub(super) fn new() -> Self {
        // The offset basis of FNV-1a.
        let hash = 0xcbf2_9ce4_8422_2325;
        TraceLog { hash, events: 0, lines: VecDeque::new(), kept_max: LINES_KEPT, kept_span: None }
    }

    /// Keeps every line from now on, for scripts that print what happened.
    pub(super) fn keep_all(&mut self) {
        self.kept_max = usize::MAX;
    }

    /// Keeps the lines of a span of true time alone, all of them.
    pub(super) fn keep_span(&mut self, span: Range<u64>) {
        (self.kept_max, self.kept_span) = (usize::MAX, Some(span));
    }

    /// Notes one event.
    pub(super) fn note(
        &mut self,
        now_ns: u64,
        node: Option<u64>,
        event: &str,
        detail: &dyn fmt::Display,
    ) {
        // The oldest line's memory serves the newest one.
        let mut line = match self.lines.len() < self.kept_max {
            true => String::with_capacity(96),
            false => self.lines.pop_front().unwrap_or_default(),
        };
        line.clear();
        push_seconds(&mut line, now_ns);
        match node {
            Some(node) => {
                line.push_str(" n");
                push_number(&mut line, node);
            }
            None => line.push_str(" -"),
        }
        line.push(' ');
        line.push_str(event);
        line.push(' ');
        // Writing to a string cannot fail.
        let _ = write!(line, "{detail}");
        self.hash = mix(self.hash, line.as_bytes());
        self.events += 1;
        if self.kept_span.as_ref().is_none_or(|span| span.contains(&now_ns)) {
            self.lines.push_back(line);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// FNV-1a over words of eight bytes, the last one filled up with the length.
pub(super) fn mix(mut hash: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        // A multiplication carries only upwards; this brings the high bits back down.
        hash ^= hash >> 29;
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    (hash ^ bytes.len() as u64).wrapping_mul(PRIME)
}

/// Writes a number without the machinery of `fmt`: a million lines a second go through here.
pub(super) fn push_number(line: &mut String, number: u64) {
    let mut digits = [0; 20];
    let mut place = digits.len();
    let mut rest = number;
    loop {
        place -= 1;
        digits[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits[place..].iter().for_each(|digit| line.push(char::from(*digit)));
}

fn push_seconds(line: &mut String, now_ns: u64) {
    push_number(line, now_ns / 1_000_000_000);
    line.push('.');
    let fraction = now_ns % 1_000_000_000;
    let mut unit = 100_000_000;
    while unit > 0 {
        line.push(char::from(b'0' + (fraction / unit % 10) as u8));
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_columns() {
        let mut log = TraceLog::new();
        log.note(1_000_000_042, Some(3), "tick", &"region=1");
        log.note(7, None, "fault", &"heal");
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines, ["1.000000042 n3 tick region=1", "0.000000007 - fault heal"]);
    }

    #[test]
    fn the_hash_tells_lines_apart() {
        let hash = |lines: &[&str]| {
            let mut log = TraceLog::new();
            lines.iter().for_each(|line| log.note(1, None, "x", line));
            log.hash()
        };
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
        let others = [hash(&["b", "a"]), hash(&["ab"]), hash(&["a"]), hash(&["a", "c"])];
        assert!(!others.contains(&hash(&["a", "b"])));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut log = TraceLog::new();
        (0..LINES_KEPT + 5).for_each(|count| log.note(0, None, "x", &count));
        assert_eq!(log.lines().count(), LINES_KEPT);
        assert_eq!(log.lines().next(), Some("0.000000000 - x 5"));
        assert_eq!(log.events(), LINES_KEPT as u64 + 5);
    }
}
