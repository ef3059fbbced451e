//! The ways to record the same read.

use std::fmt::Debug;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter};
use raftlens_tracer::kind;
use raftlens_tracer::recorder::{FlightRecorder, Kind};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

/// The spans of one read.
pub(crate) const SPANS: usize = 7;

/// Who records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variant {
    /// Nobody: the macros are there, and switched off.
    Nothing,
    /// The least that recording a span can take: two readings of the clock and a cache line.
    Floor,
    /// `tracing-opentelemetry`, every span sampled, a batch processor that throws them away.
    OpenTelemetry,
    /// fastrace with properties, a reporter that throws the spans away.
    Fastrace,
    /// A subscriber that is given every span and field, and does nothing with them: what `tracing`
    /// takes by itself.
    Tracing,
    /// The flight recorder as the subscriber.
    Recorder,
    /// The same beside another subscriber that wants warnings.
    Tee,
    /// The same as a layer on a registry.
    Layer,
    /// The recorder's own calls, without `tracing`.
    Calls,
    /// The recorder's stage marks: a root, and six stages without fields.
    Marks,
}

impl Variant {
    pub(crate) const ALL: [Variant; 10] = [
        Variant::Nothing,
        Variant::Floor,
        Variant::OpenTelemetry,
        Variant::Fastrace,
        Variant::Tracing,
        Variant::Recorder,
        Variant::Tee,
        Variant::Layer,
        Variant::Calls,
        Variant::Marks,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Variant::Nothing => "nothing",
            Variant::Floor => "floor",
            Variant::OpenTelemetry => "tracing-opentelemetry",
            Variant::Fastrace => "fastrace",
            Variant::Tracing => "tracing",
            Variant::Recorder => "recorder",
            Variant::Tee => "recorder-tee",
            Variant::Layer => "recorder-layer",
            Variant::Calls => "recorder-calls",
            Variant::Marks => "recorder-marks",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Variant> {
        Variant::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// Sets the recording up for the whole program.
    pub(crate) fn install(self) -> Recording {
        let recorder = FlightRecorder::builder().service_name("bench").build();
        let global = tracing::subscriber::set_global_default::<FlightRecorder>;
        let mut provider = None;
        match self {
            Variant::Tracing => tracing::subscriber::set_global_default(Listener).unwrap(),
            Variant::Recorder => global(recorder.clone()).unwrap(),
            Variant::Tee => {
                let other = tracing_subscriber::registry().with(LevelFilter::WARN);
                tracing::subscriber::set_global_default(recorder.tee(other)).unwrap();
            }
            Variant::Layer => {
                let subscriber = tracing_subscriber::registry().with(recorder.layer());
                tracing::subscriber::set_global_default(subscriber).unwrap();
            }
            Variant::OpenTelemetry => {
                let made = SdkTracerProvider::builder()
                    .with_span_processor(BatchSpanProcessor::builder(Nowhere).build())
                    .build();
                let layer = tracing_opentelemetry::layer().with_tracer(made.tracer("bench"));
                let subscriber = tracing_subscriber::registry().with(layer);
                tracing::subscriber::set_global_default(subscriber).unwrap();
                provider = Some(made);
            }
            Variant::Fastrace => {
                fastrace::set_reporter(ToNowhere, fastrace::collector::Config::default());
            }
            Variant::Nothing | Variant::Floor | Variant::Calls | Variant::Marks => {}
        }
        Recording { recorder, lines: Lines::default(), _provider: provider }
    }

    /// One read.
    #[inline(always)]
    pub(crate) fn read(self, recording: &Recording) {
        match self {
            Variant::Floor => recording.lines.read(),
            Variant::Fastrace => fastrace_read(),
            Variant::Calls => calls_read(&recording.recorder),
            Variant::Marks => marks_read(&recording.recorder),
            _ => traced_read(),
        }
    }
}

/// What has to live as long as the measurement.
pub(crate) struct Recording {
    recorder: FlightRecorder,
    lines: Lines,
    _provider: Option<SdkTracerProvider>,
}

/// Is told everything, and remembers nothing.
struct Listener;

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Heard);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, _: Id) -> bool {
        true
    }
}

struct Heard;

impl Visit for Heard {
    fn record_u64(&mut self, _: &Field, value: u64) {
        black_box(value);
    }

    fn record_i64(&mut self, _: &Field, value: i64) {
        black_box(value);
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        black_box(value);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        black_box(spans);
        Ok(())
    }
}

struct ToNowhere;

