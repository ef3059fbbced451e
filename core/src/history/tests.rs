//! The checker complains where it must, agrees with a search for an order, and is quick.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::clock::Instant;

fn write(client: u64, value: &str, from: u64, to: impl Into<Option<u64>>) -> Op {
    let kind = OpKind::Write(value.into());
    Op { client, key: b"k".to_vec(), kind, invoked_ns: from, returned_ns: to.into() }
}

fn read(client: u64, value: &str, from: u64, to: impl Into<Option<u64>>) -> Op {
    let kind = OpKind::Read((value != "-").then(|| value.into()));
    Op { client, key: b"k".to_vec(), kind, invoked_ns: from, returned_ns: to.into() }
}

fn verdict(ops: &[Op]) -> Verdict {
    check(&History { ops: ops.to_vec() })
}

/// The kind of the violation, after a look at what all of them have in common.
fn violation(ops: &[Op]) -> Option<ViolationKind> {
    match verdict(ops) {
        Verdict::Linearizable => None,
        Verdict::Violation { key, kind, witness, explanation } => {
            assert_eq!(key, b"k");
            assert!((1..=4).contains(&witness.len()), "{witness:?}");
            assert!(witness.iter().all(|op| ops.contains(op)), "{witness:?}");
            let alone = verdict(&witness);
            let fits = matches!(&alone, Verdict::Violation { .. });
            // The witness may lack the write of a value it only reads: that is a violation too.
            assert!(fits, "{explanation}\nbut its witness alone: {alone:?}");
            Some(kind)
        }
        Verdict::Malformed { explanation, .. } => panic!("{explanation}"),
    }
}

#[test]
fn named_histories() {
    let w = |value, from, to: u64| write(1, value, from, to);
    let r = |value, from, to: u64| read(2, value, from, to);
    use ViolationKind::*;
    let rows: &[(&str, Option<ViolationKind>, Vec<Op>)] = &[
        ("nothing happened", None, vec![]),
        ("no value at first", None, vec![r("-", 1, 2), w("a", 3, 4), r("a", 5, 6)]),
        ("a write is seen while it runs", None, vec![w("a", 1, 9), r("a", 2, 3), r("a", 4, 5)]),
        ("old and new while it runs", None, vec![w("a", 1, 9), r("-", 2, 3), r("a", 4, 5)]),
        ("new, then old", Some(NoRoom), vec![w("a", 1, 9), r("a", 2, 3), r("-", 4, 5)]),
        ("missing after a write", Some(NoRoom), vec![w("a", 1, 2), r("-", 3, 4)]),
        ("stale read", Some(NoRoom), vec![w("a", 1, 2), w("b", 3, 4), r("a", 5, 6)]),
        (
            "lost write",
            Some(TwoAtOnce),
            vec![w("a", 1, 2), w("b", 3, 4), r("b", 5, 6), r("a", 7, 8)],
        ),
        ("never written", Some(NeverWritten), vec![w("a", 1, 2), r("b", 3, 4)]),
        ("before it is written", Some(FromTheFuture), vec![r("a", 1, 2), w("a", 3, 4)]),
        ("equal moments order nothing", None, vec![w("a", 1, 2), w("b", 2, 3), r("a", 3, 4)]),
        ("unanswered write, seen", None, vec![write(1, "a", 1, None), r("a", 9, 10)]),
        ("unanswered write, not seen", None, vec![write(1, "a", 1, None), r("-", 9, 10)]),
        (
            "unanswered write, seen and gone",
            Some(NoRoom),
            vec![write(1, "a", 1, None), r("a", 2, 3), r("-", 4, 5)],
        ),
        ("unanswered reads say nothing", None, vec![w("a", 1, 2), read(2, "-", 3, None)]),
    ];
    for (name, expected, ops) in rows {
        assert_eq!(violation(ops), *expected, "{name}: {:?}", verdict(ops));
        assert_eq!(search::is_linearizable(ops), expected.is_none(), "{name}");
    }
}

