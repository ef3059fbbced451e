//! Every request gets exactly one answer.
//!
//! Source: rules N1 to N5. Two answers would be given to two callers, a lost one is a caller that
//! hangs. A callback that is dropped answers "the store stopped" (N2): from a store that runs, that
//! is a lost answer too.

use std::collections::BTreeMap;

use crate::sim::requests::OpId;

/// Which requests wait, and until when they must be answered.
#[derive(Debug, Default)]
pub(in crate::sim) struct OneAnswer {
    /// The deadline of each request that waits, in true nanoseconds.
    waiting: BTreeMap<OpId, u64>,
}

impl OneAnswer {
    /// A request is made; `deadline_ns` is when its store must have answered it at the latest.
    pub(in crate::sim) fn asked(&mut self, op: OpId, deadline_ns: u64) {
        self.waiting.insert(op, deadline_ns);
    }

    /// An answer arrives. `lost` says that it is what a dropped callback answers, and that its
    /// store has not stopped.
    pub(in crate::sim) fn answered(&mut self, op: OpId, lost: bool) -> Result<(), String> {
        if self.waiting.remove(&op).is_none() {
            return Err(format!("{op} was answered twice"));
        }
        if lost {
            return Err(format!("{op} was dropped without an answer by a store that runs"));
        }
        Ok(())
    }

    /// What waits beyond its deadline: to be asked when all stores run and none is paused.
    pub(in crate::sim) fn overdue(&self, now_ns: u64) -> Result<(), String> {
        let late: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, deadline_ns)| **deadline_ns < now_ns)
            .map(|(op, _)| op.to_string())
            .collect();
        if late.is_empty() {
            return Ok(());
        }
        Err(format!("never answered, though their deadlines have passed: {}", late.join(", ")))
    }
}

/// A read was ended by its deadline alone, with `calm_ns` without any fault behind it: it was lost,
/// and only the deadline has hidden that.
pub(in crate::sim) fn not_hung(op: OpId, calm_ns: u64, patience_ns: u64) -> Result<(), String> {
    if calm_ns < patience_ns {
        return Ok(());
    }
    let calm_ms = calm_ns / 1_000_000;
    Err(format!("{op} waited until its deadline, though nothing was wrong for {calm_ms} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_waits_through_calm_is_lost() {
        assert_eq!(not_hung(OpId(1), 0, 50), Ok(()));
        assert_eq!(not_hung(OpId(1), 49, 50), Ok(()));
        assert!(not_hung(OpId(1), 50_000_000, 50).unwrap_err().contains("wrong for 50 ms"));
    }

    #[test]
    fn double_lost_and_missing_answers_are_noticed() {
        let mut oracle = OneAnswer::default();
        (1..=4).for_each(|op| oracle.asked(OpId(op), 100 * op));
        assert_eq!(oracle.answered(OpId(1), false), Ok(()));
        assert!(oracle.answered(OpId(1), false).unwrap_err().contains("op1 was answered twice"));
        assert!(oracle.answered(OpId(2), true).unwrap_err().contains("dropped without an answer"));
        assert_eq!(oracle.overdue(300), Ok(()));
        assert!(oracle.overdue(301).unwrap_err().ends_with("passed: op3"));
    }
}
