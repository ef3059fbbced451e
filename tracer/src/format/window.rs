//! A part of the input that moves along it: what a parser holds in memory of a file of any size.
//!
//! A parser takes one thing after another from the beginning of the window. When a thing turns out
//! to be cut off by the window's end, the window is filled further and the thing is parsed again;
//! things are small beside the window, so that happens rarely.
//!
//! What is in memory already, as files are that were read as a whole, is parsed where it stands;
//! anything else passes through a buffer.

use std::io::{self, Read};

use memchr::{memchr_iter, memrchr};

use super::error::Position;

/// What is read at a time: small enough to stay in the second cache, large enough that few things
/// meet its end.
pub(super) const CHUNK_BYTES: usize = 128 << 10;
/// What is read first: most inputs are small.
const FIRST_BYTES: usize = 8 << 10;

/// What a window moves along.
pub(super) trait Input: Read {
    /// What is in memory already of that which comes next; nothing at the end, or if it is to be
    /// read before it can be seen.
    fn held(&mut self) -> io::Result<&[u8]>;

    /// Passes over so many bytes of that.
    fn pass(&mut self, bytes: usize);
}

/// The part of the input that is in memory.
pub(super) struct Window<R> {
    input: R,
    /// Whether the window is still on what the input holds, and not on the buffer.
    is_in_place: bool,
    buffer: Vec<u8>,
    /// The first byte that was not taken, and the end of what was seen.
    start: usize,
    end: usize,
    has_ended: bool,
    error: Option<io::Error>,
    /// The most bytes that are held at once.
    most_bytes: usize,
    /// Bytes and line breaks of the input before the buffer, and where the last line begins.
    bytes_before: usize,
    lines_before: usize,
    line_start: usize,
    is_unpacked: bool,
    /// Whether lines are counted.
    is_text: bool,
}

/// What an attempt to fill the window further has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    More,
    /// The input has ended.
    End,
    /// The window holds as much as it may.
    Full,
    /// The input cannot be read on; [`Window::take_error`] says why.
    Failed,
}

impl<R: Input> Window<R> {
    /// Holds at most `most_bytes` of `input`, but no less than can be read at a time.
    pub(super) fn new(input: R, most_bytes: usize, is_unpacked: bool) -> Self {
        Window {
            input,
            is_in_place: true,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            has_ended: false,
            error: None,
            most_bytes: most_bytes.max(CHUNK_BYTES),
            bytes_before: 0,
            lines_before: 0,
            line_start: 0,
            is_unpacked,
            is_text: true,
        }
    }

    /// From here on the input is binary, and has no lines.
    pub(super) fn set_binary(&mut self) {
        self.is_text = false;
    }

    /// What the window is on, from the first byte that it has not moved past.
    fn seen(&mut self) -> &[u8] {
        let seen = match self.is_in_place {
            true if self.end == 0 => None,
            true => self.input.held().ok().and_then(|held| held.get(..self.end)),
            false => self.buffer.get(..self.end),
        };
        seen.unwrap_or_default()
    }

    /// What was seen and not taken yet.
    pub(super) fn rest(&mut self) -> &[u8] {
        let start = self.start;
        self.seen().get(start..).unwrap_or_default()
    }

    /// How many bytes that is.
    pub(super) fn rest_bytes(&self) -> usize {
        self.end - self.start
    }

    /// How many bytes are still to come of what is read where it stands; elsewhere nobody knows.
    pub(super) fn bytes_to_come(&mut self) -> usize {
        let start = self.start;
        match self.is_in_place {
            true => self.input.held().map_or(0, |held| held.len().saturating_sub(start)),
            false => 0,
        }
    }

    /// How many bytes of the input were taken.
    pub(super) fn taken(&self) -> usize {
        self.bytes_before + self.start
    }

