//! A part of the input that moves along it: what a parser holds in memory of a file of any size.
//!
//! A parser takes one thing after another from the beginning of the window. When a thing turns out
//! to be cut off by the window's end, the window is filled further and the thing is parsed again;
//! things are small beside the window, so that happens rarely.

use std::io::{self, Read};

use memchr::{memchr_iter, memrchr};

use super::error::Position;

/// What is read at a time: small enough to stay in the second cache, large enough that few things
/// meet its end.
const CHUNK_BYTES: usize = 128 << 10;
/// What is read first: most inputs are small.
const FIRST_BYTES: usize = 8 << 10;

/// The part of the input that is in memory.
pub(super) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    /// The first byte that was not taken, and the end of what was read.
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

impl<R: Read> Window<R> {
    /// Holds at most `most_bytes` of `input`, but no less than can be read at a time.
    pub(super) fn new(input: R, most_bytes: usize, is_unpacked: bool) -> Self {
        Window {
            input,
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

    /// What was read and not taken yet.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
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
        if self.rest().len() >= self.most_bytes {
            return Filled::Full;
        }
        self.move_to_front();
        let wanted = (2 * self.end).clamp(1, self.most_bytes);
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

    /// Why the input could not be read on.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Forgets what was taken, so that there is room behind the rest.
    fn move_to_front(&mut self) {
        let gone = if self.is_text { &self.buffer[..self.start] } else { &[] };
        let breaks = memchr_iter(b'\n', gone).count();
        if breaks > 0 {
            let last = memrchr(b'\n', gone).unwrap_or(0);
            self.line_start = self.bytes_before + last + 1;
            self.lines_before += breaks;
        }
        self.bytes_before += self.start;
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Where in the input the byte at `offset` of the rest is.
    pub(super) fn position(&self, offset: usize) -> Position {
        let end = (self.start + offset).min(self.end);
        let (byte, is_unpacked) = (self.bytes_before + end, self.is_unpacked);
        if !self.is_text {
            return Position { byte, line: 0, column: 0, is_unpacked };
        }
        let passed = &self.buffer[..end];
        let breaks = memchr_iter(b'\n', passed).count();
        let last = memrchr(b'\n', passed);
        let line_start = last.map_or(self.line_start, |last| self.bytes_before + last + 1);
        let line = 1 + self.lines_before + breaks;
        Position { byte, line, column: 1 + byte - line_start, is_unpacked }
    }

    /// What is left of the input, as a reader.
    pub(super) fn into_reader(self) -> impl Read {
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

    #[test]
    fn a_window_doubles_and_ends() {
        let mut window = Window::new(OneByOne(b"abcdefg"), 1 << 20, false);
        let mut lengths = Vec::new();
        while window.fill() == Filled::More {
            lengths.push(window.rest().len());
        }
        assert_eq!(lengths, [1, 2, 4, 7]);
        window.take(3);
        assert_eq!((window.rest(), window.taken()), (&b"defg"[..], 3));
    }

    #[test]
    fn positions_count_from_the_beginning_of_the_input() {
        let text = b"ab\ncde\nf".repeat(1000);
        let mut window = Window::new(&text[..], 1 << 20, false);
        for _ in 0..2000 {
            if window.rest().len() < 4 {
                window.fill();
            }
            window.take(4);
        }
        let place = window.position(0);
        assert_eq!((place.byte, place.line, place.column), (8000, 2001, 2));
    }

    #[test]
    fn a_window_is_full_at_its_limit() {
        let text = vec![b'x'; 3 * CHUNK_BYTES];
        let mut window = Window::new(&text[..], 0, false);
        while window.fill() == Filled::More {}
        assert_eq!(window.rest().len(), CHUNK_BYTES);
        assert_eq!(window.fill(), Filled::Full);
        window.take(1);
        assert_eq!(window.fill(), Filled::More);
    }
}
