//! The peak of this process's resident memory, as Linux counts it; zero elsewhere.

use std::fs;

/// The most that was resident since [`forget_peak`], in megabytes.
pub fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}

/// Begins anew.
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
