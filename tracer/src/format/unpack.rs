//! Unpacks gzip and zstd on the way in, told by their first bytes. Several members or frames may
//! follow one another, as they do when files are appended to each other.
//!
//! Unpacked bytes are made only as they are asked for, so that what a small file unpacks to does not
//! matter for memory.

use std::fmt;
use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::BlockDecodingStrategy;
use ruzstd::decoding::FrameDecoder;

use super::window::Input;

/// The farthest that a zstd frame may refer back, which a reader must keep: what `zstd --long` asks
/// for.
const MOST_ZSTD_WINDOW_BYTES: u64 = 128 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Frames that hold anything but data; their first half byte is free.
const ZSTD_SKIPPED: [u8; 3] = [0x2a, 0x4d, 0x18];

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        })
    }
}

/// How the bytes that begin with `prefix` are packed, if they are.
pub(super) fn packing_of(prefix: &[u8]) -> Option<Packing> {
    if prefix.starts_with(&GZIP) {
        Some(Packing::Gzip)
    } else if prefix.starts_with(&ZSTD) || is_skipped_frame(prefix) {
        Some(Packing::Zstd)
    } else {
        None
    }
}

fn is_skipped_frame(prefix: &[u8]) -> bool {
    prefix.first().is_some_and(|first| first >> 4 == 5) && prefix[1..].starts_with(&ZSTD_SKIPPED)
}

/// An input with what was read of it to see how it is packed.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// An input, unpacked if it was packed.
pub(super) enum Unpacked<R> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
    Zstd(Box<ZstdFrames<Whole<R>>>),
}

impl<R: BufRead> Unpacked<R> {
    /// Looks at the first bytes of `input`.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut prefix = Vec::new();
        let packing = match input.fill_buf() {
            // Left where it is, and not looked at by reading it.
            Ok(held) if held.len() >= ZSTD.len() => packing_of(held),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {
                input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut prefix)?;
                packing_of(&prefix)
            }
        };
        let whole = Cursor::new(prefix).chain(input);
        Ok(match packing {
            None => Unpacked::Plain(whole),
            Some(Packing::Gzip) => Unpacked::Gzip(Box::new(MultiGzDecoder::new(whole))),
            Some(Packing::Zstd) => Unpacked::Zstd(Box::new(ZstdFrames::new(whole))),
        })
    }

    /// How it was packed.
    pub(super) fn packing(&self) -> Option<Packing> {
        match self {
            Unpacked::Plain(_) => None,
            Unpacked::Gzip(_) => Some(Packing::Gzip),
            Unpacked::Zstd(_) => Some(Packing::Zstd),
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacked::Plain(input) => input.read(buffer),
            Unpacked::Gzip(input) => input.read(buffer),
            Unpacked::Zstd(input) => input.read(buffer),
        }
    }
}

impl<R: BufRead> Input for Unpacked<R> {
    fn held(&mut self) -> io::Result<&[u8]> {
        match self {
            Unpacked::Plain(input) => input.fill_buf(),
            Unpacked::Gzip(_) | Unpacked::Zstd(_) => Ok(&[]),
        }
    }

    fn pass(&mut self, bytes: usize) {
        match self {
            Unpacked::Plain(input) => input.consume(bytes),
            Unpacked::Gzip(_) | Unpacked::Zstd(_) => {}
        }
    }
}

/// zstd frames that follow one another.
pub(super) struct ZstdFrames<R> {
    input: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MOST_ZSTD_WINDOW_BYTES);
        ZstdFrames { input, decoder, is_in_frame: false }
    }

    /// Goes to the next frame with data; `false` at the end of the input.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = Vec::new();
            self.input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
            if magic.is_empty() {
                return Ok(false);
            }
            if is_skipped_frame(&magic) {
                let mut length = [0; 4];
                self.input.read_exact(&mut length)?;
                let length = u64::from(u32::from_le_bytes(length));
                if io::copy(&mut self.input.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            let header = Cursor::new(magic).chain(&mut self.input);
            self.decoder.init(header).map_err(io::Error::other)?;
            self.is_in_frame = true;
            return Ok(true);
        }
    }

    /// Compares what the frame says of its content with what came out.
    fn check(&self) -> io::Result<()> {
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum is another one"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.is_in_frame || self.next_frame()? {
            if self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let bytes = self.decoder.read(buffer)?;
            if bytes > 0 {
                return Ok(bytes);
            }
            if self.decoder.is_finished() && self.decoder.can_collect() == 0 {
                self.check()?;
                self.is_in_frame = false;
            }
        }
        Ok(0)
    }
}

/// Whether unpacking failed because the packed bytes end too early.
pub(super) fn is_cut(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return true;
    }
    // The zstd decoder wraps the reader's error in its own.
    let mut cause: Option<&(dyn std::error::Error + 'static)> =
        error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>();
        if inner.is_some_and(|inner| inner.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = error.source();
    }
    false
}
