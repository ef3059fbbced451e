//! Numbers as JSON has them: 64-bit integers come as numbers or as decimal strings, and must never
//! pass through a float, which holds only 53 bits of a nanosecond time.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The integer types that occur.
pub(super) trait Integer: Copy + Default + FromStr + TryFrom<i128> {
    /// What to call it in errors.
    const NAME: &'static str;
}

impl Integer for u64 {
    const NAME: &'static str = "an integer from 0 to 18446744073709551615";
}

impl Integer for i64 {
    const NAME: &'static str = "an integer of 64 bits";
}

impl Integer for u32 {
    const NAME: &'static str = "an integer from 0 to 4294967295";
}

/// An integer that may be written as a number or as a decimal string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Int<T>(pub(super) T);

impl<'de, T: Integer> Deserialize<'de> for Int<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntVisitor(PhantomData))
    }
}

struct IntVisitor<T>(PhantomData<T>);

impl<T: Integer> IntVisitor<T> {
    fn from_wide<E: Error>(wide: i128) -> Result<Int<T>, E> {
        T::try_from(wide)
            .map(Int)
            .map_err(|_| E::custom(format_args!("{wide} is out of range, expected {}", T::NAME)))
    }
}

impl<'de, T: Integer> Visitor<'de> for IntVisitor<T> {
    type Value = Int<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, as a number or in quotes", T::NAME)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Int<T>, E> {
        Self::from_wide(i128::from(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Int<T>, E> {
        Self::from_wide(i128::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Int<T>, E> {
        // `5.0` and `1e3` are integers to JSON; beyond 53 bits the float is no longer what was
        // written, and guessing would shift a time by hundreds of nanoseconds.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            return Self::from_wide(number as i128);
        }
        Err(E::custom(format_args!("{number} is not an exact integer, expected {}", T::NAME)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Int<T>, E> {
        if text.is_empty() {
            return Ok(Int(T::default()));
        }
        text.parse()
            .map(Int)
            .map_err(|_| E::custom(format_args!("{text:?} is not {}, expected digits", T::NAME)))
    }
}

/// The text of a float as both formats write it where JSON has no number for it.
pub(super) fn name_of_unwritable(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number == f64::INFINITY {
        Some("Infinity")
    } else if number == f64::NEG_INFINITY {
        Some("-Infinity")
    } else {
        None
    }
}
