//! Finds the [`Key`] of an attribute by where its name stands in memory: readers share the names of
//! attributes, so a name that was met before need not be read again.

use crate::model::ArcStr;
use crate::view::Key;

/// Places for names, as a power of two; more names than traces have.
const PLACES_LOG2: u32 = 8;
/// Longer names are not kept: what is kept stays in memory.
const LONGEST_BYTES: usize = 128;

/// Names that were met, each with its key if it has one.
#[derive(Debug)]
pub(super) struct KnownKeys {
    places: Box<[Option<Named>]>,
}

/// A name, and its key if it has one.
type Named = (ArcStr, Option<Key>);

impl Default for KnownKeys {
    fn default() -> Self {
        KnownKeys { places: (0..1 << PLACES_LOG2).map(|_| None).collect() }
    }
}

impl KnownKeys {
    /// The key of this name.
    pub(super) fn key(&mut self, name: &ArcStr) -> Option<Key> {
        // A name that is kept stays where it is, so no other one can have its address.
        let address = name.as_ptr() as u64;
        let place = address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - PLACES_LOG2);
        let Some(place) = self.places.get_mut(place as usize) else { return Key::of(name) };
        if let Some((known, key)) = place
            && ArcStr::ptr_eq(known, name)
        {
            return *key;
        }
        let key = Key::of(name);
        if name.len() <= LONGEST_BYTES {
            *place = Some((ArcStr::clone(name), key));
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_key_wherever_it_stands() {
        let mut known = KnownKeys::default();
        let long = "x".repeat(1_000);
        let others = (0..1_000).map(|number| format!("other.{number}"));
        let names: Vec<String> =
            Key::ALL.iter().map(|it| it.as_str().to_owned()).chain(others).chain([long]).collect();
        for _ in 0..3 {
            for name in &names {
                let shared: ArcStr = name.as_str().into();
                assert_eq!(known.key(&shared), Key::of(name));
                assert_eq!(known.key(&shared), Key::of(name));
            }
        }
    }
}
