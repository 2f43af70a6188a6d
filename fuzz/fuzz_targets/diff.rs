#![no_main]

#[path = "../bodies/scratch.rs"]
mod scratch;
#[allow(dead_code)]
#[path = "../bodies/sweeps.rs"]
mod sweeps;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sweeps::compare(data));
