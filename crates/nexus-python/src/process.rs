//! Pipelines for Python.

use crate::batch::LogBatch;
use crate::error::detached;
use nexus_core::process::derive_metrics::Derived;
use nexus_core::process::{Context, Count, Pipelines as Core, Processed as CoreProcessed};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// Compiled pipelines with what their steps remember.
#[pyclass(frozen, module = "nexus._native")]
pub struct Pipelines {
    inner: Core,
}

#[pymethods]
impl Pipelines {
    /// Compile a specification. Raises ValueError.
    #[new]
    #[pyo3(signature = (spec, previous=None))]
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn new(py: Python<'_>, spec: &Bound<'_, PyBytes>, previous: Option<PyRef<'_, Self>>) -> PyResult<Self> {
        let spec = spec.as_bytes();
        let previous = previous.as_ref().map(|previous| &previous.inner);
        Ok(Self { inner: detached(py, || Core::compile(spec, previous))? })
    }

    /// The same pipelines for somebody else.
    #[pyo3(signature = (previous=None))]
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn fork(&self, previous: Option<PyRef<'_, Self>>) -> Self {
        Self { inner: self.inner.fork(previous.as_ref().map(|previous| &previous.inner)) }
    }

    /// No steps at all?
    #[getter]
    fn empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Run on a batch.
    #[pyo3(signature = (batch, *, now_ns, seed, delivery))]
    fn run(&self, py: Python<'_>, batch: &LogBatch, now_ns: i64, seed: u64, delivery: u64) -> PyResult<Processed> {
        let batch = batch.inner.clone();
        let processed =
            detached(py, || Ok::<_, Infallible>(self.inner.run(batch, &Context { now_ns, seed, delivery })))?;
        Processed::new(py, processed)
    }

    /// Run on a batch and say what happened to each record.
    #[pyo3(signature = (batch, *, now_ns, seed))]
    fn trace(&self, py: Python<'_>, batch: &LogBatch, now_ns: i64, seed: u64) -> PyResult<Traced> {
        let batch = batch.inner.clone();
        let context = Context { now_ns, seed, delivery: u64::MAX };
        let mut traced = detached(py, || Ok::<_, Infallible>(self.inner.trace(batch, &context)))?;
        // Nothing is stored of it, so nothing is remembered.
        traced.processed.settle(false);
        let changes = traced.changes.into_iter().map(|change| {
            let bytes = |json: Option<Vec<u8>>| json.map(|json| PyBytes::new(py, &json).unbind());
            let fields = change.fields.into_iter().map(|(name, old, new)| (name, bytes(old), bytes(new))).collect();
            let outcome = change.outcome.name();
            (change.row, change.pipeline, change.step, outcome, fields, change.message)
        });
        Ok(Traced {
            changes: changes.collect(),
            origins: traced.origins,
            routed_origins: traced.routed_origins,
            processed: Py::new(py, Processed::new(py, traced.processed)?)?,
        })
    }
}

type StepCount = (String, u32, String, u64, u64, u64, u64, Vec<(&'static str, u64)>, f64);
type MetricSeries = (Vec<(String, String)>, u64, f64, f64, Vec<u64>);
type Metric = (String, &'static str, String, Vec<f64>, Vec<MetricSeries>);

/// A processed batch.
#[pyclass(frozen, module = "nexus._native")]
pub struct Processed {
    inner: Mutex<CoreProcessed>,
    /// The records that stay.
    #[pyo3(get)]
    batch: Py<LogBatch>,
    /// Records for other tenants.
    #[pyo3(get)]
    routed: Vec<(String, Py<LogBatch>)>,
}

impl Processed {
    fn new(py: Python<'_>, mut processed: CoreProcessed) -> PyResult<Self> {
        let batch = Py::new(py, LogBatch { inner: processed.batch.clone() })?;
        let routed = std::mem::take(&mut processed.routed)
            .into_iter()
            .map(|(tenant, batch)| Ok((tenant, Py::new(py, LogBatch { inner: Arc::new(batch) })?)))
            .collect::<PyResult<_>>()?;
        Ok(Self { inner: Mutex::new(processed), batch, routed })
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, CoreProcessed> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[pymethods]
impl Processed {
    /// What each step did.
    fn counts(&self) -> Vec<StepCount> {
        let counts = &self.locked().counts;
        let tuple = |count: &Count| {
            let Count { pipeline, step, kind, records_in, records_out, failed, routed, dropped, seconds } =
                count.clone();
            (pipeline, step, kind, records_in, records_out, failed, routed, dropped, seconds)
        };
        counts.iter().map(tuple).collect()
    }

    /// The batch was stored, or it was not. Returns derived metrics to count.
    fn settle(&self, stored: bool) -> Vec<Metric> {
        let metric = |metric: Derived| {
            let series = metric.series.into_iter().map(|one| (one.labels, one.count, one.sum, one.last, one.buckets));
            (metric.name, metric.kind, metric.description, metric.bounds, series.collect())
        };
        self.locked().settle(stored).into_iter().map(metric).collect()
    }
}

type FieldChange = (String, Option<Py<PyBytes>>, Option<Py<PyBytes>>);
type StepChange = (u32, String, u32, &'static str, Vec<FieldChange>, &'static str);

/// A processed batch, with what happened to each record.
#[pyclass(frozen, module = "nexus._native")]
pub struct Traced {
    #[pyo3(get)]
    processed: Py<Processed>,
    #[pyo3(get)]
    origins: Vec<u32>,
    #[pyo3(get)]
    routed_origins: Vec<Vec<u32>>,
    changes: Vec<StepChange>,
}

#[pymethods]
impl Traced {
    /// (row, pipeline, step, outcome, [(field, JSON before, JSON after)], message), in the order in which it happened.
    #[getter]
    fn changes(&self, py: Python<'_>) -> Vec<StepChange> {
        let copied = |field: &FieldChange| {
            let copy = |json: &Option<Py<PyBytes>>| json.as_ref().map(|json| json.clone_ref(py));
            (field.0.clone(), copy(&field.1), copy(&field.2))
        };
        self.changes
            .iter()
            .map(|(row, pipeline, step, outcome, fields, message)| {
                (*row, pipeline.clone(), *step, *outcome, fields.iter().map(copied).collect(), *message)
            })
            .collect()
    }
}
