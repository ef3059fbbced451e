//! A second opinion for tests: looks for an order of the operations by trying (Wing and Gong, with
//! Lowe's memory of what was tried). Exponential, so only for small histories.

use std::collections::BTreeSet;

use super::{Op, OpKind};

/// Whether a register without a value at first could have given these answers. All operations are
/// on one key, at most 64 of them.
pub(super) fn is_linearizable(ops: &[Op]) -> bool {
    let ops: Vec<&Op> = ops.iter().filter(|op| op.is_write() || op.returned_ns.is_some()).collect();
    assert!(ops.len() <= 64, "the set of done operations is one word");
    let must = ops.iter().enumerate().filter(|(_, op)| op.returned_ns.is_some());
    let must = must.fold(0, |set, (place, _)| set | 1 << place);
    search(&ops, must, 0, None, &mut BTreeSet::new())
}

/// Whether the operations of `must` that are not in `done` can follow, with this value now.
fn search<'a>(
    ops: &[&'a Op],
    must: u64,
    done: u64,
    value: Option<&'a [u8]>,
    tried: &mut BTreeSet<(u64, Option<&'a [u8]>)>,
) -> bool {
    if must & !done == 0 {
        return true;
    }
    if !tried.insert((done, value)) {
        return false;
    }
    let open = || ops.iter().enumerate().filter(move |(place, _)| done >> place & 1 == 0);
    // Whatever comes next must be called before any other that is left has returned.
    let bound = open().filter_map(|(_, op)| op.returned_ns).min().unwrap_or(u64::MAX);
    open().filter(|(_, op)| op.invoked_ns <= bound).any(|(place, op)| match &op.kind {
        OpKind::Write(new) => search(ops, must, done | 1 << place, Some(new), tried),
        OpKind::Read(seen) => {
            seen.as_deref() == value && search(ops, must, done | 1 << place, value, tried)
        }
    })
}
