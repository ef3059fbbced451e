//! Reads traces of any size in batches: memory holds a window of the input and one batch of spans.

use std::io::{self, BufRead, Read};

use super::detect::{detect, without_byte_order_mark};
use super::fault::Parsed;
use super::intern::Builder;
use super::jaeger_stream::JaegerTraces;
use super::otlp_read::OtlpJson;
use super::proto_read::OtlpProtobuf;
use super::proto_shape::{Framing, framing_of};
use super::report::{self, ReadReport, Warning};
use super::unpack::{self, Packing, Unpacked};
use super::window::{CHUNK_BYTES, Filled, Window};
use super::{Format, FormatError, Position, read_document};
use crate::model::TraceSet;

/// How many bytes are looked at to tell the format.
const DETECT_BYTES: usize = 64 * 1024;
/// A batch ends early when so much text went into it.
const BATCH_BYTES: usize = 8 << 20;

/// Bounds for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// How many spans [`SpanStream`] hands out at a time, about; 512, which are still near the
    /// processor when they are used. A Jaeger trace is never split.
    pub batch_spans: usize,
    /// The most bytes that a thing which must be in memory as a whole may have: a span, a value
    /// beside spans that is passed over, a trace of Jaeger JSON, or in a stream a whole document of
    /// a format that is not read in pieces. 64 MB. No less than 128 KB is taken.
    pub most_item_bytes: usize,
    /// The most bytes that a packed input may unpack to when it is read as a whole; 1 GB. A stream
    /// has no such bound, since it does not keep what it has read.
    pub most_unpacked_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions { batch_spans: 512, most_item_bytes: 64 << 20, most_unpacked_bytes: 1 << 30 }
    }
}

/// Reads the trace in `input` in batches, whatever its format and packing.
///
/// # Errors
///
/// [`FormatError`] when the format is not one that is read; faults further on come from the stream.
///
/// # Examples
///
/// ```
/// use raftlens_tracer::format;
/// # let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":
/// #   "00000000000000000000000000000001","spanId":"0000000000000001","endTimeUnixNano":"7"}]}]}]}"#;
/// # let file = text.as_bytes();
/// let mut total_ns = 0;
/// for batch in format::stream(file)? {
///     total_ns += batch?.spans.iter().map(|span| span.duration_ns()).sum::<u64>();
/// }
/// assert_eq!(total_ns, 7);
/// # Ok::<(), format::FormatError>(())
/// ```
pub fn stream<R: BufRead>(input: R) -> Result<SpanStream<R>, FormatError> {
    stream_with(input, ReadOptions::default())
}

/// As [`stream`], with bounds of your own.
///
/// # Errors
///
/// As [`stream`].
pub fn stream_with<R: BufRead>(
    input: R,
    options: ReadOptions,
) -> Result<SpanStream<R>, FormatError> {
    SpanStream::open(input, None, options)
}

/// Batches of spans, each with its own resources; ends after the first fault.
///
/// The spans of one trace may stand in several batches, except in Jaeger JSON. What is whole before
/// a fault is handed out before the fault is. Chrome trace events and Zipkin JSON cannot be read in
/// pieces and come as one batch.
pub struct SpanStream<R> {
    window: Window<Unpacked<R>>,
    packing: Option<Packing>,
    format: Format,
    reader: PieceReader,
    builder: Builder,
    options: ReadOptions,
    /// How many bytes are read at most.
    most_bytes: u64,
    has_ended: bool,
    error: Option<FormatError>,
    /// What was noticed in a document that is read as a whole.
    noticed: Vec<Warning>,
}

/// What reads pieces of a format.
enum PieceReader {
    OtlpJson(OtlpJson),
    OtlpProtobuf(OtlpProtobuf),
    Jaeger(JaegerTraces),
    /// Nothing can: the document is read as a whole.
    Whole,
}

impl PieceReader {
    fn advance(
        &mut self,
        (bytes, before): (&[u8], usize),
        builder: &mut Builder,
        most_spans: usize,
    ) -> (usize, Parsed<()>) {
        match self {
            PieceReader::OtlpJson(reader) => reader.advance(bytes, builder, most_spans),
            PieceReader::OtlpProtobuf(reader) => {
                reader.advance((bytes, before), builder, most_spans)
            }
            PieceReader::Jaeger(reader) => reader.advance(bytes, builder, most_spans),
            PieceReader::Whole => (0, Ok(())),
        }
    }

    /// Whether the input may end with `rest`, which begins at its byte `at`.
    fn may_end(&self, rest: &[u8], at: usize) -> bool {
        match self {
            PieceReader::OtlpJson(reader) => reader.is_between() && rest.trim_ascii().is_empty(),
            PieceReader::OtlpProtobuf(reader) => reader.is_between(at) && rest.is_empty(),
            PieceReader::Jaeger(reader) => reader.is_at_end() && rest.trim_ascii().is_empty(),
            PieceReader::Whole => true,
        }
    }
}

