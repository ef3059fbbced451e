//! Any bytes as a file of any format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raftlens_tracer_fuzz::Target;

fuzz_target!(|bytes: &[u8]| Target::Detect.run(bytes));
