//! Callsites by number: what a span or event is called stands in the program once, and in a block
//! only its number.
//!
//! The table is one for the whole process and grows only, as callsites do. Looking a number up takes
//! one load where nothing collides; no lock, and no pointer is ever read back from a block.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::Metadata;

use super::kind::Kind;

/// The most callsites that are told apart; all further ones are [`UNKNOWN`].
pub(super) const MOST_CALLSITES: usize = 4096;
/// The number of a callsite that is not told apart.
pub(super) const UNKNOWN: u32 = 0;
/// Twice as many places as callsites, so that most stand where they are first looked for.
const PLACES: usize = 2 * MOST_CALLSITES;

/// What a callsite is.
#[derive(Clone, Copy)]
pub(super) enum Callsite {
    /// A macro of `tracing`.
    Tracing(&'static Metadata<'static>),
    /// A kind of the direct interface.
    Kind(&'static Kind),
}

/// Something for each callsite, found by its number.
pub(super) struct ByCallsite<T>(Box<[T; MOST_CALLSITES]>);

impl<T> ByCallsite<T> {
    pub(super) fn new(make: impl Fn() -> T) -> Self {
        let all: Box<[T]> = (0..MOST_CALLSITES).map(|_| make()).collect();
        match all.try_into() {
            Ok(all) => ByCallsite(all),
            Err(_) => unreachable!("as many were made"),
        }
    }

    #[inline(always)]
    pub(super) fn at(&self, callsite: u32) -> &T {
        &self.0[callsite as usize % MOST_CALLSITES]
    }

    pub(super) fn all(&self) -> &[T] {
        self.0.as_slice()
    }
}

static CALLSITES: [OnceLock<Callsite>; MOST_CALLSITES] =
    [const { OnceLock::new() }; MOST_CALLSITES];
const NUMBER_BITS: u32 = MOST_CALLSITES.ilog2();
/// `address:52 | number:12`: where a callsite's metadata lies, and its number; zero for a free place.
static PLACES_BY_ADDRESS: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];
/// How many numbers are given out; number 0 stands for all that have none.
static COUNT: Mutex<u32> = Mutex::new(1);

/// The callsite behind a number.
pub(super) fn find(number: u32) -> Option<Callsite> {
    CALLSITES.get(number as usize)?.get().copied()
}

/// The number of a callsite.
#[inline(always)]
pub(super) fn number(metadata: &'static Metadata<'static>) -> u32 {
    let address = std::ptr::from_ref(metadata).addr() as u64;
    // Nothing is read through the number but what is there for all numbers, so no order is needed.
    let word = PLACES_BY_ADDRESS[first_place(address)].load(Ordering::Relaxed);
    if word >> NUMBER_BITS == address { number_of(word) } else { number_further(metadata, address) }
}

#[inline(always)]
fn number_of(word: u64) -> u32 {
    (word & ((1 << NUMBER_BITS) - 1)) as u32
}

/// Metadata is larger than 64 bytes, and what is used together often lies together: then its places
/// share cache lines.
#[inline(always)]
fn first_place(address: u64) -> usize {
    (address >> 6) as usize % PLACES
}

#[cold]
fn number_further(metadata: &'static Metadata<'static>, address: u64) -> u32 {
    if let Some(number) = look_further(address) {
        return number;
    }
    let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    // Only the holder of the lock fills places, and numbers.
    if let Some(number) = look_further(address) {
        return number;
    }
    let is_same = |callsite| match callsite {
        Callsite::Tracing(other) => std::ptr::eq(other, metadata),
        Callsite::Kind(_) => false,
    };
    let known = all().find(|(_, callsite)| is_same(*callsite));
    let number =
        known.map_or_else(|| add(&mut count, Callsite::Tracing(metadata)), |known| known.0);
    let has_room = address >> (64 - NUMBER_BITS) == 0;
    if number != UNKNOWN && has_room {
        let free = places(address).find(|place| place.load(Ordering::Relaxed) == 0);
        if let Some(place) = free {
            place.store(address << NUMBER_BITS | u64::from(number), Ordering::Relaxed);
        }
    }
    number
}

/// The places where a callsite may stand, the first one first.
fn places(address: u64) -> impl Iterator<Item = &'static AtomicU64> {
    let first = first_place(address);
    (0..PLACES).map(move |step| &PLACES_BY_ADDRESS[(first + step) % PLACES])
}

fn look_further(address: u64) -> Option<u32> {
    let words = places(address).map(|place| place.load(Ordering::Relaxed));
    let found = words.take_while(|word| *word != 0).find(|word| word >> NUMBER_BITS == address);
    found.map(number_of)
}

/// Gives a kind of the direct interface its number, once.
pub(super) fn register(kind: &'static Kind) -> u32 {
    let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    match kind.number() {
        UNKNOWN => add(&mut count, Callsite::Kind(kind)),
        number => number,
    }
}

fn add(count: &mut u32, callsite: Callsite) -> u32 {
    let Some(place) = CALLSITES.get(*count as usize) else { return UNKNOWN };
    let _ = place.set(callsite);
    *count += 1;
    *count - 1
}

/// All callsites that have a number so far.
pub(super) fn all() -> impl Iterator<Item = (u32, Callsite)> {
    (1..MOST_CALLSITES as u32).map_while(|number| Some((number, find(number)?)))
}

impl Callsite {
    /// The name of its spans or events.
    pub(super) fn name(self) -> &'static str {
        match self {
            Callsite::Tracing(metadata) => metadata.name(),
            Callsite::Kind(kind) => kind.name,
        }
    }

    /// The name of a field by its index.
    pub(super) fn field(self, index: usize) -> Option<&'static str> {
        match self {
            Callsite::Tracing(metadata) => {
                metadata.fields().iter().nth(index).map(|field| field.name())
            }
            Callsite::Kind(kind) => kind.fields.get(index).copied(),
        }
    }

    /// The names of all its fields, by index.
    pub(super) fn fields(self) -> Vec<&'static str> {
        (0..).map_while(|index| self.field(index)).collect()
    }

    /// The part of the program that it belongs to.
    pub(super) fn target(self) -> &'static str {
        match self {
            Callsite::Tracing(metadata) => metadata.target(),
            Callsite::Kind(kind) => kind.target,
        }
    }

    /// Where it stands.
    pub(super) fn place(self) -> (Option<&'static str>, Option<u32>) {
        match self {
            Callsite::Tracing(metadata) => (metadata.file(), metadata.line()),
            Callsite::Kind(kind) => (Some(kind.file), Some(kind.line)),
        }
    }
}
