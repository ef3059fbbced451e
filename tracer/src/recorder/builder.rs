//! Sets a recorder up.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;

use super::address::{MOST_BLOCKS, Mixer};
use super::block::BLOCK_BYTES;
use super::collector::Collector;
use super::counts::Counters;
use super::histogram::Histograms;
use super::kept::{KeptList, Store};
use super::parked::Parked;
use super::pool::Pool;
use super::quota::Quotas;
use super::reasons::Reason;
use super::recording::Recording;
use super::rules::{Limits, Rules};
use super::ticks::{Clock, Timer};
use super::{Filter, FlightRecorder, Shared};
use crate::clock::TimeSource;
use crate::conventions::SERVICE_NAME;
use crate::level::LevelSwitch;
use crate::model::{Attribute, Resource, Value};

/// 16 MiB of blocks (8,192 traces of up to 15 spans at the same time), 12 MiB of kept traces, 4 MiB
/// of histograms.
const DEFAULT_BYTES: usize = 32 << 20;
/// So many traces may be kept each second for one reason.
const DEFAULT_QUOTA: u32 = 100;
/// So many blocks may one trace have: about a thousand spans.
const DEFAULT_MOST_BLOCKS: usize = 64;
/// How often the recorder's thread looks.
const DEFAULT_POLL: Duration = Duration::from_millis(20);

/// A recorder that is being set up. Without any rule it keeps what failed, what took longer than
/// almost all of its kind, two normal traces a second, and what has been open for a second.
#[must_use = "nothing is recorded before .build()"]
pub struct Builder {
    bytes: usize,
    most_blocks: usize,
    rules: Rules,
    quotas: HashMap<Reason, Option<u32>>,
    normal_per_second: u32,
    open_after: Option<Duration>,
    level: LevelFilter,
    filter: Option<Filter>,
    clock: Option<Clock>,
    seed: Option<u64>,
    resource: Vec<Attribute>,
    poll_every: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        let rules = Rules {
            limits: HashMap::new(),
            longest: None,
            percentile: Some((0.999, 1.0)),
            stage_percentile: None,
            flags: Vec::new(),
            keep_errors: true,
        };
        Builder {
            bytes: DEFAULT_BYTES,
            most_blocks: DEFAULT_MOST_BLOCKS,
            rules,
            quotas: HashMap::new(),
            normal_per_second: 2,
            open_after: Some(Duration::from_secs(1)),
            level: LevelFilter::INFO,
            filter: None,
            clock: None,
            seed: None,
            resource: Vec::new(),
            poll_every: Some(DEFAULT_POLL),
        }
    }
}

impl Builder {
    /// The memory that the recorder may take, in bytes: half of it for traces that are being
    /// recorded, 3/8 for those that were kept, 1/8 for histograms. 32 MiB by default.
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How many blocks of 2 KiB one trace may have (64 by default, about 1,000 spans).
    pub fn most_blocks_per_trace(mut self, blocks: usize) -> Self {
        self.most_blocks = blocks.max(1);
        self
    }

