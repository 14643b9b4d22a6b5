#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| magic_fuzz::side::check(data));
