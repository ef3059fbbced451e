//! Lines with their continuations, and what of them is string or comment.

use std::borrow::Cow;

/// What the end of a line is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Code,
    String,
    Comment,
}

/// A line, with those joined to it by a backslash at their ends.
#[derive(Clone, Debug)]
pub(super) struct Line<'t> {
    /// Number of its first line in the file, from 1.
    pub(super) number: usize,
    /// How many lines of the file it is.
    pub(super) count: usize,
    /// Without line ends.
    pub(super) text: Cow<'t, str>,
    // Length of the part that was there before other lines were taken in.
    own: usize,
}

impl Line<'_> {
    /// Takes in the next line, for the arguments of a macro.
    pub(super) fn join(&mut self, more: &Line<'_>) {
        let text = self.text.to_mut();
        text.push(' ');
        text.push_str(more.text.trim_start());
        self.count += more.count;
    }

    /// The line as it was before others were taken in.
    pub(super) fn cut(mut self) -> Self {
        self.text = Cow::Owned(self.text[..self.own].to_owned());
        self.count = 1;
        self
    }
}

/// The lines of a file.
#[derive(Clone)]
pub(super) struct Lines<'t> {
    rest: &'t str,
    number: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Lines<'t> {
        Lines { rest: text.strip_prefix('\u{feff}').unwrap_or(text), number: 1 }
    }

    pub(super) fn next(&mut self) -> Option<Line<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let number = self.number;
        let mut text = Cow::Borrowed("");
        loop {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            let line = self.rest[..end].strip_suffix('\r').unwrap_or(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or("");
            self.number += 1;
            let joined = line.strip_suffix('\\').filter(|_| !self.rest.is_empty());
            let part = joined.unwrap_or(line);
            match text.is_empty() {
                true => text = Cow::Borrowed(part),
                false => text.to_mut().push_str(part),
            }
            if joined.is_none() {
                let own = text.len();
                return Some(Line { number, count: self.number - number, text, own });
            }
        }
    }

    /// Passes over lines up to the one behind the line `number`, if they were not read yet.
    pub(super) fn next_after(&mut self, number: usize) {
        while self.number <= number && self.next().is_some() {}
    }
}

/// The state behind a line.
pub(super) fn after(text: &str, state: State) -> State {
    let mut state = state;
    spans(text, &mut state, |_, _| {});
    state
}

/// Calls `visit` for each stretch of the line with what it is; a comment to the end of the line is
/// a comment.
pub(super) fn spans<'t>(text: &'t str, state: &mut State, mut visit: impl FnMut(&'t str, State)) {
    let bytes = text.as_bytes();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        match (*state, &bytes[at..]) {
            (State::Code, [b'"', ..]) => {
                visit(&text[start..at], State::Code);
                (start, *state) = (at, State::String);
                at += 1;
            }
            (State::Code, [b'/', b'/', ..]) => {
                visit(&text[start..at], State::Code);
                visit(&text[at..], State::Comment);
                return;
            }
            (State::Code, [b'/', b'*', ..]) => {
                visit(&text[start..at], State::Code);
                (start, *state) = (at, State::Comment);
                at += 2;
            }
            (State::String, [b'\\', _, ..]) => at += 2,
            (State::String, [b'"', ..]) => {
                at += 1;
                visit(&text[start..at], State::String);
                (start, *state) = (at, State::Code);
            }
            (State::Comment, [b'*', b'/', ..]) => {
                at += 2;
                visit(&text[start..at], State::Comment);
                (start, *state) = (at, State::Code);
            }
            _ => at += 1,
        }
    }
    if start < text.len() {
        visit(&text[start..], *state);
    }
}
