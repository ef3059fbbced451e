//! Listens, serves each connection, and ends in order: nothing new is taken, what is under way is
//! answered, and the last file is completed.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::body::Body;

use super::budget::Budget;
use super::counts::{Counts, Refusals};
use super::files::{Files, Plan};
use super::writer::{Queue, Writer};
use super::{Listen, ReceiverError, grpc, http};

/// When a refused request may come again.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long a connection may be silent before its first request or between two.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long requests that are under way have at the end.
const GRACE: Duration = Duration::from_secs(5);
/// How long the answers that are there have to leave at the end. A connection of gRPC is not closed
/// in order unless its peer joins in, and a peer that only waits does not.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Further connections wait until one ends.
const MOST_CONNECTIONS: usize = 256;
/// What is read from one connection before anybody asks for it.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// Requests at once on one connection of gRPC.
const MOST_STREAMS: u32 = 32;

/// What to receive, and where to write it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: Listen,
    /// The file to write. With rotation its name gets a number before its ending:
    /// `out-000001.otlp.jsonl`.
    pub output: PathBuf,
    /// Complete the file and begin a new one when it has so many bytes.
    pub rotate_bytes: Option<u64>,
    /// The same, so long after its first span.
    pub rotate_after: Option<Duration>,
    /// How many complete files stay, with rotation; the oldest are removed.
    pub most_files: Option<usize>,
    /// Whether each write reaches the disk before it is acknowledged. Off by default: then only
    /// complete files are sure to outlive a power cut.
    pub is_synced: bool,
    /// The receiver is [finished](Receiver::finished) after so many spans.
    pub most_spans: Option<u64>,
    /// The most bytes that a request may have, unpacked; 16 MiB by default.
    pub most_request_bytes: usize,
    /// The most bytes that requests may take while they wait; 64 MiB by default, and never less than
    /// four requests.
    pub most_waiting_bytes: usize,
    /// How long a request waits for room before it is refused; 5 s by default.
    pub patience: Duration,
}

impl Settings {
    /// One file, without rotation.
    pub fn new(listen: Listen, output: impl Into<PathBuf>) -> Self {
        Settings {
            listen,
            output: output.into(),
            rotate_bytes: None,
            rotate_after: None,
            most_files: None,
            is_synced: false,
            most_spans: None,
            most_request_bytes: 16 << 20,
            most_waiting_bytes: 64 << 20,
            patience: Duration::from_secs(5),
        }
    }

    fn plan(&self) -> Plan {
        Plan {
            path: self.output.clone(),
            rotate_bytes: self.rotate_bytes,
            rotate_after: self.rotate_after,
            most_files: self.most_files,
            is_synced: self.is_synced,
        }
    }
}

/// What every request goes through.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) budget: Budget,
    pub(super) queue: Queue,
    pub(super) refusals: Arc<Refusals>,
    pub(super) most_request_bytes: usize,
}

