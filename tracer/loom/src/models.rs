//! The models, and a line about each: how many interleavings it has, and whether it held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering as StdOrdering};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, AtomicUsize as LoomUsize, Ordering};
use loom::thread;

use super::address::SpanRef;
use super::block::{Block, CELL_WORDS, Cells, HEAD_ROOT, HEAD_STATE, State};
use super::claim::{NoPlace, Place};
use super::copy::{Copied, CopiedBlock, copy, copy_open};
use super::entry::{Kind, Tag};
use super::parked::Parked;
use super::pool::{OnEnd, Pool};
use super::thread::Thread;

/// What must come of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Holds,
    /// Its order is wrong on purpose.
    IsFoundOut,
}

pub(crate) fn run() -> ExitCode {
    let models: [(&str, Expected, fn()); 12] = [
        ("a trace ends once, with all that was written", Expected::Holds, child_against_end),
        ("  if the count is read and written apart", Expected::IsFoundOut, counted_apart),
        ("who comes late writes to no other trace", Expected::Holds, late_against_next),
        ("  if the generation is not looked at again", Expected::IsFoundOut, late_unchecked),
        ("two threads get different cells", Expected::Holds, two_claims),
        ("a trace goes on in one further block", Expected::Holds, two_further),
        ("a lease keeps the trace alive, and gives back", Expected::Holds, lease_against_end),
        ("a free block is taken by one", Expected::Holds, two_takers),
        ("a finished trace is kept or leaves, not both", Expected::Holds, parked_once),
        ("a copy of an open trace is of that trace alone", Expected::Holds, copied_until_it_ends),
        ("  if the generation is not compared afterwards", Expected::IsFoundOut, copied_unchecked),
        (
            "a copy has what is written of a trace, and whole",
            Expected::Holds,
            copied_while_it_grows,
        ),
    ];
    let mut is_sound = true;
    let only = std::env::args().nth(1).unwrap_or_default();
    // The models that must fail say so themselves.
    if std::env::var_os("RAFTLENS_LOOM_LOUD").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    for (name, expected, model) in models.into_iter().filter(|(name, ..)| name.contains(&only)) {
        let count = StdArc::new(AtomicUsize::new(0));
        let counter = StdArc::clone(&count);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut builder = loom::model::Builder::new();
            // Threads are stopped against their will at most so often; what goes wrong in such
            // small pieces of code goes wrong with fewer (Musuvathi and Qadeer, PLDI 2007).
            builder.preemption_bound = Some(3);
            builder.check(move || {
                counter.fetch_add(1, StdOrdering::Relaxed);
                model();
            });
        }));
        let count = count.load(StdOrdering::Relaxed);
        let words = match (expected, &ended) {
            (Expected::Holds, Ok(())) => "holds",
            (Expected::IsFoundOut, Err(_)) => "is found out",
            (Expected::Holds, Err(_)) => "DOES NOT HOLD",
            (Expected::IsFoundOut, Ok(())) => "WAS NOT FOUND OUT",
        };
        println!("{name:<48} {count:>8} interleavings: {words}");
        is_sound &= (expected == Expected::Holds) == ended.is_ok();
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the entries of a trace say, and those of one that comes after it.
const VALUE: u64 = 7;
const LATER_VALUE: u64 = 9;

/// Counts the traces that end, looks at what was written, and gives the blocks back.
struct Ends<'a> {
    pool: &'a Pool,
    ended: LoomUsize,
    /// Entries that were whole when their trace ended.
    entries: LoomUsize,
}

impl<'a> Ends<'a> {
    fn new(pool: &'a Pool) -> Self {
        Ends { pool, ended: LoomUsize::new(0), entries: LoomUsize::new(0) }
    }
}

impl OnEnd for Ends<'_> {
    fn ended(&self, root: u32, state: State) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        let mut blocks = 0;
        for number in self.pool.chain(root) {
            blocks += 1;
            let block = self.pool.block(number);
            let (generation, used) = match number == root {
                true => (state.generation(), state.next()),
                false => (block.state().generation(), block.state().next()),
            };
            let mut cell = super::block::FIRST_CELL;
            while cell < used.min(super::block::CELLS) {
                let tag = Tag(block.get(cell * CELL_WORDS));
                assert_eq!(tag.generation(), generation, "a cell that nobody has filled");
                if tag.kind() == Some(Kind::Span) {
                    assert_eq!(block.get(cell * CELL_WORDS + 1), VALUE, "a tag before its entry");
                    self.entries.fetch_add(1, Ordering::Relaxed);
                }
                cell += tag.cells();
            }
        }
        assert!(blocks <= 2);
        self.pool.recycle(root, 0);
    }
}

