//! A query under way: the series its selectors find, as they are seen, and their samples out of the heads and out of chunks that
//! were fetched from the tables.

mod fed;
mod needs;
mod read;
mod reading;
mod rolled;

pub use fed::ChunkRows;
pub use needs::Need;
pub use reading::Reading;

use crate::engine::{Engine, RunGuard, Tenant};
use crate::index::{Index, Masked};
use nexus_promql::plan::Program;
use nexus_promql::rolled::Rolled;
use nexus_promql::source::{Samples, SeriesLabels, Source, SourceFault, SourceNote};
use nexus_promql::uses::uses;
use nexus_promql::{Answer, Control, Fault};
use nexus_series::matcher::Matcher;
use nexus_series::policy::Sight;
use nexus_series::symbols::SymbolTable;
use rayon::prelude::*;
use rolled::Rollups;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

/// Series of one selector.
pub struct Selected {
    numbers: Vec<u32>,
    labels: Vec<SeriesLabels>,
    /// Those that may have something in the tables.
    stored: Vec<u32>,
    /// How many samples that may be.
    samples: u64,
    from: i64,
    to: i64,
}

/// Series that are looked at by one thread: below, it does not pay to ask another one.
const PART: usize = 8192;
/// Distance of samples that estimates assume when nothing is known, ms.
const INTERVAL_MS: i64 = 15_000;

impl Selected {
    /// Of series; labels that are not as in the index are given. Every series is touched once: there may be a million.
    fn new(index: &Index, numbers: Vec<u32>, labels: Option<Vec<SeriesLabels>>, (from, to): (i64, i64)) -> Self {
        let own = labels.is_none();
        let parts: Vec<(Vec<SeriesLabels>, Vec<u32>, u64)> = numbers
            .par_chunks(PART)
            .map(|part| {
                let mut labels = Vec::with_capacity(if own { part.len() } else { 0 });
                let (mut stored, mut samples, mut interval) = (Vec::new(), 0u64, INTERVAL_MS);
                for (at, &number) in part.iter().enumerate() {
                    let series = index.series(number);
                    if own {
                        labels.push(series.labels.clone());
                    }
                    if series.activity.stored_within(from, to) {
                        stored.push(number);
                    }
                    if at % 64 == 0 {
                        let head = series.head();
                        if head.open.count() > 1 {
                            let gaps = head.open.count() as i64 - 1;
                            interval = ((head.open.last() - head.open.first()) / gaps).max(1);
                        }
                    }
                    let (first, last) = (series.activity.first().max(from), series.activity.last().min(to));
                    samples += (last.saturating_sub(first).max(0) / interval) as u64 + 1;
                }
                (labels, stored, samples)
            })
            .collect();
        let mut selected = Self {
            labels: labels.unwrap_or_else(|| Vec::with_capacity(numbers.len())),
            numbers,
            stored: Vec::new(),
            samples: 0,
            from,
            to,
        };
        for (labels, stored, samples) in parts {
            selected.labels.extend(labels);
            selected.stored.extend(stored);
            selected.samples += samples;
        }
        selected
    }
}

/// See the module text.
pub struct View {
    tenant: Arc<Tenant>,
    masked: Option<Arc<Masked>>,
    selected: Vec<Selected>,
    /// With the windows of rollups, s; 0: samples.
    fed: RwLock<Vec<(u32, Arc<ChunkRows>)>>,
    decoded: AtomicU64,
    rollups: Option<Rollups>,
    guard: RunGuard,
}

impl View {
    /// Of sets of matchers with their times (inclusive).
    pub fn new(engine: &Arc<Engine>, tenant: &str, sets: &[(Vec<Matcher>, i64, i64)], sight: &Sight) -> Self {
        // Before the heads are looked at: what is in them stays.
        let guard = engine.begin_run();
        let tenant = engine.tenant_or_empty(tenant);
        let masked = Masked::new(sight).map(Arc::new);
        let selected = sets.iter().map(|(set, from, to)| {
            let numbers = tenant.index.select(std::slice::from_ref(set), sight, *from, *to);
            let labels = masked.as_ref().map(|masked| masked.labels(&tenant.index, &numbers, &sight.mask));
            Selected::new(&tenant.index, numbers, labels, (*from, *to))
        });
        let selected = selected.collect();
        Self::with(guard, tenant, masked, selected)
    }

