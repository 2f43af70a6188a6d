#![no_main]

#[path = "../bodies/logs.rs"]
mod logs;
#[path = "../bodies/scratch.rs"]
mod scratch;

libfuzzer_sys::fuzz_target!(|data: &[u8]| logs::check(data));
