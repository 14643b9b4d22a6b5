#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| magic_fuzz::frames::check(data));
