//! Edge coverage: the counters that LLVM put into the binary when it was built with the flags of `.cargo/config.toml`.
//! Built without them there are none, and inputs are mutated blindly.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

static START: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Called by the binary's constructors with the bounds of its counters.
#[cfg(not(feature = "libfuzzer"))]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    START.store(start, Relaxed);
    LENGTH.store(end as usize - start as usize, Relaxed);
}

fn counters() -> &'static mut [u8] {
    match START.load(Relaxed) {
        start if start.is_null() => &mut [],
        // SAFETY: a section of the binary, there as long as it runs; it is only borrowed here, on one thread, while no
        // instrumented code of interest runs.
        start => unsafe { std::slice::from_raw_parts_mut(start, LENGTH.load(Relaxed)) },
    }
}

/// Which edges were taken how often, in powers of two, by any input so far.
pub struct Coverage {
    seen: Vec<u8>,
    /// Edges taken by any input.
    pub edges: usize,
}

impl Coverage {
    /// Nothing seen.
    pub fn new() -> Self {
        Self { seen: vec![0; counters().len()], edges: 0 }
    }

    /// Begin to count an input.
    pub fn reset(&self) {
        counters().fill(0);
    }

    /// Add what the input took; true when some of it is new.
    pub fn add(&mut self) -> bool {
        // Most counters are zero. Blocks are compared by the system's `memcmp`: iterators are instrumented here too.
        const BLOCK: usize = 128;
        let counts = counters();
        let mut new = false;
        let mut start = 0;
        while start < counts.len() {
            let end = counts.len().min(start + BLOCK);
            if counts[start..end] != [0; BLOCK][..end - start] {
                new |= self.add_block(counts, start, end);
            }
            start = end;
        }
        new
    }

    fn add_block(&mut self, counts: &[u8], start: usize, end: usize) -> bool {
        let mut new = false;
        let mut edge = start;
        while edge < end {
            // The highest bit of the count.
            if let Some(bit) = counts[edge].checked_ilog2()
                && self.seen[edge] & 1 << bit == 0
            {
                self.edges += usize::from(self.seen[edge] == 0);
                self.seen[edge] |= 1 << bit;
                new = true;
            }
            edge += 1;
        }
        new
    }
}

impl Default for Coverage {
    fn default() -> Self {
        Self::new()
    }
}
