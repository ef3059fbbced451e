//! Any graph for the embedded layout.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| raftlens_viz_fuzz_layout::run(bytes));
