//! Two operations that contradict each other, found among those that prove a violation.

use raftlens_core::history::Op;

use super::words;

/// Two operations that cannot both be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof<'a> {
    /// The first one that shows the newer value.
    pub(crate) newer: &'a Op,
    /// The read that was called after that, and saw an older value.
    pub(crate) stale: &'a Op,
}

/// The two among the operations of a violation that contradict each other, if it is of that kind.
pub(crate) fn proof(operations: &[Op]) -> Option<Proof<'_>> {
    let mut reads: Vec<&Op> =
        operations.iter().filter(|op| !op.is_write() && op.returned_ns.is_some()).collect();
    reads.sort_by_key(|op| op.invoked_ns);
    let mut returned: Vec<(u64, &Op)> =
        operations.iter().filter_map(|op| Some((op.returned_ns?, op))).collect();
    returned.sort_by_key(|(at_ns, _)| *at_ns);
    for stale in reads {
        let old = stale.value();
        // The old value was there before the newer one was seen, or it is the one of the beginning.
        let first = |value: Option<&[u8]>| {
            returned.iter().find(|(_, op)| op.value() == value).map(|(at_ns, _)| *at_ns)
        };
        let newer = returned.iter().find(|(at_ns, op)| {
            *at_ns < stale.invoked_ns
                && op.value() != old
                && (old.is_none() || first(old).is_some_and(|seen| seen < *at_ns))
        });
        if let Some((_, newer)) = newer {
            return Some(Proof { newer, stale });
        }
    }
    None
}

impl Proof<'_> {
    /// How long before the read was called the newer value had been seen.
    fn gap_ns(&self) -> i64 {
        let seen = self.newer.returned_ns.unwrap_or(0);
        self.stale.invoked_ns as i64 - seen as i64
    }

    /// What is wrong, in three lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let newer = words::value(self.newer.value());
        let verb = if self.newer.is_write() { "was acknowledged" } else { "had been read" };
        vec![
            format!("{newer} {verb}"),
            match self.gap_ns() {
                0..1000 => "before this read was called,".to_owned(),
                gap => format!("{} before this read was called,", words::ms(gap)),
            },
            format!("and it still saw {}", words::value(self.stale.value())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftlens_core::history::OpKind;

    fn op(kind: OpKind, invoked_ns: u64, returned_ns: u64) -> Op {
        Op { client: 1, key: b"k".to_vec(), kind, invoked_ns, returned_ns: Some(returned_ns) }
    }

    fn write(value: &str, invoked_ns: u64, returned_ns: u64) -> Op {
        op(OpKind::Write(value.into()), invoked_ns, returned_ns)
    }

    fn read(value: &str, invoked_ns: u64, returned_ns: u64) -> Op {
        op(OpKind::Read((!value.is_empty()).then(|| value.into())), invoked_ns, returned_ns)
    }

    #[test]
    fn the_proof_is_the_newer_value_and_the_read_that_missed_it() {
        let stale = [write("1", 0, 10), read("1", 60, 70), write("2", 20, 30)];
        let found = proof(&stale).unwrap();
        assert_eq!((found.newer, found.stale), (&stale[2], &stale[1]));
        assert_eq!(found.lines()[0], "2 was acknowledged");
        assert_eq!(found.lines()[1], "before this read was called,");

        // Seen by another read before its write is acknowledged, and then lost again.
        let inverted = [write("1", 0, 10), read("2", 20, 25), read("1", 30, 35), read("2", 50, 55)];
        let found = proof(&inverted).unwrap();
        assert_eq!((found.newer, found.stale), (&inverted[1], &inverted[2]));
        assert!(found.lines()[0].starts_with("2 had been read"));

        let missing = [write("1", 5, 10), read("", 20, 25)];
        assert_eq!(proof(&missing).unwrap().stale, &missing[1]);
        assert_eq!(proof(&[write("1", 0, 10), write("2", 20, 30), read("2", 40, 50)]), None);
    }
}
