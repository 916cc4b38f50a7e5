//! The same targets under libFuzzer: `NEXUS_FUZZ_TARGET=otlp_json cargo run --profile fuzz --features libfuzzer --bin libfuzzer`.
//!
//! Everything after `--` goes to libFuzzer. It needs a C++ compiler and works with stable Rust, without address sanitizer:
//! there is no unsafe code in `nexus-core` for it to watch.
#![no_main]

use nexus_fuzz::targets::{TARGETS, Target};
use std::sync::LazyLock;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("NEXUS_FUZZ_TARGET").unwrap_or_default();
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("NEXUS_FUZZ_TARGET is {name:?}, expected one of {}", names.join(", ")))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some(check) = (TARGET.run)(input) {
        check();
    }
});
