//! Any bytes as a DOT file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| raftlens_viz_fuzz::read(bytes));