    /// The name of the service, for those who read the traces.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        let name: String = name.into();
        self.resource(SERVICE_NAME, Value::Str(name.into()))
    }

    /// An attribute of the service.
    pub fn resource(mut self, key: &str, value: Value) -> Self {
        self.resource.retain(|attribute| &*attribute.key != key);
        self.resource.push(Attribute { key: key.into(), value });
        self
    }

    /// Keeps a trace if a span called `name`, its root or not, takes longer than `limit`.
    pub fn keep_slower_than(mut self, name: impl Into<String>, limit: Duration) -> Self {
        self.rules.limits.insert(name.into(), limit);
        self
    }

    /// Keeps a trace if it takes longer than `limit`, whatever it is called.
    pub fn keep_all_slower_than(mut self, limit: Duration) -> Self {
        self.rules.longest = Some(limit);
        self
    }

    /// Keeps a trace if it takes longer than `times` what the share `share` of its kind took lately:
    /// `(0.99, 1.5)` keeps what takes longer than one and a half times the p99. `(0.999, 1.0)` by
    /// default.
    pub fn keep_beyond_percentile(mut self, share: f64, times: f64) -> Self {
        self.rules.percentile = Some((share, times));
        self
    }

    /// Has no moving percentiles.
    pub fn no_percentile(mut self) -> Self {
        self.rules.percentile = None;
        self
    }

    /// The same as [`keep_beyond_percentile`](Self::keep_beyond_percentile) for every span inside a
    /// trace. Off by default.
    pub fn keep_stages_beyond_percentile(mut self, share: f64, times: f64) -> Self {
        self.rules.stage_percentile = Some((share, times));
        self
    }

    /// Whether to keep traces with an error: a field `error`, `otel.status_code = "ERROR"`, or an
    /// event of level `ERROR`. Yes by default.
    pub fn keep_errors(mut self, keep: bool) -> Self {
        self.rules.keep_errors = keep;
        self
    }

    /// Keeps a trace if one of its spans or events has a field of this name, unless it is `false`:
    /// a retry, a changed leader.
    pub fn flag_on(mut self, field: impl Into<String>) -> Self {
        self.rules.flags.push(field.into());
        self
    }

    /// How many normal traces to keep each second, at most, to compare the others with. 2 by default.
    pub fn normal_per_second(mut self, traces: u32) -> Self {
        self.normal_per_second = traces;
        self
    }

    /// How many traces to keep each second for one reason; `None` for any number. 100 by default;
    /// no limit for [`Reason::Manual`], [`Reason::Linked`] and [`Reason::Open`].
    pub fn quota_per_second(mut self, reason: Reason, traces: Option<u32>) -> Self {
        self.quotas.insert(reason, traces);
        self
    }

    /// Shows traces that have been open for so long while they still are; `None` for never. One
    /// second by default.
    pub fn show_open_after(mut self, length: Option<Duration>) -> Self {
        self.open_after = length;
        self
    }

    /// Which spans and events are recorded at first; `INFO` by default.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.level = level;
        self
    }

    /// Records only what `filter` accepts. It is asked once for each callsite, and again when the
    /// level changes.
    pub fn filter(
        mut self,
        filter: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Takes the time from `time` instead of the machine.
    pub fn time(mut self, time: impl TimeSource) -> Self {
        self.clock = Some(Clock::Given(Box::new(time)));
        self
    }

    /// Makes trace and span ids from `seed` instead of at random, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How often the recorder's thread collects what was kept (20 ms by default); `None` for no
    /// thread: then [`FlightRecorder::poll`] has to be called.
    pub fn poll_every(mut self, interval: Option<Duration>) -> Self {
        self.poll_every = interval;
        self
    }

    /// Makes the recorder, and starts its thread.
    pub fn build(self) -> FlightRecorder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let blocks = (self.bytes / 2 / BLOCK_BYTES).clamp(64, MOST_BLOCKS - 1);
        let key = match self.seed {
            // Small seeds are much like small addresses, and the two would take each other away.
            Some(seed) => seed.wrapping_add(1).wrapping_mul(GOLDEN_GAMMA),
            None => RandomState::new().hash_one("span ids"),
        };
        let trace_high = match self.seed {
            Some(seed) => seed.rotate_left(32),
            None => RandomState::new().hash_one("trace ids"),
        };
        let (quotas, normal_per_second) = (self.quotas, self.normal_per_second);
        let quota = |reason| match quotas.get(&reason) {
            Some(quota) => *quota,
            None => match reason {
                Reason::Manual | Reason::Linked | Reason::Open => None,
                // The share of normal traces is by the rate of the last second; after a pause that
                // is all of them, and a burst would be kept whole.
                Reason::Baseline => Some(normal_per_second),
                _ => Some(DEFAULT_QUOTA),
            },
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let recording = Recording {
            number,
            pool: Pool::new(number, blocks, self.most_blocks.min(blocks)),
            mixer: Mixer::new(key, trace_high),
            timer: Timer::new(self.clock.unwrap_or_else(Clock::of_this_machine)),
            rules: self.rules,
            limits: Limits::new(),
            quotas: Quotas::new(quota),
            histograms: Histograms::new(self.bytes / 8),
            parked: Parked::new(blocks / 8),
            kept: KeptList::new(blocks / 2),
            counters: Counters::new(),
        };
        let store = Store::new(self.bytes / 8 * 3);
        let resource = Resource { attributes: self.resource };
        let collector = Collector::new(store, resource, self.open_after, self.normal_per_second);
        let shared = Arc::new(Shared {
            recording,
            level: LevelSwitch::new(self.level),
            filter: self.filter,
            collector: Mutex::new(collector),
            signals: Mutex::default(),
        });
        if let Some(interval) = self.poll_every {
            collect_every(interval, Arc::downgrade(&shared));
        }
        FlightRecorder(shared)
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("bytes", &self.bytes).field("rules", &self.rules).finish()
    }
}

/// The increment of `splitmix64` (Steele et al., 2014): an odd number close to 2^64 over the golden
/// ratio.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Polls until the recorder is gone. Without a thread, when none can be had, traces are still kept
/// and collected whenever somebody asks for them.
fn collect_every(interval: Duration, recorder: Weak<Shared>) {
    let thread = std::thread::Builder::new().name("raftlens-recorder".to_owned());
    let _ = thread.spawn(move || {
        loop {
            std::thread::sleep(interval);
            let Some(recorder) = recorder.upgrade() else { return };
            recorder.poll_often();
        }
    });
}
