//! Any bytes as a compressed file; without a dictionary of magic numbers the seeds lead the way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raftlens_tracer_fuzz::Target;

fuzz_target!(|bytes: &[u8]| Target::Detect.run(bytes));