    /// Takes `bytes` bytes of the rest.
    pub(super) fn take(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Reads until the rest is at least twice as long: were it filled by a little at a time, a long
    /// thing would be parsed again for every little.
    pub(super) fn fill(&mut self) -> Filled {
        if self.error.is_some() {
            return Filled::Failed;
        }
        if self.has_ended {
            return Filled::End;
        }
        if self.rest_bytes() >= self.most_bytes {
            return Filled::Full;
        }
        self.move_to_front();
        let wanted = (2 * self.end).clamp(1, self.most_bytes);
        if self.is_in_place && self.see_more(wanted) {
            return Filled::More;
        }
        let room = (2 * self.buffer.len()).clamp(FIRST_BYTES, CHUNK_BYTES).max(wanted);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let before = self.end;
        while self.end < wanted && !self.has_ended && self.error.is_none() {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.has_ended = true,
                Ok(bytes) => self.end += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.error = Some(error),
            }
        }
        match () {
            // What came before an error is worth something.
            () if self.end > before => Filled::More,
            () if self.error.is_some() => Filled::Failed,
            () => Filled::End,
        }
    }

    /// Moves on over what the input holds, to see `wanted` bytes. `false` if that was all; what is
    /// left of it is in the buffer then.
    fn see_more(&mut self, wanted: usize) -> bool {
        match self.input.held() {
            Ok(held) if held.len() > self.end => {
                self.end = held.len().min(wanted.max(CHUNK_BYTES));
                return true;
            }
            Ok(held) => {
                self.buffer.extend_from_slice(held);
                self.input.pass(self.buffer.len());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.error = Some(error),
        }
        self.is_in_place = false;
        self.end = self.buffer.len();
        false
    }

    /// Why the input could not be read on.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Forgets what was taken, so that there is room behind the rest.
    fn move_to_front(&mut self) {
        let start = self.start;
        if self.is_text && start > 0 {
            let gone = self.seen().get(..start).unwrap_or_default();
            let (breaks, last) = (memchr_iter(b'\n', gone).count(), memrchr(b'\n', gone));
            self.lines_before += breaks;
            self.line_start = last.map_or(self.line_start, |last| self.bytes_before + last + 1);
        }
        match self.is_in_place {
            true => self.input.pass(start),
            false => self.buffer.copy_within(start..self.end, 0),
        }
        self.bytes_before += start;
        self.end -= start;
        self.start = 0;
    }

    /// Where in the input the byte at `offset` of the rest is.
    pub(super) fn position(&mut self, offset: usize) -> Position {
        let end = (self.start + offset).min(self.end);
        let (byte, is_unpacked) = (self.bytes_before + end, self.is_unpacked);
        if !self.is_text {
            return Position { byte, line: 0, column: 0, is_unpacked };
        }
        let passed = self.seen().get(..end).unwrap_or_default();
        let (breaks, last) = (memchr_iter(b'\n', passed).count(), memrchr(b'\n', passed));
        let line_start = last.map_or(self.line_start, |last| self.bytes_before + last + 1);
        let line = 1 + self.lines_before + breaks;
        Position { byte, line, column: 1 + byte - line_start, is_unpacked }
    }

    /// What is left of the input, as a reader.
    pub(super) fn into_reader(mut self) -> impl Read {
        if self.is_in_place {
            self.input.pass(self.start);
            (self.start, self.end) = (0, 0);
        }
        let Window { input, mut buffer, start, end, error, has_ended, .. } = self;
        buffer.truncate(end);
        buffer.drain(..start);
        io::Cursor::new(buffer).chain(Remaining { input, error, has_ended })
    }
}

/// What was not read of an input.
struct Remaining<R> {
    input: R,
    error: Option<io::Error>,
    has_ended: bool,
}

impl<R: Read> Read for Remaining<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.error.take() {
            Some(error) => Err(error),
            None if self.has_ended => Ok(0),
            None => self.input.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a slow pipe does.
    struct OneByOne<'a>(&'a [u8]);

