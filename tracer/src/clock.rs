//! Where the recorder takes the time from: given to it, so that simulated time will do.

/// A source of time.
pub trait TimeSource: Send + Sync + 'static {
    /// Now, in nanoseconds since whatever the spans are to count from.
    fn now_ns(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync + 'static> TimeSource for F {
    fn now_ns(&self) -> u64 {
        self()
    }
}
