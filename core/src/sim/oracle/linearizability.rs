//! Each key behaves like one register: every operation happened at one moment between its call and
//! its return.
//!
//! Source: Herlihy and Wing, "Linearizability", 1990; decided by `history::check` (zones, Gibbons
//! and Korach 1997). Calls and returns are in true time, which makes intervals as short as can be.

use crate::history::{History, Op, Verdict, check};

/// What clients saw; the words and the operations that prove a violation.
pub(in crate::sim) fn linearizability(history: &History) -> Result<(), (String, Vec<Op>)> {
    match check(history) {
        Verdict::Linearizable => Ok(()),
        Verdict::Violation { key, witness, explanation, .. } => {
            Err((format!("key {}: {explanation}", key.escape_ascii()), witness))
        }
        Verdict::Malformed { key, witness, explanation } => {
            let words = format!("key {} cannot be judged: {explanation}", key.escape_ascii());
            Err((words, witness))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::OpKind;

    fn op(client: u64, kind: OpKind, invoked_ns: u64, returned_ns: u64) -> Op {
        Op { client, key: b"k".to_vec(), kind, invoked_ns, returned_ns: Some(returned_ns) }
    }

    #[test]
    fn a_stale_read_is_proved_by_its_operations() {
        let write = |value: &str, from, to| op(1, OpKind::Write(value.into()), from, to);
        let read = |value: &str, from, to| op(2, OpKind::Read(Some(value.into())), from, to);
        let fresh = vec![write("1", 0, 10), write("2", 20, 30), read("2", 40, 50)];
        assert_eq!(linearizability(&History { ops: fresh }), Ok(()));
        let stale = vec![write("1", 0, 10), write("2", 20, 30), read("1", 40, 50)];
        let (words, proof) = linearizability(&History { ops: stale.clone() }).unwrap_err();
        assert!(words.starts_with("key k: "), "{words}");
        assert!(proof.contains(&stale[2]) && proof.len() <= 4);
    }
}
