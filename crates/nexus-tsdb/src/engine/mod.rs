//! The engine: tenants with their series and heads, the log under them, and what waits to be stored in the tables.
//!
//! One writer at a time appends, seals, marks as stored and erases, in the order of the log's records: replaying them gives the
//! same heads and the same batches. Readers lock a series at a time.

pub mod append;
mod checkpoint;
mod erase;
mod expire;
mod extras;
mod guard;
mod overflow;
mod replay;
mod retention;
pub mod rollups;
pub(crate) mod rows;
mod sealing;
mod stats;
pub mod tables;

pub use append::{Appended, Refusal};
pub use guard::Limits;
pub use retention::{Kept, Retention, WINDOWS};
pub use rollups::{RolledDays, Rollup};
pub use sealing::{DayRows, Sealed, SealedRows};
pub use stats::{Stats, TenantStats};

use crate::head::Shape;
use crate::index::Index;
use crate::log::{self, Log};
use extras::Extras;
use foldhash::fast::RandomState;
use guard::Guard;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

/// Earliest and latest time of a sample, ms.
pub const TIMES: std::ops::RangeInclusive<i64> = -(1 << 60)..=1 << 60;

/// How an engine is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most bytes of samples in memory.
    pub head_bytes: u64,
    /// Most bytes of the log.
    pub log_bytes: u64,
    /// How chunks are cut.
    pub shape: Shape,
    /// A series counts as active that long after its last sample, ms.
    pub active_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            head_bytes: 2 << 30,
            log_bytes: 16 << 30,
            shape: Shape { chunk_ms: 7_200_000, chunk_samples: 1024 },
            active_ms: 3_600_000,
        }
    }
}

/// Why the engine did not do something.
#[derive(Debug)]
pub enum EngineError {
    /// The heads are full.
    HeadFull(String),
    /// The log is full.
    LogFull(String),
    /// The disk.
    Io(io::Error),
    /// It was closed.
    Closed,
    /// What it was asked or given makes no sense.
    Bad(String),
}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A tenant's series, metadata and exemplars.
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its series.
    pub index: Index,
    /// Metadata and exemplars.
    pub extras: Mutex<Extras>,
}

/// See the module text.
pub struct Engine {
    directory: PathBuf,
    options: Options,
    tenants: RwLock<BTreeMap<String, Arc<Tenant>>>,
    writer: Mutex<Writer>,
    retention: RwLock<Retention>,
    /// By tenant and window, s.
    rolled_days: RwLock<BTreeMap<String, BTreeMap<u32, Arc<RolledDays>>>>,
    head_bytes: AtomicI64,
    index_bytes: AtomicU64,
    runs: Mutex<Runs>,
    /// One checkpoint at a time is written.
    checkpoints: Mutex<()>,
    replayed: (u64, u64),
}

/// What only the writer touches.
struct Writer {
    log: Option<Log>,
    tenants: HashMap<String, TenantWriter, RandomState>,
    batches: BTreeMap<u64, Batch>,
    /// Series that may have something to seal, from the last look at all.
    due: Vec<(Arc<Tenant>, u32)>,
    /// When all were looked at last, ms.
    looked: i64,
    checkpoint_bytes: u64,
}

struct TenantWriter {
    tenant: Arc<Tenant>,
    guard: Guard,
    /// Series of which something was closed that is in no batch.
    closed: Vec<u32>,
}

/// Closed samples with a number, not known to be in the tables.
#[derive(Clone)]
struct Batch {
    series: Vec<(Arc<Tenant>, u32)>,
    taken: bool,
}

/// Queries under way: what was stored since the oldest of them began stays readable in the heads.
#[derive(Default)]
struct Runs {
    /// Count of batches that were stored.
    event: u64,
    /// Queries by the event they began after.
    begun: BTreeMap<u64, usize>,
    /// Batches that were stored while queries ran, and their series.
    stored: BTreeMap<u64, Vec<(Arc<Tenant>, u32)>>,
}

impl Engine {
    /// Opens a directory (made when it is not there) and replays its log.
    pub fn open(directory: &Path, options: Options) -> Result<Arc<Self>, EngineError> {
        if options.shape.chunk_ms < 1000 || !(1..=crate::chunk::MAX_SAMPLES / 2).contains(&options.shape.chunk_samples)
        {
            return Err(EngineError::Bad("chunks span at least a second and have 1 to 8,192 samples".into()));
        }
        let started = std::time::Instant::now();
        let mut engine = Self {
            directory: directory.into(),
            options,
            tenants: RwLock::default(),
            writer: Mutex::new(Writer {
                log: None,
                tenants: HashMap::default(),
                batches: BTreeMap::new(),
                due: Vec::new(),
                looked: i64::MIN,
                checkpoint_bytes: 0,
            }),
            retention: RwLock::default(),
            rolled_days: RwLock::default(),
            head_bytes: AtomicI64::new(0),
            index_bytes: AtomicU64::new(0),
            runs: Mutex::default(),
            checkpoints: Mutex::default(),
            replayed: (0, 0),
        };
        let found = log::find(directory)?;
        let replayed = engine.replay(&found)?;
        // Sequences are never used twice, not even when the end of the log is lost: numbers of batches are made of them.
        let now_us = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now_us = now_us.map_or(0, |now| now.as_micros() as u64);
        let mut log = Log::begin(directory, &found, replayed.sequence.max(now_us))?;
        log.append(log::kind::RESET, &mut log::Frame::new())?;
        engine.write().log = Some(log);
        engine.replayed = (replayed.samples, started.elapsed().as_millis() as u64);
        Ok(Arc::new(engine))
    }

