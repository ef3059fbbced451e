//! The thread that writes: it takes requests from the queue, turns them into lines, and answers each
//! when its line is in the file. Requests that wait together are written together.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use hyper::body::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost14::Message as _;
use tokio::sync::{oneshot, watch};

use super::budget::Share;
use super::counts::Counts;
use super::files::Files;
use super::refusal::{Reason, Refusal};
use super::{ReceiverError, decode};
use crate::format::{self, Format, Interner};
use crate::model::TraceSet;

/// How many bytes are written at once at most, but for a single request that is larger.
const BATCH_BYTES: usize = 1 << 20;

/// A request as it came.
#[derive(Debug)]
pub(super) enum Payload {
    Message(Box<ExportTraceServiceRequest>),
    Protobuf(Bytes),
    Json(Bytes),
}

/// What was accepted of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) rejected_spans: u64,
}

type Answer = Result<Accepted, Refusal>;

/// A request that waits to be written.
#[derive(Debug)]
struct Job {
    payload: Payload,
    /// Held until the request is written.
    _share: Share,
    answer: oneshot::Sender<Answer>,
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub(super) struct Queue(Sender<Job>);

impl Queue {
    /// Has a request written, and waits for it.
    pub(super) async fn write(&self, payload: Payload, share: Share) -> Answer {
        let (answer, written) = oneshot::channel();
        let ended = || Refusal::new(Reason::NotWritten, "the recorder is ending");
        self.0.send(Job { payload, _share: share, answer }).map_err(|_| ended())?;
        written.await.map_err(|_| ended())?
    }
}

/// The thread, and what it has done.
#[derive(Debug)]
pub(super) struct Writer {
    thread: JoinHandle<Result<(), ReceiverError>>,
    counts: Arc<Mutex<Counts>>,
    /// How many spans were written; ends when the thread does.
    pub(super) spans: watch::Receiver<u64>,
}

impl Writer {
    pub(super) fn start(files: Files) -> io::Result<(Queue, Writer)> {
        let (queue, jobs) = channel();
        let counts = Arc::new(Mutex::new(Counts::default()));
        let (told, spans) = watch::channel(0);
        let theirs = Arc::clone(&counts);
        let thread =
            thread::Builder::new().name("raftlens-record".to_owned()).spawn(move || {
                Work { files, counts: theirs, interner: Interner::default(), lines: Vec::new() }
                    .run(&jobs, &told)
            })?;
        Ok((Queue(queue), Writer { thread, counts, spans }))
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the thread, which ends when all ways to it are gone; the last file is complete
    /// then.
    pub(super) fn join(self) -> Result<Counts, ReceiverError> {
        let Writer { thread, counts, .. } = self;
        thread.join().map_err(|_| ReceiverError::WriterEnded)??;
        Ok(counts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

struct Work {
    files: Files,
    counts: Arc<Mutex<Counts>>,
    interner: Interner,
    /// Lines that are not written yet.
    lines: Vec<u8>,
}

/// Requests whose lines are not written yet.
type Unanswered = Vec<(oneshot::Sender<Answer>, Accepted, u64)>;

impl Work {
    fn run(mut self, jobs: &Receiver<Job>, told: &watch::Sender<u64>) -> Result<(), ReceiverError> {
        loop {
            let next = match self.files.due_in() {
                Some(left) => jobs.recv_timeout(left),
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(job) => {
                    let spans = self.write(job, jobs);
                    told.send_modify(|total| *total += spans);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let rotated = self.files.rotate_if_due();
            self.note(rotated);
        }
        let finished = self.files.finish();
        self.note(Ok(()));
        finished
    }

    /// Writes a request, with those that wait behind it; yields how many spans.
    fn write(&mut self, first: Job, jobs: &Receiver<Job>) -> u64 {
        let mut unanswered = Unanswered::new();
        // The shares are held until all is written, since the lines take memory as well.
        let mut shares = Vec::new();
        let mut next = Some(first);
        while let Some(Job { payload, _share: share, answer }) = next {
            match self.add_line(payload) {
                Ok((accepted, spans)) => {
                    unanswered.push((answer, accepted, spans));
                    shares.push(share);
                }
                // Whoever asked may be gone.
                Err(refusal) => drop(answer.send(Err(refusal))),
            }
            let is_full = self.lines.len() >= BATCH_BYTES;
            let ends = is_full || self.files.is_full_with(self.lines.len());
            next = if ends { None } else { jobs.try_recv().ok() };
        }
        let outcome = match self.lines.is_empty() {
            true => Ok(()),
            false => self.files.append(&self.lines),
        };
        let bytes = self.lines.len() as u64;
        self.lines.clear();
        self.lines.shrink_to(2 * BATCH_BYTES);
        self.answer(unanswered, outcome, bytes)
    }

    fn answer(&mut self, unanswered: Unanswered, outcome: io::Result<()>, bytes: u64) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = outcome {
            let message = format!("the file could not be written: {error}");
            counts.last_fault = Some(message.clone());
            for (answer, ..) in unanswered {
                let _ = answer.send(Err(Refusal::new(Reason::NotWritten, message.clone())));
            }
            return 0;
        }
        let spans = unanswered.iter().map(|(.., spans)| spans).sum();
        counts.requests += unanswered.len() as u64;
        counts.spans += spans;
        counts.rejected_spans +=
            unanswered.iter().map(|(_, accepted, _)| accepted.rejected_spans).sum::<u64>();
        counts.bytes += bytes;
        drop(counts);
        for (answer, accepted, _) in unanswered {
            let _ = answer.send(Ok(accepted));
        }
        spans
    }

    /// Turns a request into a line; yields what of it is accepted, and how many spans the line has.
    fn add_line(&mut self, payload: Payload) -> Result<(Accepted, u64), Refusal> {
        let (traces, rejected_spans) = self.traces(payload)?;
        let spans = traces.spans.len() as u64;
        if spans > 0 {
            let before = self.lines.len();
            if let Err(error) = format::write(&traces, &mut self.lines, Format::OtlpJson) {
                self.lines.truncate(before);
                return Err(Refusal::new(Reason::Malformed, error.to_string()));
            }
        }
        Ok((Accepted { rejected_spans }, spans))
    }

    fn traces(&mut self, payload: Payload) -> Result<(TraceSet, u64), Refusal> {
        match payload {
            Payload::Message(request) => Ok(decode::traces(*request, &mut self.interner)),
            Payload::Protobuf(bytes) => match ExportTraceServiceRequest::decode(bytes) {
                Ok(request) => Ok(decode::traces(request, &mut self.interner)),
                Err(error) => Err(Refusal::new(Reason::Malformed, error.to_string())),
            },
            Payload::Json(bytes) => {
                let report = format::read_as(&bytes[..], Format::OtlpJson);
                match report.error {
                    Some(error) => Err(Refusal::new(Reason::Malformed, error.to_string())),
                    None => Ok((report.traces, 0)),
                }
            }
        }
    }

    /// Notes what became of the files.
    fn note(&mut self, outcome: io::Result<()>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.files.clone_from(&self.files.completed);
        if let Err(error) = outcome {
            counts.last_fault = Some(format!("the file could not be completed: {error}"));
        }
    }
}
