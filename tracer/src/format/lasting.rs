//! Texts that stay for as long as the process runs, so that nobody need count who holds them.
//!
//! A span has twenty texts that other spans have too. To hand out one more of such a text, and to
//! let go of it, is an atomic addition each. Texts that stay are handed out by copying one word.
//! Only so many do, for what stays is never given back.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::model::ArcStr;

/// How many texts stay at most, and how long each may be: together less than a megabyte.
const MOST_TEXTS: usize = 4_096;
const LONGEST_BYTES: usize = 128;

static LASTING: LazyLock<Lasting> = LazyLock::new(Lasting::default);

/// The text that stays and is equal to `text`, or `text` itself where too many stay already.
pub(super) fn lasting(text: ArcStr) -> ArcStr {
    LASTING.of(text)
}

#[derive(Default)]
struct Lasting(Mutex<HashSet<ArcStr>>);

impl Lasting {
    fn of(&self, text: ArcStr) -> ArcStr {
        // What was added when another thread panicked is whole.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&text) {
            return known.clone();
        }
        if known.len() < MOST_TEXTS && text.len() <= LONGEST_BYTES {
            text.leak();
            known.insert(text.clone());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_that_stays() {
        let lasting = Lasting::default();
        let (first, second) = (lasting.of("GET".into()), lasting.of("GET".into()));
        assert!(ArcStr::ptr_eq(&first, &second) && ArcStr::is_static(&first));
    }

    #[test]
    fn no_more_stay_than_so_many_and_no_long_ones() {
        let lasting = Lasting::default();
        assert!(!ArcStr::is_static(&lasting.of("x".repeat(LONGEST_BYTES + 1).into())));
        let texts = (0..2 * MOST_TEXTS).map(|it| lasting.of(format!("/orders/{it}").into()));
        assert_eq!(texts.filter(ArcStr::is_static).count(), MOST_TEXTS);
    }
}
