//! The metric engine for Python: appending, sealing, loading, erasing. Queries are in `query`.

use super::batch::MetricBatch;
use super::query::{ChunkRows, PyNeed, Run, Selection, needs_of};
use crate::error::{IntoPyErr, detached};
use nexus_series::policy::{Sight, SightSpec};
use nexus_tsdb::answers::Selection as CoreSelection;
use nexus_tsdb::chunk::Damaged;
use nexus_tsdb::engine::{
    self, DayRows, Engine, EngineError, Limits, Options, Retention, RolledDays, Rollup as CoreRollup,
    Sealed as CoreSealed, SealedRows,
};
use nexus_tsdb::head::Shape;
use nexus_tsdb::index::{day_of, parse_sets};
use nexus_tsdb::view::{ChunkRows as CoreRows, Run as CoreRun};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pyo3::create_exception!(nexus._native, HeadFull, PyRuntimeError, "The open samples take all the memory they may.");
pyo3::create_exception!(nexus._native, LogFull, PyRuntimeError, "The segment log takes all the disk it may.");

impl IntoPyErr for EngineError {
    fn into_py_err(self) -> PyErr {
        match self {
            Self::HeadFull(message) => HeadFull::new_err(message),
            Self::LogFull(message) => LogFull::new_err(message),
            Self::Bad(message) => PyValueError::new_err(message),
            Self::Closed => PyValueError::new_err("the metric engine is closed"),
            // With the number, Python knows which kind it is.
            Self::Io(error) => match error.raw_os_error() {
                Some(number) => PyOSError::new_err((number, error.to_string())),
                None if error.kind() == std::io::ErrorKind::InvalidData => PyValueError::new_err(error.to_string()),
                None => PyOSError::new_err(error.to_string()),
            },
        }
    }
}

impl IntoPyErr for Damaged {
    fn into_py_err(self) -> PyErr {
        crate::error::DecodeError::new_err(self.to_string())
    }
}

/// A sentence about what was given.
pub struct Wrong(pub String);

impl IntoPyErr for Wrong {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.0)
    }
}

/// Reads a sight from JSON.
pub fn sight(json: &[u8]) -> Result<Sight, Wrong> {
    let spec: SightSpec = if json.is_empty() {
        SightSpec::default()
    } else {
        serde_json::from_slice(json).map_err(|error| Wrong(error.to_string()))?
    };
    Sight::new(&spec).map_err(Wrong)
}

/// Limits of `append`.
#[pyclass(frozen, module = "nexus._native")]
pub struct MetricLimits {
    inner: Limits,
}

#[pymethods]
impl MetricLimits {
    #[new]
    #[pyo3(signature = (*, series=0, series_per_metric=0, values_per_label=0, labels_per_series=0, name_bytes=0,
        value_bytes=0, exemplars=100_000, metadata=100_000))]
    #[allow(clippy::too_many_arguments)] // They are named.
    fn new(
        series: usize,
        series_per_metric: usize,
        values_per_label: usize,
        labels_per_series: usize,
        name_bytes: usize,
        value_bytes: usize,
        exemplars: usize,
        metadata: usize,
    ) -> Self {
        let inner = Limits {
            series,
            series_per_metric,
            values_per_label,
            labels_per_series,
            name_bytes,
            value_bytes,
            exemplars,
            metadata,
        };
        Self { inner }
    }
}

/// What of a batch was taken.
#[pyclass(frozen, module = "nexus._native")]
pub struct Appended {
    inner: engine::Appended,
}

#[pymethods]
impl Appended {
    #[getter]
    fn samples(&self) -> usize {
        self.inner.samples
    }

    #[getter]
    fn histograms(&self) -> usize {
        self.inner.histograms
    }

    #[getter]
    fn exemplars(&self) -> usize {
        self.inner.exemplars
    }

    #[getter]
    fn metadata(&self) -> usize {
        self.inner.metadata
    }

    #[getter]
    fn new_series(&self) -> usize {
        self.inner.new_series
    }

    /// (reason, sentence, samples, retryable), by reason.
    #[getter]
    fn refusals(&self) -> Vec<(&'static str, String, usize, bool)> {
        let all = self.inner.refusals.iter();
        all.map(|(reason, one)| (*reason, one.message.clone(), one.samples, one.retryable)).collect()
    }
}

