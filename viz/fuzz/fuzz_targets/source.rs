//! Any bytes as a file of Rust source.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../src/source.rs"]
mod source;

fuzz_target!(|bytes: &[u8]| {
    source::read(bytes);
});
