//! Without faults, a read and a write of every region succeed in bounded time.
//!
//! Source: what a user expects; openraft's simulator asks the same after its safety phase. Without
//! it, a store that answers nothing at all would pass every other oracle.

/// The regions' probes: each the region, what was asked, and the failure if it failed.
pub(in crate::sim) fn liveness<'a>(
    probes: impl IntoIterator<Item = (u64, &'a str, Option<String>)>,
    limit_ms: u64,
) -> Result<(), String> {
    let failed: Vec<_> = probes
        .into_iter()
        .filter_map(|(region, what, failure)| {
            Some(format!("the {what} of region {region}: {}", failure?))
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("no success within {limit_ms} ms after all faults ended: {}", failed.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_probe_is_enough() {
        let good = [(1, "read", None), (1, "write", None)];
        assert_eq!(liveness(good, 5), Ok(()));
        let bad = [(1, "read", None), (2, "write", Some("no leader".to_owned()))];
        assert!(liveness(bad, 5).unwrap_err().contains("the write of region 2: no leader"));
    }
}
