//! Callsites by number: what a span or event is called stands in the program once, and in a block
//! only its number.
//!
//! The table is one for the whole process and grows only, as callsites do. Looking a number up takes
//! one load where nothing collides; no lock, and no pointer is ever read back from a block.

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

static CALLSITES: [OnceLock<Callsite>; MOST_CALLSITES] =
    [const { OnceLock::new() }; MOST_CALLSITES];
/// The address of a callsite's metadata with its number.
static PLACES_BY_ADDRESS: [OnceLock<(usize, u32)>; PLACES] = [const { OnceLock::new() }; PLACES];
/// How many numbers are given out; number 0 stands for all that have none.
static COUNT: Mutex<u32> = Mutex::new(1);

/// The callsite behind a number.
pub(super) fn find(number: u32) -> Option<Callsite> {
    CALLSITES.get(number as usize)?.get().copied()
}

/// The number of a callsite.
#[inline(always)]
pub(super) fn number(metadata: &'static Metadata<'static>) -> u32 {
    let address = std::ptr::from_ref(metadata).addr();
    match PLACES_BY_ADDRESS[first_place(address)].get() {
        Some(&(known, number)) if known == address => number,
        _ => number_further(metadata, address),
    }
}

#[inline(always)]
fn first_place(address: usize) -> usize {
    (address >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize) >> 40 & (PLACES - 1)
}

#[cold]
fn number_further(metadata: &'static Metadata<'static>, address: usize) -> u32 {
    let first = first_place(address);
    for step in 0..PLACES {
        match PLACES_BY_ADDRESS[(first + step) % PLACES].get() {
            Some(&(known, number)) if known == address => return number,
            Some(_) => {}
            None => break,
        }
    }
    let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    for step in 0..PLACES {
        // Only the holder of the lock fills places.
        let place = &PLACES_BY_ADDRESS[(first + step) % PLACES];
        match place.get() {
            Some(&(known, number)) if known == address => return number,
            Some(_) => {}
            None => {
                let number = add(&mut count, Callsite::Tracing(metadata));
                if number != UNKNOWN {
                    let _ = place.set((address, number));
                }
                return number;
            }
        }
    }
    UNKNOWN
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