impl<R: BufRead> SpanStream<R> {
    /// Looks at the beginning of `input`, in `format` or in the one that it turns out to be in.
    pub(super) fn open(
        input: R,
        format: Option<Format>,
        options: ReadOptions,
    ) -> Result<Self, FormatError> {
        let unpacked = Unpacked::new(input).map_err(FormatError::Io)?;
        let packing = unpacked.packing();
        let mut window = Window::new(unpacked, options.most_item_bytes, packing.is_some());
        while window.rest_bytes() < DETECT_BYTES && window.fill() == Filled::More {}
        if window.rest_bytes() == 0
            && let Some(error) = window.take_error()
        {
            return Err(failure(error, packing, window.position(0), 0));
        }
        let format = match format {
            Some(format) => format,
            None => detect(window.rest())?,
        };
        let reader = match format {
            Format::OtlpJson | Format::OtlpJsonLines => PieceReader::OtlpJson(OtlpJson::default()),
            Format::OtlpProtobuf => {
                let framing = framing_of(window.rest()).unwrap_or(Framing::None);
                PieceReader::OtlpProtobuf(OtlpProtobuf::new(framing))
            }
            Format::JaegerJson => PieceReader::Jaeger(JaegerTraces::default()),
            Format::ChromeJson | Format::ZipkinJson => PieceReader::Whole,
        };
        if format == Format::OtlpProtobuf {
            window.set_binary();
        } else {
            let mark = window.rest_bytes() - without_byte_order_mark(window.rest()).len();
            window.take(mark);
        }
        Ok(SpanStream {
            window,
            packing,
            format,
            reader,
            builder: Builder::default(),
            options,
            most_bytes: u64::MAX,
            has_ended: false,
            error: None,
            noticed: Vec::new(),
        })
    }

    /// The format that was found.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the input is packed, if it is.
    pub fn packing(&self) -> Option<Packing> {
        self.packing
    }

    /// How many bytes were read so far, after unpacking.
    pub fn bytes_read(&self) -> usize {
        self.window.taken()
    }

    /// What is odd about the input so far, beyond what its spans show: for those see
    /// [`oddities`](super::oddities).
    pub fn warnings(&self) -> Vec<Warning> {
        let noticed = report::noticed(&self.builder).into_iter();
        noticed.chain(self.noticed.iter().copied()).collect()
    }

    /// Reads until there are `most_spans` spans, or about as many bytes as belong into a batch;
    /// whether the input has ended.
    fn fill_batch(&mut self, most_spans: usize, most_bytes: usize) -> Result<bool, FormatError> {
        let first_byte = self.window.taken();
        loop {
            let taken = self.window.taken();
            let piece = (self.window.rest(), taken);
            let (taken, outcome) = self.reader.advance(piece, &mut self.builder, most_spans);
            match outcome {
                Ok(()) => {
                    self.window.take(taken);
                    return Ok(false);
                }
                Err(fault) if fault.is_cut() => self.window.take(taken),
                Err(fault) => {
                    let position = self.window.position(fault.at);
                    let whole_spans = self.builder.whole_spans();
                    return Err(FormatError::from_fault(
                        self.format,
                        *fault,
                        position,
                        whole_spans,
                    ));
                }
            }
            if most_spans == usize::MAX {
                self.make_room();
            }
            let has_enough = self.window.taken() - first_byte >= most_bytes;
            if has_enough && !self.builder.traces.spans.is_empty() {
                return Ok(false);
            }
            if self.fill()? == Filled::End {
                return self.end().map(|()| true);
            }
        }
    }

    /// Makes room for as many spans as there will be if they go on as they began, where it is known
    /// how much is to come: a list that grows on its own is moved as a whole each time.
    fn make_room(&mut self) {
        let to_come = self.window.bytes_to_come();
        let spans = &mut self.builder.traces.spans;
        let a_byte = spans.len() as f64 / self.window.taken().max(1) as f64;
        let expected = |bytes: usize| (bytes as f64 * a_byte * 1.1) as usize;
        let free = spans.capacity() - spans.len();
        if free < expected(to_come.min(2 * CHUNK_BYTES)) {
            // Where there is no memory for what was only expected, there may be for what comes.
            let _ = spans.try_reserve_exact(expected(to_come));
        }
    }

    /// Fills the window further, within the bounds.
    fn fill(&mut self) -> Result<Filled, FormatError> {
        let whole_spans = self.builder.whole_spans();
        let read = (self.window.taken() + self.window.rest_bytes()) as u64;
        if let Some(packing) = self.packing
            && read > self.most_bytes
        {
            let limit = self.most_bytes;
            return Err(FormatError::UnpacksToTooMuch { packing, limit, whole_spans });
        }
        match self.window.fill() {
            Filled::Failed => {
                let position = self.window.position(self.window.rest_bytes());
                let error = self.window.take_error().unwrap_or(io::ErrorKind::Other.into());
                if self.packing.is_some() && unpack::is_cut(&error) {
                    return Err(FormatError::Cut { format: self.format, position, whole_spans });
                }
                Err(failure(error, self.packing, position, whole_spans))
            }
            Filled::Full => Err(FormatError::TooLarge {
                format: self.format,
                position: self.window.position(0),
                limit: self.options.most_item_bytes,
                whole_spans,
            }),
            filled => Ok(filled),
        }
    }

