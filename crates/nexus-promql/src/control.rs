//! What may end a query early: its deadline, its owner, too many samples. Also counts what it used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Why a query has no answer. `text` is what clients read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be evaluated on these data.
    Execution(String),
    /// The deadline passed.
    Timeout(String),
    /// The owner cancelled it.
    Cancelled(String),
    /// It needs more samples in memory than allowed.
    TooManySamples(String),
}

impl Fault {
    /// The sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::Execution(text) | Self::Timeout(text) | Self::Cancelled(text) | Self::TooManySamples(text) => text,
        }
    }

    /// One of `execution`, `timeout`, `canceled`, `too_many_samples`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Execution(_) => "execution",
            Self::Timeout(_) => "timeout",
            Self::Cancelled(_) => "canceled",
            Self::TooManySamples(_) => "too_many_samples",
        }
    }
}

/// See the module text. Shared by all threads of a query; clone it to cancel from outside.
#[derive(Clone, Debug, Default)]
pub struct Control {
    deadline: Option<Instant>,
    cancelled: Arc<AtomicBool>,
}

impl Control {
    /// Ends the query at a time.
    pub fn with_deadline(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), cancelled: Arc::default() }
    }

    /// Ends the query as soon as it looks.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// To be called between series.
    #[inline]
    pub fn check(&self) -> Result<(), Fault> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Fault::Cancelled("query was canceled in expression evaluation".into()));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Fault::Timeout("query timed out in expression evaluation".into()));
        }
        Ok(())
    }
}

/// Counts samples: those read in total, and those in memory now and at most.
#[derive(Debug, Default)]
pub struct Budget {
    limit: u64,
    held: AtomicU64,
    peak: AtomicU64,
    total: AtomicU64,
    read: AtomicU64,
}

impl Budget {
    /// At most `limit` samples in memory at a time.
    pub fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Takes samples into memory.
    #[inline]
    pub fn hold(&self, samples: usize) -> Result<(), Fault> {
        let held = self.held.fetch_add(samples as u64, Ordering::Relaxed) + samples as u64;
        self.peak.fetch_max(held, Ordering::Relaxed);
        if held > self.limit {
            let text = "query processing would load too many samples into memory in query execution";
            return Err(Fault::TooManySamples(text.into()));
        }
        Ok(())
    }

    /// Lets go of samples; of what was never counted (`vector(1)`) nothing is let go.
    #[inline]
    pub fn release(&self, samples: usize) {
        let less = |held: u64| Some(held.saturating_sub(samples as u64));
        let _ = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Counts samples that were looked at, and of them those that had to be read for it.
    #[inline]
    pub fn count(&self, samples: usize, read: usize) {
        self.total.fetch_add(samples as u64, Ordering::Relaxed);
        self.read.fetch_add(read as u64, Ordering::Relaxed);
    }

    /// Samples looked at so far.
    pub fn looked_at(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Says how many were looked at so far: what is evaluated once for all steps counts at each, what is below a subquery in
    /// the windows over it only.
    pub fn set_looked_at(&self, samples: u64) {
        self.total.store(samples, Ordering::Relaxed);
    }

    /// Samples looked at in total, those read, and the most in memory at a time.
    pub fn totals(&self) -> (u64, u64, u64) {
        let now = |one: &AtomicU64| one.load(Ordering::Relaxed);
        (now(&self.total), now(&self.read), now(&self.peak))
    }
}