    fn write(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("no panic while locked")
    }

    /// A tenant, if anything of it is known.
    pub fn tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        self.tenants.read().expect("no panic while locked").get(name).cloned()
    }

    /// A tenant, or one without anything.
    pub fn tenant_or_empty(&self, name: &str) -> Arc<Tenant> {
        self.tenant(name).unwrap_or_else(|| {
            Arc::new(Tenant { name: name.into(), index: Index::default(), extras: Mutex::default() })
        })
    }

    /// A tenant, made when it is not there.
    fn make_tenant(&self, name: &str) -> Arc<Tenant> {
        if let Some(tenant) = self.tenant(name) {
            return tenant;
        }
        let mut tenants = self.tenants.write().expect("no panic while locked");
        let made = || Arc::new(Tenant { name: name.into(), index: Index::default(), extras: Mutex::default() });
        tenants.entry(name.into()).or_insert_with(made).clone()
    }

    /// Sets how long samples are kept in the tables.
    pub fn set_retention(&self, retention: Retention) {
        *self.retention.write().expect("no panic while locked") = retention;
    }

    /// fsync of what was appended.
    pub fn sync(&self) -> Result<(), EngineError> {
        let files = self.write().log.as_mut().ok_or(EngineError::Closed)?.to_sync();
        files.iter().try_for_each(|file| file.sync_data())?;
        Ok(())
    }

    /// Writes the log out and closes it; a head of much log is written as a checkpoint, so that opening it is quick.
    pub fn close(&self) -> Result<(), EngineError> {
        let open = self.write().log.as_ref().map(Log::bytes);
        let Some(bytes) = open else { return Ok(()) };
        if bytes > 1 << 20 {
            self.checkpoint()?;
        }
        self.sync()?;
        self.write().log = None;
        Ok(())
    }

    /// A query begins: until its `RunGuard` goes, what is in the heads now stays readable there.
    pub fn begin_run(self: &Arc<Self>) -> RunGuard {
        let mut runs = self.runs.lock().expect("no panic while locked");
        let event = runs.event;
        *runs.begun.entry(event).or_default() += 1;
        RunGuard { engine: self.clone(), event }
    }

    fn end_run(&self, event: u64) {
        let mut runs = self.runs.lock().expect("no panic while locked");
        if let Some(count) = runs.begun.get_mut(&event) {
            *count -= 1;
            if *count == 0 {
                runs.begun.remove(&event);
            }
        }
        self.drop_stored(&mut runs);
    }

    /// Drops pieces that are in the tables, and that no query began before.
    fn drop_stored(&self, runs: &mut Runs) {
        let oldest = runs.begun.keys().next().copied().unwrap_or(u64::MAX);
        while let Some(entry) = runs.stored.first_entry()
            && *entry.key() <= oldest
        {
            for (tenant, number) in entry.remove() {
                self.change_head(&tenant, number, |head| {
                    head.drop_pieces(|piece| piece.stored() > 0 && piece.stored() <= oldest);
                });
            }
        }
    }

    /// Changes a head and keeps account of its bytes.
    fn change_head<T>(
        &self,
        tenant: &Tenant,
        number: u32,
        change: impl FnOnce(&mut crate::head::SeriesHead) -> T,
    ) -> T {
        let mut head = tenant.index.series(number).head();
        let before = head.bytes() as i64;
        let answer = change(&mut head);
        let after = head.bytes() as i64;
        drop(head);
        if after != before {
            self.head_bytes.fetch_add(after - before, Ordering::Relaxed);
        }
        answer
    }
}

impl Writer {
    fn log(&mut self) -> Result<&mut Log, EngineError> {
        self.log.as_mut().ok_or(EngineError::Closed)
    }

    fn tenant(&mut self, tenant: &Arc<Tenant>) -> &mut TenantWriter {
        self.tenants.entry_ref(tenant.name.as_str()).or_insert_with(|| TenantWriter {
            tenant: tenant.clone(),
            guard: Guard::default(),
            closed: Vec::new(),
        })
    }
}

/// See `Engine::begin_run`.
pub struct RunGuard {
    engine: Arc<Engine>,
    event: u64,
}

impl RunGuard {
    /// Number of batches that were stored when it began.
    pub fn event(&self) -> u64 {
        self.event
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.engine.end_run(self.event);
    }
}

#[cfg(test)]
mod tests;
