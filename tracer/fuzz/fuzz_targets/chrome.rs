//! Any bytes as Chrome trace events.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raftlens_tracer::format::Format;
use raftlens_tracer_fuzz::Target;

fuzz_target!(|bytes: &[u8]| Target::As(Format::ChromeJson).run(bytes));