/// A batch on its way to the tables.
#[pyclass(frozen, module = "nexus._native")]
pub struct Sealed {
    number: u64,
    rows: SealedRows,
    inner: Mutex<Option<CoreSealed>>,
}

type PyDayRows<'py> = Vec<(i64, usize, Bound<'py, PyBytes>)>;

fn day_rows<'py>(py: Python<'py>, rows: &[DayRows]) -> PyDayRows<'py> {
    rows.iter().map(|(day, count, bytes)| (*day, *count, PyBytes::new(py, bytes))).collect()
}

impl Sealed {
    fn take(&self) -> PyResult<Option<CoreSealed>> {
        Ok(self.inner.lock().map_err(|_| PyRuntimeError::new_err("an earlier call failed"))?.take())
    }
}

#[pymethods]
impl Sealed {
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    #[getter]
    fn samples(&self) -> usize {
        self.rows.samples
    }

    #[getter]
    fn chunks<'py>(&self, py: Python<'py>) -> PyDayRows<'py> {
        day_rows(py, &self.rows.chunks)
    }

    /// Chunks by tenant, as queries take them.
    fn recent(&self, py: Python<'_>) -> PyResult<Vec<(String, ChunkRows)>> {
        let made = detached(py, || CoreRows::sealed(self.rows.chunks.iter().map(|(_, _, rows)| &rows[..])))?;
        Ok(made.into_iter().map(|(tenant, rows)| (tenant, ChunkRows { inner: Arc::new(rows) })).collect())
    }

    #[getter]
    fn series<'py>(&self, py: Python<'py>) -> (usize, Bound<'py, PyBytes>) {
        (self.rows.series.0, PyBytes::new(py, &self.rows.series.1))
    }

    #[getter]
    fn exemplars<'py>(&self, py: Python<'py>) -> PyDayRows<'py> {
        day_rows(py, &self.rows.exemplars)
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> (usize, Bound<'py, PyBytes>) {
        (self.rows.metadata.0, PyBytes::new(py, &self.rows.metadata.1))
    }

    /// Days whose windows have other samples now, by tenant.
    #[getter]
    fn touched(&self) -> Vec<(String, Vec<i64>)> {
        let all = self.rows.touched.iter();
        all.map(|(tenant, days)| (tenant.clone(), days.iter().copied().collect())).collect()
    }

    /// All rows are stored.
    fn done(&self, py: Python<'_>) -> PyResult<()> {
        match self.take()? {
            Some(sealed) => detached(py, || sealed.done()),
            None => Err(PyValueError::new_err("done or given back already")),
        }
    }

    /// They are not.
    fn give_back(&self, py: Python<'_>) -> PyResult<()> {
        let sealed = self.take()?;
        py.detach(|| drop(sealed));
        Ok(())
    }
}

/// Series, open samples, and the log that makes them durable.
#[pyclass(frozen, module = "nexus._native")]
pub struct MetricsEngine {
    inner: Arc<Engine>,
}