/// Everything that the threads of a model share.
struct World {
    pool: Pool,
}

fn world(blocks: usize) -> Arc<World> {
    Arc::new(World { pool: Pool::new(0, blocks, 2) })
}

fn write(pool: &Pool, block: u32, cell: usize) {
    write_value(pool, (block, cell), VALUE);
}

fn write_value(pool: &Pool, (block, cell): (u32, usize), value: u64) {
    let block = pool.block(block);
    block.set(cell * CELL_WORDS + 1, value);
    let tag = Tag::new(block.state().generation(), Kind::Span, 1, 0);
    block.word(cell * CELL_WORDS).store(tag.0, Ordering::Release);
}

fn open(pool: &Pool) -> SpanRef {
    let root = pool.open(0, 1).expect("a block is free");
    write(pool, root.block(), root.cell());
    root
}

/// One entry under `within`; whether the trace was still there.
fn child(pool: &Pool, within: SpanRef, thread: &Thread, ends: &Ends<'_>) -> bool {
    match pool.claim(within, 1, thread, ends) {
        Ok(Place { root, at }) => {
            write(pool, at.block(), at.cell());
            pool.release(root, thread, ends);
            true
        }
        Err(NoPlace::Over) => false,
        Err(why) => panic!("{why:?}"),
    }
}

/// One entry under `within`, whose words are written before the cell is taken; whether the trace was
/// still there.
fn child_in_place(pool: &Pool, within: SpanRef, thread: &Thread, ends: &Ends<'_>) -> bool {
    if pool.lease(within, thread, ends).is_err() {
        return false;
    }
    let room = thread.lease.room(pool, within).expect("a lease has cells, and is of this trace");
    room.words_after(1)[0].store(VALUE, Ordering::Relaxed);
    let at = thread.lease.take(&room, 1);
    let tag = Tag::new(at.generation(), Kind::Span, 1, 0);
    room.block.cell(at.cell())[0].store(tag.0, Ordering::Release);
    thread.lease.give_back();
    true
}

/// A thread that adds one entry: whether the trace was still there, and the traces that ended there
/// with their entries.
fn late_child(world: &Arc<World>, root: SpanRef) -> thread::JoinHandle<(bool, usize, usize)> {
    let world = Arc::clone(world);
    thread::spawn(move || {
        let ends = Ends::new(&world.pool);
        let was_there = child(&world.pool, root, &Thread::new(), &ends);
        (was_there, ends.ended.load(Ordering::Relaxed), ends.entries.load(Ordering::Relaxed))
    })
}

fn child_against_end() {
    let world = world(1);
    let root = open(&world.pool);
    let late = late_child(&world, root);
    let ends = Ends::new(&world.pool);
    world.pool.release(root.block(), &Thread::new(), &ends);
    let (was_there, ended, entries) = late.join().expect("no panic");
    assert_eq!(ends.ended.load(Ordering::Relaxed) + ended, 1, "a trace ends once");
    let entries = ends.entries.load(Ordering::Relaxed) + entries;
    assert_eq!(entries, 1 + usize::from(was_there), "what was written is there");
    assert_eq!(world.pool.in_use(), 0);
}

/// As above, with a release that looks first and acts afterwards.
fn counted_apart() {
    let world = world(1);
    let root = open(&world.pool);
    let release = move |pool: &Pool| {
        let state = pool.block(root.block()).state();
        if state.live() == 1 {
            return true;
        }
        assert!(pool.block(root.block()).release(1, Cells::NONE).is_none());
        false
    };
    let other = Arc::clone(&world);
    let claimed = world.pool.block(root.block()).claim(root.generation(), 1, 1, 1);
    assert!(claimed.is_ok());
    let late = thread::spawn(move || release(&other.pool));
    let ended = release(&world.pool);
    let other_ended = late.join().expect("no panic");
    assert!(ended != other_ended, "a trace ends once");
}