impl fastrace::collector::Reporter for ToNowhere {
    fn report(&mut self, spans: Vec<fastrace::collector::SpanRecord>) {
        black_box(spans);
    }
}

/// The names of the stages; each holds two numbers and a text.
macro_rules! stages {
    ($macro:ident) => {
        $macro!(
            "async_snapshot",
            "route",
            "propose",
            "inspect",
            "read_index",
            "apply_reads",
            "response"
        )
    };
}

fn work(number: u64) -> u64 {
    black_box(black_box(number).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[inline(never)]
fn traced_read() {
    macro_rules! nested {
        ($name:literal $(, $rest:literal)*) => {{
            let span = info_span!($name, region = work(7), term = 5_i64, mode = "read_index");
            let _entered = span.enter();
            work(1);
            nested!($($rest),*);
        }};
        () => {};
    }
    stages!(nested);
}

#[inline(never)]
fn fastrace_read() {
    use fastrace::Span;
    use fastrace::local::LocalSpan;
    use fastrace::prelude::SpanContext;
    macro_rules! nested {
        ($name:literal $(, $rest:literal)*) => {{
            let _span = LocalSpan::enter_with_local_parent($name).with_properties(properties);
            work(1);
            nested!($($rest),*);
        }};
        () => {};
    }
    fn properties() -> [(&'static str, String); 3] {
        [
            ("region", work(7).to_string()),
            ("term", 5.to_string()),
            ("mode", "read_index".to_owned()),
        ]
    }
    macro_rules! rooted {
        ($name:literal $(, $rest:literal)*) => {{
            let root = Span::root($name, SpanContext::random()).with_properties(properties);
            let _entered = root.set_local_parent();
            work(1);
            nested!($($rest),*);
        }};
    }
    stages!(rooted);
}

#[inline(never)]
fn calls_read(recorder: &FlightRecorder) {
    macro_rules! nested {
        ($parent:ident, $name:literal $(, $rest:literal)*) => {{
            static KIND: Kind = kind!($name, "region", "term", "mode");
            let span = $parent.child(&KIND, |values| {
                values.unsigned(0, work(7)).int(1, 5).text(2, "read_index")
            });
            work(1);
            nested!(span $(, $rest)*);
        }};
        ($parent:ident) => { let _ = &$parent; };
    }
    macro_rules! rooted {
        ($name:literal $(, $rest:literal)*) => {{
            static KIND: Kind = kind!($name, "region", "term", "mode");
            let root = recorder.start(&KIND, |values| {
                values.unsigned(0, work(7)).int(1, 5).text(2, "read_index")
            });
            work(1);
            nested!(root $(, $rest)*);
        }};
    }
    stages!(rooted);
}

#[inline(never)]
fn marks_read(recorder: &FlightRecorder) {
    macro_rules! marked {
        ($name:literal $(, $rest:literal)*) => {{
            static KIND: Kind = kind!($name, "region", "term", "mode");
            let mut root = recorder.start(&KIND, |values| {
                values.unsigned(0, work(7)).int(1, 5).text(2, "read_index")
            });
            work(1);
            $({
                static STAGE: Kind = kind!($rest);
                root.mark(&STAGE);
                work(7);
                work(1);
            })*
        }};
    }
    stages!(marked);
}

/// A ring of cache lines: a mebibyte, as a recorder without any sense would have it.
struct Lines {
    lines: Box<[[AtomicU64; 8]]>,
    next: AtomicU64,
    #[cfg(not(target_arch = "x86_64"))]
    start: std::time::Instant,
}

impl Default for Lines {
    fn default() -> Self {
        Lines {
            lines: (0..1 << 14).map(|_| std::array::from_fn(|_| AtomicU64::new(0))).collect(),
            next: AtomicU64::new(0),
            #[cfg(not(target_arch = "x86_64"))]
            start: std::time::Instant::now(),
        }
    }
}

impl Lines {
    #[inline(never)]
    fn read(&self) {
        for span in 0..SPANS as u64 {
            let start = self.now();
            work(7);
            work(1);
            let end = self.now();
            let place = self.next.load(Ordering::Relaxed);
            self.next.store(place + 1, Ordering::Relaxed);
            let line = &self.lines[place as usize % self.lines.len()];
            for (word, value) in line.iter().zip([start, end, span, 1, 2, 3, 4, 5]) {
                word.store(value, Ordering::Relaxed);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: reads a register; a bench runs where the system allows it.
        #[allow(unsafe_code)]
        unsafe {
            std::arch::x86_64::_rdtsc()
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}
