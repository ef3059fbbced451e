//! A line of a script, taken apart into words of the kinds that commands ask for.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sim::play::mistake::Mistake;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Empty, or prose.
    Prose,
    /// What came of a command when the script was played last.
    Arrow,
    /// A command, with its name if it has one: `late: read n1 k`.
    Command { label: Option<&'a str>, words: Words<'a> },
}

impl<'a> Line<'a> {
    pub(super) fn parse(raw: &'a str) -> Self {
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            return Line::Prose;
        }
        if line.starts_with("->") {
            return Line::Arrow;
        }
        let mut words: VecDeque<&str> = line.split_whitespace().collect();
        let label = words.front().and_then(|word| word.strip_suffix(':'));
        if label.is_some() {
            words.pop_front();
        }
        Line::Command { label, words: Words(words) }
    }
}

/// The words of a line that no command has taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words<'a>(VecDeque<&'a str>);

impl<'a> Words<'a> {
    /// The next word; `what` it should be, for when there is none.
    pub(super) fn word(&mut self, what: &'static str) -> Result<&'a str, Mistake> {
        self.0.pop_front().ok_or(Mistake::Missing(what))
    }

    /// The next word, one of a few.
    pub(super) fn one_of(
        &mut self,
        what: &'static str,
        known: &[&'static str],
    ) -> Result<&'static str, Mistake> {
        let word = self.word(what)?;
        known.iter().copied().find(|it| *it == word).ok_or_else(|| Mistake::UnknownWord {
            word: word.to_owned(),
            what,
            known: known.join(", "),
        })
    }

    /// The next word, if it is this one.
    pub(super) fn flag(&mut self, word: &str) -> bool {
        let is_next = self.0.front() == Some(&word);
        if is_next {
            self.0.pop_front();
        }
        is_next
    }

    /// The value of the next word, if that is `key=value`.
    pub(super) fn option(&mut self, key: &str) -> Option<&'a str> {
        let value = self.0.front()?.strip_prefix(key)?.strip_prefix('=')?;
        self.0.pop_front();
        Some(value)
    }

    /// The next word, if it is `key=value`, whatever the key.
    pub(super) fn any_option(&mut self) -> Option<(&'a str, &'a str)> {
        let option = self.0.front()?.split_once('=')?;
        self.0.pop_front();
        Some(option)
    }

    /// The next word, if it is a span of time.
    pub(super) fn maybe_span(&mut self) -> Option<Duration> {
        let found = span(self.0.front()?).ok()?;
        self.0.pop_front();
        Some(found)
    }

    /// A span of time.
    pub(super) fn span(&mut self, what: &'static str) -> Result<Duration, Mistake> {
        span(self.word(what)?)
    }

    /// The next word, if it is a region such as `r2`; else the first region.
    pub(super) fn region(&mut self) -> u64 {
        let found = self.0.front().and_then(|word| numbered(word, 'r'));
        if found.is_some() {
            self.0.pop_front();
        }
        found.unwrap_or(1)
    }

    /// Whatever is left has been taken.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Nothing must be left.
    pub(super) fn end(&self) -> Result<(), Mistake> {
        match self.0.front() {
            Some(word) => Err(Mistake::Unexpected((*word).to_owned())),
            None => Ok(()),
        }
    }
}

/// `n3` is 3 by the letter n.
pub(super) fn numbered(word: &str, letter: char) -> Option<u64> {
    word.strip_prefix(letter)?.parse().ok()
}

/// `25ms`, `1s`, `500us` or `10ns`.
pub(super) fn span(word: &str) -> Result<Duration, Mistake> {
    let digits = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
    let (count, unit) = word.split_at(digits);
    let count: Option<u64> = count.parse().ok();
    let span = match (count, unit) {
        (Some(count), "s") => Some(Duration::from_secs(count)),
        (Some(count), "ms") => Some(Duration::from_millis(count)),
        (Some(count), "us") => Some(Duration::from_micros(count)),
        (Some(count), "ns") => Some(Duration::from_nanos(count)),
        (Some(_) | None, _) => None,
    };
    // A world counts in nanoseconds.
    let span = span.filter(|span| u64::try_from(span.as_nanos()).is_ok());
    let what = "a span of time, such as 25ms (s, ms, us, ns)";
    span.ok_or_else(|| Mistake::BadForm { word: word.to_owned(), what })
}

/// A number.
pub(super) fn number<T: std::str::FromStr>(word: &str) -> Result<T, Mistake> {
    let what = "a number that fits here";
    word.parse().map_err(|_| Mistake::BadForm { word: word.to_owned(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_prose_an_arrow_or_a_command() {
        assert_eq!(Line::parse("  "), Line::Prose);
        assert_eq!(Line::parse("# read n1 k"), Line::Prose);
        assert_eq!(Line::parse("  -> v1"), Line::Arrow);
        let Line::Command { label, mut words } = Line::parse("late: read n1 k  50ms") else {
            panic!("a command");
        };
        assert_eq!(label, Some("late"));
        assert_eq!(words.word("a command"), Ok("read"));
        assert_eq!((words.word("a node"), words.word("a key")), (Ok("n1"), Ok("k")));
        assert_eq!(words.maybe_span(), Some(Duration::from_millis(50)));
        assert_eq!(words.end(), Ok(()));
        assert_eq!(words.word("a value"), Err(Mistake::Missing("a value")));
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(span("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(span("7us"), Ok(Duration::from_micros(7)));
        for bad in ["", "25", "ms", "-1ms", "1.5ms", "3h", "99999999999999s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