    /// Checks that the input may end where it does.
    fn end(&mut self) -> Result<(), FormatError> {
        let (taken, rest_bytes) = (self.window.taken(), self.window.rest_bytes());
        match self.reader.may_end(self.window.rest(), taken) {
            true => Ok(()),
            false => Err(FormatError::Cut {
                format: self.format,
                position: self.window.position(rest_bytes),
                whole_spans: self.builder.whole_spans(),
            }),
        }
    }

    fn take_batch(&mut self) -> TraceSet {
        match &mut self.reader {
            PieceReader::OtlpJson(reader) => reader.take_batch(&mut self.builder),
            PieceReader::OtlpProtobuf(reader) => reader.take_batch(&mut self.builder),
            PieceReader::Jaeger(_) | PieceReader::Whole => self.builder.take_batch(),
        }
    }

    /// Reads everything into one set.
    pub(super) fn read_whole(mut self) -> ReadReport {
        let most_bytes = match self.packing {
            Some(_) => self.options.most_unpacked_bytes,
            None => u64::MAX,
        };
        match self.reader {
            PieceReader::OtlpJson(_) | PieceReader::OtlpProtobuf(_) => {}
            PieceReader::Jaeger(_) | PieceReader::Whole => {
                return self.read_as_document(most_bytes);
            }
        }
        self.most_bytes = most_bytes;
        let error = self.fill_batch(usize::MAX, usize::MAX).err();
        match &mut self.reader {
            PieceReader::OtlpJson(reader) => reader.finish(&mut self.builder),
            PieceReader::OtlpProtobuf(reader) => reader.finish(&mut self.builder),
            PieceReader::Jaeger(_) | PieceReader::Whole => {}
        }
        report::finish(self.builder, self.format, error)
    }

    /// Reads a document that must be in memory as a whole, of at most `most_bytes` bytes.
    fn read_as_document(self, most_bytes: u64) -> ReadReport {
        let limit = self.options.most_unpacked_bytes;
        let too_much = |whole_spans| {
            let packing = self.packing?;
            Some(FormatError::UnpacksToTooMuch { packing, limit, whole_spans })
        };
        let SpanStream { window, packing, format, .. } = self;
        let skipped = window.taken();
        let mut bytes = Vec::new();
        let mut input = window.into_reader().take(most_bytes.saturating_add(1));
        let outcome = input.read_to_end(&mut bytes);
        let mut report = read_document(&bytes, (format, skipped, packing.is_some()));
        let whole_spans = report.traces.spans.len();
        let position = || Position::at_end_of(&bytes, packing.is_some());
        match outcome {
            Err(error) if packing.is_some() && unpack::is_cut(&error) => {
                // What was unpacked may be whole all the same.
                let cut = || FormatError::Cut { format, position: position(), whole_spans };
                report.error.get_or_insert_with(cut);
            }
            Err(error) => {
                report.error = Some(failure(error, packing, position(), whole_spans));
            }
            Ok(length) if length as u64 > most_bytes => report.error = too_much(whole_spans),
            Ok(_) => {}
        }
        report
    }

    /// Reads a document that cannot be read in pieces, as one batch.
    fn read_only_batch(&mut self) -> Option<Result<TraceSet, FormatError>> {
        self.has_ended = true;
        loop {
            match self.fill() {
                Ok(Filled::End) => break,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        let place = (self.format, self.window.taken(), self.packing.is_some());
        let report = read_document(self.window.rest(), place);
        self.error = report.error;
        self.noticed = report.warnings;
        self.noticed.retain(|warning| !warning.is_of_spans());
        match report.traces.spans.is_empty() {
            true => self.error.take().map(Err),
            false => Some(Ok(report.traces)),
        }
    }
}

/// The fault of an input that cannot be read on.
fn failure(
    error: io::Error,
    packing: Option<Packing>,
    position: Position,
    whole_spans: usize,
) -> FormatError {
    match packing {
        // What the system says is no damage.
        Some(packing) if error.raw_os_error().is_none() => {
            FormatError::Damaged { packing, position, whole_spans, reason: error.to_string() }
        }
        _ => FormatError::Io(error),
    }
}

impl<R: BufRead> Iterator for SpanStream<R> {
    type Item = Result<TraceSet, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let (PieceReader::Whole, false) = (&self.reader, self.has_ended) {
            return self.read_only_batch();
        }
        while !self.has_ended {
            match self.fill_batch(self.options.batch_spans.max(1), BATCH_BYTES) {
                Ok(has_ended) => self.has_ended = has_ended,
                Err(error) => {
                    self.has_ended = true;
                    self.error = Some(error);
                }
            }
            let batch = self.take_batch();
            if !batch.spans.is_empty() {
                return Some(Ok(batch));
            }
        }
        self.error.take().map(Err)
    }
}
