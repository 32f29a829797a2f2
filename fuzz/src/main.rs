#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = innkeeper::command::commands(&String::from_utf8_lossy(data), "innkeeper");
});