fn late_against_next() {
    let world = world(1);
    let root = open(&world.pool);
    let late = late_child(&world, root);
    let ends = Ends::new(&world.pool);
    let thread = Thread::new();
    world.pool.release(root.block(), &thread, &ends);
    // The latecomer may still have the block; then there is none for the next trace.
    let next = world.pool.open(0, 1);
    if let Some(next) = next {
        assert_ne!(next, root);
        write(&world.pool, next.block(), next.cell());
        world.pool.release(next.block(), &thread, &ends);
    }
    let (was_there, ended, entries) = late.join().expect("no panic");
    let traces = 1 + usize::from(next.is_some());
    assert_eq!(ends.ended.load(Ordering::Relaxed) + ended, traces);
    let entries = ends.entries.load(Ordering::Relaxed) + entries;
    assert_eq!(entries, traces + usize::from(was_there), "nothing of one trace is in the other");
    assert_eq!(world.pool.in_use(), 0);
}

/// As above, with a claim that looks at the generation only before it counts.
fn late_unchecked() {
    let world = world(1);
    let root = open(&world.pool);
    let other = Arc::clone(&world);
    let late = thread::spawn(move || {
        let block = other.pool.block(root.block());
        if block.state().generation() == root.generation() {
            let cells = block.claim_more(1, 1);
            if cells != Cells::NONE {
                block.set(cells.first * CELL_WORDS + 1, 7);
                let tag = Tag::new(root.generation(), Kind::Span, 1, 0);
                block.word(cells.first * CELL_WORDS).store(tag.0, Ordering::Release);
            }
        }
    });
    let ends = Ends::new(&world.pool);
    let thread = Thread::new();
    world.pool.release(root.block(), &thread, &ends);
    if let Some(next) = world.pool.open(0, 1) {
        write(&world.pool, next.block(), next.cell());
        world.pool.release(next.block(), &thread, &ends);
    }
    late.join().expect("no panic");
}

fn two_claims() {
    let world = world(2);
    let root = open(&world.pool);
    let other = Arc::clone(&world);
    let first = thread::spawn(move || {
        let ends = Ends::new(&other.pool);
        let place = other.pool.claim(root, 1, &Thread::new(), &ends).expect("the trace is alive");
        (place.at.block(), place.at.cell())
    });
    let ends = Ends::new(&world.pool);
    let place = world.pool.claim(root, 1, &Thread::new(), &ends).expect("the trace is alive");
    let other_place = first.join().expect("no panic");
    assert_ne!((place.at.block(), place.at.cell()), other_place);
}

/// The root's block has room for one more; both threads want two.
fn two_further() {
    let world = world(3);
    let root = open(&world.pool);
    let other = Arc::clone(&world);
    let work = move |world: &World| {
        let ends = Ends::new(&world.pool);
        assert!(child(&world.pool, root, &Thread::new(), &ends));
        assert!(child(&world.pool, root, &Thread::new(), &ends));
        assert_eq!(ends.ended.load(Ordering::Relaxed), 0);
    };
    let first = thread::spawn(move || work(&other));
    // Three of the four find room: one in the root's block, two in the further one.
    let ends = Ends::new(&world.pool);
    assert!(child(&world.pool, root, &Thread::new(), &ends));
    first.join().expect("no panic");
    world.pool.release(root.block(), &Thread::new(), &ends);
    assert_eq!(ends.entries.load(Ordering::Relaxed), 4);
    assert_eq!(world.pool.in_use(), 0);
}

fn lease_against_end() {
    let world = world(2);
    let root = open(&world.pool);
    let other = Arc::clone(&world);
    // Another handle to the root, dropped elsewhere while this thread is inside.
    let released = thread::spawn(move || {
        let ends = Ends::new(&other.pool);
        other.pool.release(root.block(), &Thread::new(), &ends);
        (ends.ended.load(Ordering::Relaxed), ends.entries.load(Ordering::Relaxed))
    });
    let ends = Ends::new(&world.pool);
    let thread = Thread::new();
    thread.enter(0, root);
    let was_there = child_in_place(&world.pool, root, &thread, &ends);
    let was_there_too = was_there && child(&world.pool, root, &thread, &ends);
    assert_eq!(was_there_too, was_there, "a lease keeps the trace alive");
    assert!(thread.exit(0, root));
    if thread.lease.is_over(&world.pool, thread.depth()) {
        world.pool.end_lease(&thread, &ends);
    }
    let (ended, entries) = released.join().expect("no panic");
    assert_eq!(ends.ended.load(Ordering::Relaxed) + ended, 1, "a trace ends once");
    let entries = ends.entries.load(Ordering::Relaxed) + entries;
    assert_eq!(entries, if was_there { 3 } else { 1 });
    assert_eq!(world.pool.in_use(), 0);
}