/// A receiver that runs. Dropping it ends it too, without waiting for the last file to be complete.
#[derive(Debug)]
pub struct Receiver {
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
    most_spans: Option<u64>,
    refusals: Arc<Refusals>,
    writer: Writer,
    /// Says to stop when it changes or is dropped.
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl Receiver {
    /// Listens and makes the file; from here on requests are taken. Needs a runtime of tokio with
    /// input, output and time.
    ///
    /// # Errors
    ///
    /// [`ReceiverError`]; nothing is left behind then.
    pub async fn start(settings: Settings) -> Result<Receiver, ReceiverError> {
        // The ports first: they tell whether another recorder runs, and leave nothing behind.
        let grpc = bind(settings.listen.grpc).await?;
        let http = bind(settings.listen.http).await?;
        let files = Files::open(settings.plan())?;
        let (queue, writer) = Writer::start(files)
            .map_err(|source| ReceiverError::Output { path: settings.output.clone(), source })?;
        let refusals = Arc::new(Refusals::default());
        let most_waiting = settings.most_waiting_bytes.max(4 * settings.most_request_bytes);
        let intake = Arc::new(Intake {
            budget: Budget::new(most_waiting, settings.patience),
            queue,
            refusals: Arc::clone(&refusals),
            most_request_bytes: settings.most_request_bytes,
        });
        let (stop, stopped) = watch::channel(false);
        let address = |listener: &Option<TcpListener>| {
            listener.as_ref().and_then(|listener| listener.local_addr().ok())
        };
        let (grpc_address, http_address) = (address(&grpc), address(&http));
        let mut listeners = JoinSet::new();
        let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        for listener in [grpc, http].into_iter().flatten() {
            let serve =
                accept(listener, Arc::clone(&intake), Arc::clone(&connections), stopped.clone());
            listeners.spawn(serve);
        }
        Ok(Receiver {
            grpc: grpc_address,
            http: http_address,
            most_spans: settings.most_spans,
            refusals,
            writer,
            stop,
            listeners,
        })
    }

    /// Where gRPC is taken; the port is the real one, also if port 0 was asked for.
    pub fn grpc(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// Where HTTP is taken.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// What was received so far.
    pub fn counts(&self) -> Counts {
        Counts { refused: self.refusals.snapshot(), ..self.writer.counts() }
    }

    /// Comes back when [`Settings::most_spans`] are written; never if none are set.
    pub async fn finished(&self) {
        let mut spans = self.writer.spans.clone();
        let most = self.most_spans.unwrap_or(u64::MAX);
        // An error means that the writing thread has ended; `stop` tells of it.
        let _ = spans.wait_for(|count| *count >= most).await;
    }

    /// Takes nothing new, answers what is under way, and completes the file.
    ///
    /// # Errors
    ///
    /// [`ReceiverError`] when the last file could not be completed; its `.part` is there then.
    pub async fn stop(mut self) -> Result<Counts, ReceiverError> {
        let _ = self.stop.send(true);
        let ended = timeout(GRACE, async { while self.listeners.join_next().await.is_some() {} });
        if ended.await.is_err() {
            // Whoever is cut off here has no acknowledgement, and will send again.
            self.listeners.shutdown().await;
        }
        drop(self.listeners);
        let writer = self.writer;
        let joined = tokio::task::spawn_blocking(move || writer.join());
        let counts = joined.await.map_err(|_| ReceiverError::WriterEnded)??;
        Ok(Counts { refused: self.refusals.snapshot(), ..counts })
    }
}

async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ReceiverError> {
    let Some(address) = address else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(ReceiverError::PortTaken { address })
        }
        Err(source) => Err(ReceiverError::Listen { address, source }),
    }
}

/// Takes connections until told to stop, then waits for those that are there.
async fn accept(
    listener: TcpListener,
    intake: Arc<Intake>,
    connections: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut served = JoinSet::new();
    loop {
        while served.try_join_next().is_some() {}
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            _ = stopped.changed() => break,
            (permit, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    let (intake, stopped) = (Arc::clone(&intake), stopped.clone());
                    served.spawn(async move {
                        serve(stream, intake, stopped).await;
                        drop(permit);
                    });
                }
                // Out of descriptors, or a connection that is gone already.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    while served.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, intake: Arc<Intake>, mut stopped: watch::Receiver<bool>) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(IDLE_TIMEOUT);
    let (active, mut requests) = watch::channel(0_usize);
    let service = service_fn(|request| {
        let active = Active::begin(&active);
        let answered = answer(Arc::clone(&intake), request);
        async move {
            let response = answered.await;
            drop(active);
            response
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error is a peer that went away or speaks no HTTP; there is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let silence = async {
                let _ = requests.wait_for(|count| *count == 0).await;
                sleep(LAST_WORDS).await;
            };
            tokio::select! {
                _ = connection => {}
                () = silence => {}
            }
        }
    }
}

/// Counts a request for as long as it is not answered, also when its peer goes away meanwhile.
struct Active(watch::Sender<usize>);

impl Active {
    fn begin(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Active(count.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Answers a request of either protocol, on either port.
async fn answer(
    intake: Arc<Intake>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let kind = request.headers().get(CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return Ok(http::answer(intake, request).await);
    }
    Ok(grpc::answer(intake, request).await)
}