#[test]
fn the_explanation_names_the_operations() {
    let ops =
        [write(1, "a", 10, 20), write(2, "b", 30, 40), read(3, "b", 50, 60), read(4, "a", 70, 80)];
    let Verdict::Violation { witness, explanation, .. } = verdict(&ops) else { panic!() };
    assert_eq!(witness.len(), 4);
    assert_eq!(
        explanation,
        "Key \"k\": client 1 wrote \"a\" in 10..20 ns, and client 4 read \"a\" in 70..80 ns: so \
         the key had \"a\" all through 20..70 ns. And client 2 wrote \"b\" in 30..40 ns, and \
         client 3 read \"b\" in 50..60 ns: so the key had \"b\" all through 40..50 ns. Those two \
         spans overlap, and a key has one value at a time."
    );
    let ops = [read(7, "-", 10, 20), write(1, "a", 1, 2)];
    let Verdict::Violation { explanation, .. } = verdict(&ops) else { panic!() };
    assert!(explanation.contains("the key started with no value"), "{explanation}");
    assert!(explanation.contains("at some moment of 1..2 ns"), "{explanation}");
}

#[test]
fn histories_that_cannot_be_judged() {
    let twice = [write(1, "a", 1, 2), write(2, "a", 3, 4)];
    let backwards = [write(1, "a", 2, 1)];
    for ops in [twice.as_slice(), &backwards] {
        assert!(matches!(verdict(ops), Verdict::Malformed { .. }), "{:?}", verdict(ops));
    }
    // The same value under two keys is two values.
    let mut other = write(2, "a", 3, 4);
    other.key = b"other".to_vec();
    assert_eq!(verdict(&[write(1, "a", 1, 2), other]), Verdict::Linearizable);
}

/// A history of few operations with few values, so that both verdicts come up often.
fn random_ops(rng: &mut SmallRng) -> Vec<Op> {
    let count = rng.random_range(1..9);
    let span = rng.random_range(3..25);
    let mut ops = Vec::new();
    for client in 0..count {
        let from = rng.random_range(0..span);
        let to = from + rng.random_range(0..span / 2 + 1);
        let to = rng.random_bool(0.9).then_some(to);
        if rng.random_bool(0.45) {
            ops.push(write(client, &client.to_string(), from, to));
        } else {
            // Mostly a value that some client may have written.
            let seen = rng.random_range(0..count + 1);
            let writes = ops.iter().any(|op: &Op| op.value() == Some(seen.to_string().as_bytes()));
            let value = if writes { seen.to_string() } else { "-".to_owned() };
            ops.push(read(client, &value, from, to));
        }
    }
    ops
}

#[test]
fn zones_agree_with_the_search() {
    let (mut yes, mut no) = (0, 0);
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..60_000 {
        let ops = random_ops(&mut SmallRng::seed_from_u64(seed));
        let found = kind_of(&ops);
        let expected = search::is_linearizable(&ops);
        assert_eq!(found.is_none(), expected, "seed {seed}: {ops:#?}\n{:?}", verdict(&ops));
        if expected {
            yes += 1;
        } else {
            no += 1;
        }
        *kinds.entry(found).or_insert(0) += 1;
    }
    assert!(yes > 10_000 && no > 10_000, "one verdict is rare: {yes} to {no}");
    assert!(kinds.len() >= 4 && kinds.values().all(|count| *count > 500), "{kinds:?}");
}

fn kind_of(ops: &[Op]) -> Option<ViolationKind> {
    match verdict(ops) {
        Verdict::Linearizable => None,
        Verdict::Violation { kind, .. } => Some(kind),
        Verdict::Malformed { explanation, .. } => panic!("{explanation}"),
    }
}

/// What a sound register does for `count` operations of `clients` clients on one key.
fn sound_history(count: u64, clients: u64, seed: u64) -> History {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut value = None;
    let ops = (0..count).map(|number| {
        // Each takes effect at its own moment, within a span that overlaps those of others.
        let at = 1_000 + number * 10;
        let (before, after) = (rng.random_range(0..clients * 5), rng.random_range(0..clients * 5));
        let kind = if rng.random_bool(0.5) {
            value = Some(number.to_string().into_bytes());
            OpKind::Write(number.to_string().into_bytes())
        } else {
            OpKind::Read(value.clone())
        };
        let (invoked_ns, returned_ns) = (at - before, Some(at + after));
        Op { client: number % clients, key: b"k".to_vec(), kind, invoked_ns, returned_ns }
    });
    History { ops: ops.collect() }
}

