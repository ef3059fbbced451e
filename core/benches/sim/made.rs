//! Histories that are linearizable by construction: each operation happens at a moment between its
//! call and its return, and sees what was there at that moment.

use raftlens_core::history::{History, Op, OpKind};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// How large a history is. Half of its operations are reads.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) ops: usize,
    pub(crate) clients: u64,
    pub(crate) keys: usize,
}

/// What is planned before anything has a value.
struct Planned {
    client: u64,
    key: usize,
    is_read: bool,
    invoked_ns: u64,
    happens_ns: u64,
    returned_ns: Option<u64>,
}

pub(crate) fn history(seed: u64, shape: Shape) -> History {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut free_ns = vec![0; shape.clients as usize];
    let mut planned: Vec<Planned> = (0..shape.ops)
        .map(|number| {
            let client = number as u64 % shape.clients;
            let invoked_ns = free_ns[client as usize] + rng.random_range(1..1000);
            let happens_ns = invoked_ns + rng.random_range(1..2000);
            let returned_ns = happens_ns + rng.random_range(1..2000);
            free_ns[client as usize] = returned_ns;
            let is_read: bool = rng.random();
            // Two percent of the writes are never heard of again.
            let is_unknown = !is_read && rng.random_range(0..50) == 0;
            Planned {
                client,
                key: rng.random_range(0..shape.keys),
                is_read,
                invoked_ns,
                happens_ns,
                returned_ns: (!is_unknown).then_some(returned_ns),
            }
        })
        .collect();
    planned.sort_by_key(|op| op.happens_ns);
    let mut values: Vec<Option<Vec<u8>>> = vec![None; shape.keys];
    let happened = (0_u64..).zip(planned).map(|(number, op)| {
        let value = &mut values[op.key];
        let kind = if op.is_read {
            OpKind::Read(value.clone())
        } else {
            let new = number.to_be_bytes().to_vec();
            *value = Some(new.clone());
            OpKind::Write(new)
        };
        let Planned { client, key, invoked_ns, returned_ns, .. } = op;
        let key = format!("key-{key}").into_bytes();
        Op { client, key, kind, invoked_ns, returned_ns }
    });
    History { ops: happened.collect() }
}
