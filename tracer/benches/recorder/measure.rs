//! Takes one measurement, and gathers those of all rounds.

use std::collections::HashMap;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::variants::{SPANS, Variant};

/// How the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    pub(crate) threads: usize,
    pub(crate) cold: bool,
}

impl Setting {
    pub(crate) const ALL: [Setting; 4] = [
        Setting { threads: 1, cold: false },
        Setting { threads: 2, cold: false },
        Setting { threads: 1, cold: true },
        Setting { threads: 2, cold: true },
    ];

    pub(crate) fn parse(text: &str) -> Option<Setting> {
        Setting::ALL.into_iter().find(|setting| setting.to_string() == text)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.threads, if self.cold { "cold" } else { "warm" })
    }
}

const WARM_UP: Duration = Duration::from_millis(50);
const CHUNK: usize = 2_000;
const CHUNKS: usize = 20;
const COLD_READS: usize = 2_000;
const SWEPT_BYTES: usize = 1 << 20;

/// Nanoseconds of processor time a span.
pub(crate) fn measure(variant: Variant, setting: Setting) -> f64 {
    let recording = variant.install();
    let per_thread: Vec<f64> = std::thread::scope(|threads| {
        let threads: Vec<_> = (0..setting.threads)
            .map(|_| {
                threads.spawn(|| {
                    let read = || variant.read(&recording);
                    if setting.cold { cold(read) } else { warm(read) }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    per_thread.iter().sum::<f64>() / per_thread.len() as f64 / SPANS as f64
}

/// The fastest of a few chunks: whatever else the machine did makes the others slower.
fn warm(read: impl Fn()) -> f64 {
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        read();
    }
    let chunks = (0..CHUNKS).map(|_| {
        let before = processor_time();
        (0..CHUNK).for_each(|_| read());
        (processor_time() - before).as_nanos() as f64 / CHUNK as f64
    });
    chunks.fold(f64::INFINITY, f64::min)
}

/// The median of single reads, each after its caches were swept.
fn cold(read: impl Fn()) -> f64 {
    (0..1000).for_each(|_| read());
    let mut swept = vec![1_u8; SWEPT_BYTES];
    let mut reads: Vec<f64> = (0..COLD_READS)
        .map(|round| {
            for byte in swept.iter_mut().step_by(64) {
                *byte = byte.wrapping_add(round as u8);
            }
            black_box(&swept);
            let start = Instant::now();
            read();
            start.elapsed().as_nanos() as f64
        })
        .collect();
    reads.sort_by(f64::total_cmp);
    reads[reads.len() / 2]
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// All measurements.
#[derive(Default)]
pub(crate) struct Measured(HashMap<(Variant, Setting), Vec<f64>>);

impl Measured {
    pub(crate) fn add(&mut self, variant: Variant, setting: Setting, ns: f64) {
        self.0.entry((variant, setting)).or_default().push(ns);
    }

    pub(crate) fn rounds(&self) -> usize {
        self.0.values().map(Vec::len).max().unwrap_or(0)
    }

    /// What recording takes, round by round: less what the same round took without.
    pub(crate) fn net(&self, variant: Variant, setting: Setting) -> Vec<f64> {
        let without = &self.0[&(Variant::Nothing, setting)];
        let with = &self.0[&(variant, setting)];
        with.iter().zip(without).map(|(with, without)| (with - without).max(0.1)).collect()
    }
}
