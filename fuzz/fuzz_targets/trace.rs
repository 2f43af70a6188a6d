#![no_main]

#[path = "../bodies/scratch.rs"]
mod scratch;
#[path = "../bodies/trace.rs"]
mod trace;

libfuzzer_sys::fuzz_target!(|data: &[u8]| trace::check(data));
