//! Puts the parts of a picture beside each other.
//!
//! Used at the end of the layered layout. Parts stand in rows along the reading direction, in the
//! order of the input; how long rows may be is tried out.

use super::super::geometry::Size;

/// Room between parts.
const GAP: f64 = 24.0;
/// Row lengths tried.
const TRIES: usize = 24;

/// Where each part stands: its offset along and across. `aspect` is along over across.
pub(crate) fn pack(sizes: &[Size], aspect: Option<f64>) -> Vec<(f64, f64)> {
    let longest = sizes.iter().map(|size| size.width).fold(0.0, f64::max);
    let total: f64 = sizes.iter().map(|size| size.width + GAP).sum();
    let mut best: Option<(f64, Vec<(f64, f64)>)> = None;
    for step in 0..TRIES {
        let share = step as f64 / (TRIES - 1) as f64;
        let limit = longest + (total - longest) * share * share;
        let (places, whole) = rows(sizes, limit);
        let ratio = whole.width / whole.height.max(1.0);
        let area = whole.width * whole.height;
        let unlike = match aspect {
            Some(aspect) => (ratio / aspect).ln().abs().exp(),
            // Screens are wider than high, but not by much.
            None => 1.0 + 0.1 * (ratio / 1.6).ln().abs(),
        };
        if best.as_ref().is_none_or(|(least, _)| area * unlike < *least - 1e-6) {
            best = Some((area * unlike, places));
        }
    }
    best.map_or_else(Vec::new, |(_, places)| places)
}

/// Rows no longer than `limit`, and what they take together.
fn rows(sizes: &[Size], limit: f64) -> (Vec<(f64, f64)>, Size) {
    let mut places = Vec::with_capacity(sizes.len());
    let (mut along, mut across, mut high) = (0.0, 0.0, 0.0f64);
    let mut whole = Size::default();
    for size in sizes {
        if along > 0.0 && along + size.width > limit + 1e-6 {
            (along, across, high) = (0.0, across + high + GAP, 0.0);
        }
        places.push((along, across));
        whole.width = whole.width.max(along + size.width);
        whole.height = whole.height.max(across + size.height);
        along += size.width + GAP;
        high = high.max(size.height);
    }
    (places, whole)
}
