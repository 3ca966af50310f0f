#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| emit_fuzz::targets::headers(bytes));
