#![no_main]

#[path = "../bodies/documents.rs"]
mod documents;
#[path = "../bodies/scratch.rs"]
mod scratch;

libfuzzer_sys::fuzz_target!(|data: &[u8]| documents::check(data));