#[test]
fn a_sound_register_passes_and_one_stale_read_is_found() {
    for seed in 0..20 {
        let mut history = sound_history(5_000, 16, seed);
        assert_eq!(check(&history), Verdict::Linearizable, "seed {seed}");
        let last = history.ops.iter().map(|op| op.returned_ns.unwrap()).max().unwrap();
        let first = history.ops.iter().find(|op| op.is_write()).unwrap();
        let stale = Op {
            kind: OpKind::Read(first.value().map(<[u8]>::to_vec)),
            invoked_ns: last + 1,
            returned_ns: Some(last + 2),
            ..first.clone()
        };
        history.ops.push(stale);
        assert!(matches!(check(&history), Verdict::Violation { .. }), "seed {seed}");
    }
}

#[test]
fn a_million_operations_on_one_key_are_judged() {
    assert_eq!(check(&sound_history(1_000_000, 32, 1)), Verdict::Linearizable);
}

#[test]
fn recorders_of_many_threads_make_one_history() {
    let record = HistoryRecord::new();
    std::thread::scope(|scope| {
        for client in 0..4 {
            let mut recorder = record.recorder(client);
            scope.spawn(move || {
                let at = |step: u64| Instant::from_ns(step * 10 + client);
                let written = recorder.call_write("k", format!("{client}"), at(1));
                let refused = recorder.call_write("k", "never", at(2));
                let seen = recorder.call_read("k", at(3));
                let open = recorder.call_read("k", at(4));
                recorder.write_returned(written, at(5));
                recorder.refused(refused);
                recorder.read_returned(seen, Some(b"0".to_vec()), at(6));
                // A second answer to what was refused changes nothing.
                recorder.write_returned(refused, at(7));
                let _ = open;
            });
        }
    });
    let history = record.take();
    assert_eq!(history.ops.len(), 12);
    assert!(history.ops.is_sorted_by_key(|op| op.invoked_ns));
    assert_eq!(history.ops.iter().filter(|op| op.returned_ns.is_none()).count(), 4);
    assert_eq!(record.take(), History::default());
}

#[test]
fn text_brings_back_the_same_history() {
    let mut history = sound_history(50, 4, 3);
    let odd = Op {
        client: u64::MAX,
        key: (0..=255).collect(),
        kind: OpKind::Write(b"\"-\\ \n'".to_vec()),
        invoked_ns: 0,
        returned_ns: None,
    };
    history.ops.extend([odd, read(1, "-", 1, 2), write(2, "", 3, 4)]);
    let text = history.to_string();
    assert!(text.is_ascii());
    assert_eq!(text.parse::<History>().unwrap(), history);
}

#[test]
fn text_that_is_not_a_history_is_refused() {
    let rows = [
        ("", 1, "expected \"raftlens history 1\""),
        ("raftlens history 2\n", 1, "found \"raftlens history 2\""),
        ("raftlens history 1\n1 2 3 read \"k\" -\nx 2 3 read \"k\" -", 3, "expected a number"),
        ("raftlens history 1\n1 2 3", 2, "expected read or write"),
        ("raftlens history 1\n1 2 3 cas \"k\" -", 2, "found \"cas\""),
        ("raftlens history 1\n1 2 3 write \"k\" -", 2, "needs a value"),
        ("raftlens history 1\n1 2 3 read \"k", 2, "no closing quote"),
        ("raftlens history 1\n1 2 3 read k -", 2, "in quotes"),
        ("raftlens history 1\n1 2 3 read \"\\x9é\" -", 2, "two hexadecimal digits"),
        ("raftlens history 1\n1 2 3 read \"k\" - more", 2, "end of the line"),
    ];
    for (text, line, part) in rows {
        let error = text.parse::<History>().unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.what.contains(part), "{text}: {error}");
    }
}
