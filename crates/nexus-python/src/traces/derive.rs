//! `SpanDeriver`: request rates and the service graph of one tenant's spans.

use crate::metrics::batch::MetricBatch;
use crate::traces::batch::SpanBatch;
use nexus_core::traces::derive::{Derived, Options, batch};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See `nexus._native`.
#[pyclass(frozen, module = "nexus._native")]
pub struct SpanDeriver {
    derived: Mutex<Derived>,
}

impl SpanDeriver {
    fn lock(&self) -> MutexGuard<'_, Derived> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl SpanDeriver {
    #[new]
    fn new(groups: usize, waiting: usize, wait_ns: i64) -> Self {
        Self { derived: Mutex::new(Derived::new(Options { groups, waiting, wait_ns })) }
    }

    /// Count the spans of a batch that arrived at `now_ns`.
    fn observe(&self, py: Python<'_>, spans: &SpanBatch, now_ns: i64) {
        let spans = Arc::clone(&spans.inner);
        py.detach(|| batch::observe(&mut self.lock(), &spans, now_ns));
    }

    /// The series that changed or are due to be said again.
    fn collect(&self, py: Python<'_>, now_ns: i64) -> MetricBatch {
        MetricBatch { inner: Arc::new(py.detach(|| self.lock().collect(now_ns))) }
    }

    /// (spans, edges, unpaired, hurried, overflowed) since the start.
    fn statistics(&self) -> (u64, u64, u64, u64, u64) {
        let seen = self.lock().statistics();
        (seen.spans, seen.edges, seen.unpaired, seen.hurried, seen.overflowed)
    }
}