#[pymethods]
impl MetricsEngine {
    #[new]
    #[pyo3(signature = (directory, *, head_bytes=2 << 30, log_bytes=16 << 30, chunk_ms=7_200_000, chunk_samples=1024,
        active_ms=3_600_000))]
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn new(
        py: Python<'_>,
        directory: PathBuf,
        head_bytes: u64,
        log_bytes: u64,
        chunk_ms: i64,
        chunk_samples: usize,
        active_ms: i64,
    ) -> PyResult<Self> {
        let options = Options { head_bytes, log_bytes, shape: Shape { chunk_ms, chunk_samples }, active_ms };
        Ok(Self { inner: detached(py, || Engine::open(&directory, options))? })
    }

    /// Take a batch.
    #[pyo3(signature = (tenant, batch, limits, *, now_ms, oldest_ms=-(1 << 60), newest_ms=1 << 60))]
    #[allow(clippy::too_many_arguments)] // They are named.
    fn append(
        &self,
        py: Python<'_>,
        tenant: &str,
        batch: &MetricBatch,
        limits: &MetricLimits,
        now_ms: i64,
        oldest_ms: i64,
        newest_ms: i64,
    ) -> PyResult<Appended> {
        let inner =
            detached(py, || self.inner.append(tenant, &batch.inner, &limits.inner, now_ms, oldest_ms..=newest_ms))?;
        Ok(Appended { inner })
    }

    /// fsync of what was appended.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.sync())
    }

    /// Set how long samples are kept.
    fn set_retention(&self, py: Python<'_>, rules: &[u8]) -> PyResult<()> {
        let retention = detached(py, || Retention::parse(rules).map_err(Wrong))?;
        self.inner.set_retention(retention);
        Ok(())
    }

    /// Forget series that have expired.
    fn expire(&self, py: Python<'_>, now_ms: i64) -> PyResult<usize> {
        detached(py, || self.inner.expire(now_ms))
    }

    /// What is due to be stored.
    #[pyo3(signature = (now_ms, *, all=false, max_samples=4_000_000))]
    fn take_sealed(&self, py: Python<'_>, now_ms: i64, all: bool, max_samples: usize) -> PyResult<Option<Sealed>> {
        detached(py, || {
            let sealed = self.inner.take_sealed(now_ms, all, max_samples)?;
            Ok::<_, EngineError>(sealed.map(|sealed| {
                let (number, rows) = (sealed.number, sealed.rows());
                Sealed { number, rows, inner: Mutex::new(Some(sealed)) }
            }))
        })
    }

    /// Series of the table, at start.
    fn load_series(&self, py: Python<'_>, rows: &[u8]) -> PyResult<usize> {
        detached(py, || self.inner.load_series(rows, now_ms()))
    }

    /// Metadata of the table, at start.
    fn load_metadata(&self, py: Python<'_>, rows: &[u8]) -> PyResult<usize> {
        detached(py, || self.inner.load_metadata(rows, 0))
    }

    /// Series that somebody sees.
    fn select(
        &self,
        py: Python<'_>,
        tenant: &str,
        matcher_sets: &[u8],
        sight: &[u8],
        from_ms: i64,
        to_ms: i64,
    ) -> PyResult<Selection> {
        detached(py, || {
            let sets = parse_sets(matcher_sets).map_err(Wrong)?;
            let inner = CoreSelection::new(&self.inner, tenant, sets, self::sight(sight)?, from_ms, to_ms);
            Ok::<_, Wrong>(Selection { inner: Arc::new(inner) })
        })
    }

    /// Begin a query.
    fn query(&self, py: Python<'_>, tenant: &str, program: &[u8], sight: &[u8]) -> PyResult<Run> {
        detached(py, || {
            let sight = self::sight(sight)?;
            CoreRun::new(&self.inner, tenant, program, &sight, today()).map(Run::new).map_err(Wrong)
        })
    }

    /// Days with rollups.
    fn set_rolled_days(
        &self,
        py: Python<'_>,
        tenant: &str,
        window: u32,
        fresh: Vec<i64>,
        stale: Vec<i64>,
    ) -> PyResult<()> {
        let days = RolledDays { fresh: fresh.into_iter().collect(), stale: stale.into_iter().collect() };
        detached(py, || {
            self.inner.set_rolled_days(tenant, window, days);
            Ok::<_, EngineError>(())
        })
    }

    /// Begin a part of the rollups of a day.
    fn rollup(
        &self,
        py: Python<'_>,
        tenant: &str,
        day: i64,
        today: i64,
        first: u32,
        most: usize,
    ) -> PyResult<Option<Rollup>> {
        let inner = detached(py, || self.inner.rollup(tenant, day, today, first, most))?;
        Ok(inner.map(|inner| Rollup { inner }))
    }

    /// Metadata of the families that somebody sees.
    fn metadata_json<'py>(
        &self,
        py: Python<'py>,
        tenant: &str,
        sight: &[u8],
        metric: &str,
        limit: i64,
        limit_per_metric: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let json = detached(py, || {
            let sight = self::sight(sight)?;
            let all = CoreSelection::new(&self.inner, tenant, Vec::new(), sight, i64::MIN, i64::MAX);
            Ok::<_, Wrong>(all.metadata_json(metric, limit, limit_per_metric))
        })?;
        Ok(PyBytes::new(py, &json))
    }

    /// Remove samples from memory and log.
    fn erase<'py>(
        &self,
        py: Python<'py>,
        tenant: &str,
        matcher_sets: &[u8],
        sight: &[u8],
        from_ms: i64,
        to_ms: i64,
    ) -> PyResult<(usize, Bound<'py, PyBytes>)> {
        let (count, ids) = detached(py, || {
            let sets = parse_sets(matcher_sets).map_err(EngineError::Bad)?;
            let sight = self::sight(sight).map_err(|wrong| EngineError::Bad(wrong.0))?;
            let selection = CoreSelection::new(&self.inner, tenant, sets, sight, from_ms, to_ms);
            let (tenant, numbers) = selection.chosen();
            let ids = selection.ids();
            self.inner.erase(tenant, numbers, from_ms, to_ms)?;
            Ok::<_, EngineError>((numbers.len(), ids))
        })?;
        Ok((count, PyBytes::new(py, &ids)))
    }

    /// Remove everything of a tenant.
    fn forget_tenant(&self, py: Python<'_>, tenant: &str) -> PyResult<()> {
        detached(py, || self.inner.forget_tenant(tenant))
    }

    /// Figures of the engine.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = detached(py, || Ok::<_, EngineError>(self.inner.stats()))?;
        let dict = PyDict::new(py);
        for (name, value) in [
            ("series", stats.series),
            ("active_series", stats.active_series),
            ("head_bytes", stats.head_bytes),
            ("index_bytes", stats.index_bytes),
            ("log_bytes", stats.log_bytes),
            ("log_segments", stats.log_segments),
            ("batches", stats.batches),
            ("replayed_samples", stats.replayed_samples),
            ("replay_ms", stats.replay_ms),
            ("sequence", stats.sequence),
            ("tenants", stats.tenants),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// Figures of a tenant.
    fn tenant_stats<'py>(&self, py: Python<'py>, tenant: &str) -> PyResult<Bound<'py, PyDict>> {
        let stats = detached(py, || {
            let known = self.inner.tenant(tenant);
            Ok::<_, EngineError>(known.map(|tenant| self.inner.tenant_stats(&tenant)).unwrap_or_default())
        })?;
        let dict = PyDict::new(py);
        dict.set_item("series", stats.series)?;
        dict.set_item("active_series", stats.active_series)?;
        dict.set_item("head_samples", stats.head_samples)?;
        dict.set_item("first_ms", stats.first_ms)?;
        dict.set_item("last_ms", stats.last_ms)?;
        Ok(dict)
    }

    /// Write out and close the log.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.close())
    }
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as i64)
}

