#![no_main]

#[path = "../bodies/lines.rs"]
mod lines;
#[path = "../bodies/scratch.rs"]
mod scratch;

libfuzzer_sys::fuzz_target!(|data: &[u8]| lines::check(data));