    /// Of series that were selected already: one selector.
    pub fn of(
        engine: &Arc<Engine>,
        tenant: &Arc<Tenant>,
        masked: Option<Arc<Masked>>,
        (numbers, labels): (Vec<u32>, Vec<SeriesLabels>),
        times: (i64, i64),
    ) -> Self {
        let guard = engine.begin_run();
        let selected = Selected::new(&tenant.index, numbers, Some(labels), times);
        Self::with(guard, tenant.clone(), masked, vec![selected])
    }

    fn with(guard: RunGuard, tenant: Arc<Tenant>, masked: Option<Arc<Masked>>, selected: Vec<Selected>) -> Self {
        Self { tenant, masked, selected, fed: RwLock::default(), decoded: AtomicU64::new(0), rollups: None, guard }
    }

    /// Takes in chunks of the tables, of rollups with a window (s) or, with 0, of samples; others than those of its series are
    /// passed over. Samples may come among rollups.
    pub fn feed(&self, rows: Arc<ChunkRows>, window: u32) {
        self.fed.write().expect("no panic while locked").push((window, rows));
    }

    /// Were any samples fed of a series?
    pub fn is_fed(&self, number: u32) -> bool {
        let id = self.tenant.index.series(number).id;
        self.fed.read().expect("no panic while locked").iter().any(|(_, rows)| rows.of(id).next().is_some())
    }

    /// Series selected, all selectors together.
    pub fn num_series(&self) -> usize {
        self.selected.iter().map(|one| one.numbers.len()).sum()
    }

    /// Bytes of chunks that were unpacked.
    pub fn decoded_bytes(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }

    fn note_decoded(&self, bytes: usize) {
        self.decoded.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Labels of what a selector found.
    pub fn labels(&self, selector: usize) -> &[SeriesLabels] {
        &self.selected[selector].labels
    }

    /// Window of a selector, ms.
    pub fn window(&self, selector: usize) -> (i64, i64) {
        (self.selected[selector].from, self.selected[selector].to)
    }

    /// As `Source::read`.
    pub fn read_selected(
        &self,
        selector: usize,
        series: usize,
        from: i64,
        to: i64,
        into: &mut Samples,
    ) -> Result<(), SourceFault> {
        self.read_series(self.selected[selector].numbers[series], from, to, into)
    }

    /// The text table of labels.
    pub fn texts(&self) -> &SymbolTable {
        self.masked.as_deref().map_or(&self.tenant.index.symbols, |masked| &masked.symbols)
    }
}

impl Source for View {
    fn symbols(&self) -> &SymbolTable {
        self.texts()
    }

    fn series(&self, selector: usize) -> &[SeriesLabels] {
        self.labels(selector)
    }

    fn read(&self, selector: usize, series: usize, from: i64, to: i64, into: &mut Samples) -> Result<(), SourceFault> {
        self.read_selected(selector, series, from, to, into)
    }

    fn rolled(&self, selector: usize, series: usize) -> Option<i64> {
        self.rolled_length(selector, series)
    }

    fn read_rolled(
        &self,
        selector: usize,
        series: usize,
        columns: u16,
        times: (i64, i64),
        into: &mut Rolled,
    ) -> Result<(), SourceFault> {
        self.read_windows(selector, series, columns, times, into)
    }

    fn notes(&self) -> Vec<SourceNote> {
        self.rolled_notes()
    }
}

/// A program and what it reads.
pub struct Run {
    /// What it reads.
    pub view: View,
    program: Program,
}

impl Run {
    /// Begins a query on a UTC day: JSON of a program and of a sight. The error is a sentence.
    pub fn new(engine: &Arc<Engine>, tenant: &str, program: &[u8], sight: &Sight, today: i64) -> Result<Self, String> {
        let program: Program = serde_json::from_slice(program).map_err(|error| error.to_string())?;
        let sets = program.selectors.iter().map(|selector| {
            let matchers = selector.matchers.iter().map(Matcher::new).collect::<Result<Vec<_>, _>>()?;
            Ok((matchers, selector.from, selector.to))
        });
        let sets = sets.collect::<Result<Vec<_>, String>>()?;
        let mut view = View::new(engine, tenant, &sets, sight);
        view.rollups =
            Rollups::choose(engine, &view.tenant, &view.selected, || uses(&program), (view.guard.event(), today));
        Ok(Self { view, program })
    }

    /// Evaluates it.
    pub fn run(&self, control: &Control) -> Result<Answer, Fault> {
        nexus_promql::evaluate(&self.program, &self.view, control)
    }
}