/// UTC day of the clock.
fn today() -> i64 {
    day_of(now_ms())
}

/// Some series of a day on their way to rollups.
#[pyclass(frozen, module = "nexus._native")]
pub struct Rollup {
    inner: CoreRollup,
}

#[pymethods]
impl Rollup {
    /// Number of the series to go on with.
    #[getter]
    fn next(&self) -> u32 {
        self.inner.next
    }

    /// What to fetch.
    fn needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyNeed<'py>>> {
        let needs = detached(py, || Ok::<_, EngineError>(self.inner.view.needs()))?;
        Ok(needs_of(py, needs))
    }

    /// Take in rows that were fetched.
    fn feed(&self, py: Python<'_>, rows: &[u8]) -> PyResult<()> {
        detached(py, || self.inner.feed(rows))
    }

    /// Number of rows, and the rows.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<(usize, Bound<'py, PyBytes>)> {
        let (count, rows) = detached(py, || self.inner.rows().map_err(|fault| Wrong(fault.0)))?;
        Ok((count, PyBytes::new(py, &rows)))
    }
}

/// Rows of rollups without the windows that reach into a range.
#[pyfunction]
pub fn cut_rollups<'py>(py: Python<'py>, rows: &[u8], from_ms: i64, to_ms: i64) -> PyResult<Bound<'py, PyBytes>> {
    let cut = detached(py, || engine::tables::cut_rollups(rows, from_ms, to_ms))?;
    Ok(PyBytes::new(py, &cut))
}

/// Rows of chunks without the samples of a range.
#[pyfunction]
pub fn cut_chunks<'py>(py: Python<'py>, rows: &[u8], from_ms: i64, to_ms: i64) -> PyResult<Bound<'py, PyBytes>> {
    let cut = detached(py, || engine::tables::cut_chunks(rows, from_ms, to_ms))?;
    Ok(PyBytes::new(py, &cut))
}
