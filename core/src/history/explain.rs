//! Says in words why a history is not linearizable, naming the operations that prove it.

use super::check::{Cluster, Finding, Verdict, ViolationKind};
use super::{Op, OpKind};

/// The verdict on a key that breaks a rule.
pub(super) fn verdict(key: &[u8], finding: &Finding<'_>) -> Verdict {
    let (kind, witness, mut explanation) = match finding {
        Finding::NeverWritten(read) => {
            let text = format!("{}, but nobody wrote that value.", told(read));
            (Some(ViolationKind::NeverWritten), vec![Some(*read)], text)
        }
        Finding::FromTheFuture { read, write } => {
            let text = format!("{}, but only later {}.", told(read), told(write));
            (Some(ViolationKind::FromTheFuture), vec![Some(*read), Some(*write)], text)
        }
        Finding::TwoAtOnce(one, two) => {
            let text = format!(
                "{} And {} Those two spans overlap, and a key has one value at a time.",
                holds(one),
                holds(two)
            );
            let ops = vec![one.first_op, one.last_op, two.first_op, two.last_op];
            (Some(ViolationKind::TwoAtOnce), ops, text)
        }
        Finding::NoRoom { inner, outer } => {
            let text = format!("{} But {}", holds(outer), squeezed(inner));
            let ops = vec![outer.first_op, outer.last_op, inner.first_op, inner.last_op];
            (Some(ViolationKind::NoRoom), ops, text)
        }
        Finding::WrittenTwice(one, two) => {
            let text = format!(
                "{}, and {}: a read could not tell which it saw. Write every value only once.",
                told(one),
                told(two)
            );
            (None, vec![Some(*one), Some(*two)], text)
        }
        Finding::Backwards(op) => {
            let text = format!("{}: it returned before it was called.", told(op));
            (None, vec![Some(*op)], text)
        }
    };
    explanation.insert_str(0, &format!("Key \"{}\": ", key.escape_ascii()));
    let key = key.to_vec();
    let witness = without_repeats(witness);
    match kind {
        Some(kind) => Verdict::Violation { key, kind, witness, explanation },
        None => Verdict::Malformed { key, witness, explanation },
    }
}

/// Why a value was there all through a span.
fn holds(zone: &Cluster<'_>) -> String {
    let value = value(zone);
    let last = zone.last_op.map_or(String::new(), told);
    match zone.first_op {
        Some(first) if zone.write.is_some() => {
            let from = first.returned_ns.unwrap_or(u64::MAX);
            let to = zone.last_op.map_or(from, |op| op.invoked_ns);
            format!(
                "{}, and {last}: so the key had {value} all through {from}..{to} ns.",
                told(first)
            )
        }
        _ => {
            let to = zone.last_op.map_or(0, |op| op.invoked_ns);
            format!("the key started with {value}, and {last}: so it had {value} until {to} ns.")
        }
    }
}

/// Why a value was there at some moment of a span.
fn squeezed(zone: &Cluster<'_>) -> String {
    let value = value(zone);
    let first = zone.first_op.map_or(String::new(), told);
    let last = zone.last_op.map_or(String::new(), told);
    let until = zone.first_op.and_then(|op| op.returned_ns).unwrap_or(u64::MAX);
    let from = zone.last_op.map_or(until, |op| op.invoked_ns);
    let both = if zone.first_op == zone.last_op { first } else { format!("{first}, and {last}") };
    format!(
        "{both}: so the key had {value} at some moment of {from}..{until} ns, within that span."
    )
}

fn value(zone: &Cluster<'_>) -> String {
    zone.write.and_then(Op::value).map_or("no value".to_owned(), quoted)
}

/// What a client did, as a clause.
fn told(op: &Op) -> String {
    let done = match (&op.kind, op.returned_ns.is_some()) {
        (OpKind::Write(value), true) => format!("wrote {}", quoted(value)),
        (OpKind::Write(value), false) => format!("was writing {}", quoted(value)),
        (OpKind::Read(Some(value)), _) => format!("read {}", quoted(value)),
        (OpKind::Read(None), _) => "read no value".to_owned(),
    };
    let (client, from) = (op.client, op.invoked_ns);
    match op.returned_ns {
        Some(to) => format!("client {client} {done} in {from}..{to} ns"),
        None => format!("client {client} {done} from {from} ns on"),
    }
}

fn quoted(value: &[u8]) -> String {
    format!("\"{}\"", value.escape_ascii())
}

fn without_repeats(ops: Vec<Option<&Op>>) -> Vec<Op> {
    let mut seen: Vec<&Op> = Vec::new();
    for op in ops.into_iter().flatten() {
        // By identity: two reads may look the same and still be two.
        if !seen.iter().any(|earlier| std::ptr::eq(*earlier, op)) {
            seen.push(op);
        }
    }
    seen.into_iter().cloned().collect()
}