    impl Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = buffer.len().min(1);
            (&self.0[..]).read(&mut buffer[..bytes]).inspect(|read| self.0 = &self.0[*read..])
        }
    }

    impl Input for OneByOne<'_> {
        fn held(&mut self) -> io::Result<&[u8]> {
            Ok(&[])
        }

        fn pass(&mut self, _: usize) {}
    }

    impl Input for &[u8] {
        fn held(&mut self) -> io::Result<&[u8]> {
            Ok(self)
        }

        fn pass(&mut self, bytes: usize) {
            *self = &self[bytes..];
        }
    }

    /// Holds the first `.1` bytes of what is left, and has more behind them.
    struct Partly<'a>(&'a [u8], usize);

    impl Read for Partly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.read(buffer)?;
            self.1 = self.1.saturating_sub(bytes);
            Ok(bytes)
        }
    }

    impl Input for Partly<'_> {
        fn held(&mut self) -> io::Result<&[u8]> {
            Ok(&self.0[..self.1])
        }

        fn pass(&mut self, bytes: usize) {
            (self.0, self.1) = (&self.0[bytes..], self.1 - bytes);
        }
    }

    #[test]
    fn a_window_doubles_and_ends() {
        let mut window = Window::new(OneByOne(b"abcdefg"), 1 << 20, false);
        let mut lengths = Vec::new();
        while window.fill() == Filled::More {
            lengths.push(window.rest_bytes());
        }
        assert_eq!(lengths, [1, 2, 4, 7]);
        window.take(3);
        assert_eq!(window.taken(), 3);
        assert_eq!(window.rest(), b"defg");
    }

    #[test]
    fn positions_count_from_the_beginning_of_the_input() {
        let text = b"ab\ncde\nf".repeat(1000);
        let mut window = Window::new(&text[..], 1 << 20, false);
        for _ in 0..2000 {
            if window.rest_bytes() < 4 {
                window.fill();
            }
            window.take(4);
        }
        let place = window.position(0);
        assert_eq!((place.byte, place.line, place.column), (8000, 2001, 2));
    }

    #[test]
    fn what_is_held_is_seen_where_it_stands() {
        let text = b"0123456\n".repeat(100_000);
        for held in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 3, 400_001, text.len()] {
            let mut window = Window::new(Partly(&text, held), 1 << 20, false);
            let (mut taken, mut places) = (Vec::new(), 0);
            loop {
                let rest = window.rest();
                let is_held = held > 0 && text.as_ptr_range().contains(&rest.as_ptr());
                assert_eq!(is_held, !rest.is_empty() && taken.len() + rest.len() <= held);
                // Things of five bytes, one of which lies across any end.
                let whole = rest.len() - rest.len() % 5;
                taken.extend_from_slice(&rest[..whole]);
                window.take(whole);
                let place = window.position(0);
                assert_eq!((place.byte, place.line), (taken.len(), 1 + taken.len() / 8));
                assert_eq!(place.column, 1 + taken.len() % 8);
                places += 1;
                if window.fill() != Filled::More {
                    break;
                }
            }
            assert!(taken == text && places > 4);
            assert_eq!(window.fill(), Filled::End);
        }
    }

    #[test]
    fn what_is_left_can_be_read() {
        let text = b"0123456789".repeat(50_000);
        for held in [0, 200_000, text.len()] {
            let mut window = Window::new(Partly(&text, held), 1 << 20, false);
            window.fill();
            window.take(12_345.min(window.rest_bytes()));
            let taken = window.taken();
            let mut rest = Vec::new();
            window.into_reader().read_to_end(&mut rest).unwrap();
            assert_eq!(rest, text[taken..]);
        }
    }

    #[test]
    fn a_window_is_full_at_its_limit() {
        let text = vec![b'x'; 3 * CHUNK_BYTES];
        let mut window = Window::new(&text[..], 0, false);
        while window.fill() == Filled::More {}
        assert_eq!(window.rest_bytes(), CHUNK_BYTES);
        assert_eq!(window.fill(), Filled::Full);
        window.take(1);
        assert_eq!(window.fill(), Filled::More);
    }
}
