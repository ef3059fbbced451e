//! Runs work that recurses, or that may panic, where neither can harm the caller.

use std::thread;

/// Enough for chains and nesting far beyond what a picture can show; only touched pages cost memory.
const STACK_BYTES: usize = 256 << 20;

/// Runs `work` on a thread with a large stack; a panic in it becomes an error in words.
pub(crate) fn run<T: Send>(
    name: &str,
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    thread::scope(|scope| {
        let running = thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| format!("no thread could be started: {error}"))?;
        running.join().map_err(|_| "it stopped at an internal error".to_owned())?
    })
}