fn two_takers() {
    let world = world(2);
    let other = Arc::clone(&world);
    let take_and_give = |pool: &Pool, taken: &AtomicU64| {
        if let Some(number) = pool.take(0) {
            let bit = 1 << number;
            assert_eq!(taken.fetch_or(bit, Ordering::AcqRel) & bit, 0, "taken twice");
            taken.fetch_and(!bit, Ordering::AcqRel);
            pool.give_back(number, 0);
        }
    };
    let taken = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&taken);
    let first = thread::spawn(move || {
        take_and_give(&other.pool, &shared);
    });
    take_and_give(&world.pool, &taken);
    take_and_give(&world.pool, &taken);
    first.join().expect("no panic");
    assert_eq!(world.pool.in_use(), 0);
}

fn parked_once() {
    let world = world(2);
    let parked = Arc::new(Parked::new(1));
    let root = open(&world.pool);
    assert!(world.pool.block(root.block()).release(1, Cells::NONE).is_some());
    assert_eq!(parked.put(&world.pool, root), None);
    let (other, shared) = (Arc::clone(&world), Arc::clone(&parked));
    // A read that is kept wants the round, while the next finished trace wants its place.
    let reader = thread::spawn(move || shared.take_trace_of(&other.pool, root));
    let next = open(&world.pool);
    assert!(world.pool.block(next.block()).release(1, Cells::NONE).is_some());
    let left = parked.put(&world.pool, next);
    let kept = reader.join().expect("no panic");
    assert!(kept.is_some() != left.is_some(), "{kept:?} and {left:?}");
}

/// A trace ends, and the next one gets its block. Of the head, which a copy reads word by word, only
/// what tells the traces apart is written, or there are too many interleavings.
fn end_and_reuse(pool: &Pool, root: SpanRef) {
    let block = pool.block(root.block());
    assert!(block.release(1, Cells::NONE).is_some(), "nothing else keeps the trace alive");
    let generation = block.open(1);
    let next = SpanRef::new(generation, root.block(), root.cell());
    block.set(HEAD_ROOT, next.0);
    write_value(pool, (next.block(), next.cell()), LATER_VALUE);
}

fn copied_until_it_ends() {
    let world = world(1);
    let root = open(&world.pool);
    let reader = reader(&world, move |pool| copy_open(pool, root.block()), root);
    end_and_reuse(&world.pool, root);
    reader.join().expect("no panic");
}

/// As above, without a look at the generation after the copy.
fn copied_unchecked() {
    let world = world(1);
    let root = open(&world.pool);
    let copy = move |pool: &Pool| {
        let before = pool.block(root.block()).state();
        let is_it = before.is_open() && before.generation() == root.generation();
        is_it.then(|| copy(pool, root, before.next()))
    };
    let reader = reader(&world, copy, root);
    end_and_reuse(&world.pool, root);
    reader.join().expect("no panic");
}

fn copied_while_it_grows() {
    let world = world(1);
    let root = open(&world.pool);
    let reader = reader(&world, move |pool| copy_open(pool, root.block()), root);
    let was_there = child(&world.pool, root, &Thread::new(), &Ends::new(&world.pool));
    let entries = reader.join().expect("no panic");
    assert!(was_there && entries.is_some_and(|entries| entries >= 1), "the trace goes on");
}

/// A thread that copies and looks at the entries: how many there are, if there is a copy. The other
/// thread is the first one of its model: what loom tries begins with one that writes.
fn reader(
    world: &Arc<World>,
    copy: impl FnOnce(&Pool) -> Option<Copied> + Send + 'static,
    root: SpanRef,
) -> thread::JoinHandle<Option<usize>> {
    let world = Arc::clone(world);
    thread::spawn(move || {
        let copied = copy(&world.pool)?;
        // Every entry belongs to the trace that it is a copy of, which began at `root` or later.
        let value = if copied.root == root { VALUE } else { LATER_VALUE };
        let entries = copied.blocks.iter().flat_map(CopiedBlock::entries);
        let right = entries.inspect(|(.., words)| {
            assert_eq!(words[1], value, "an entry of another trace, or one that is not written");
        });
        Some(right.count())
    })
}
