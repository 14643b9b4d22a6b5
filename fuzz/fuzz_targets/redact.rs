#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| magic_fuzz::redact::check(data));
