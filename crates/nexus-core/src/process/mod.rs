//! Pipelines: what is done to records between decoding and storing.
//!
//! A [`Pipelines`] is compiled once from a specification and run on batches. Every processor has one signature
//! ([`Processor`]): it reads the batch, notes edits on the rows that its step is about, and says what becomes of them. Rows
//! that do not match stay where they are, so order is kept. What a step remembers between batches (a bucket's tokens, what
//! was seen lately) lies in a [`State`] of its own; what a batch changed there is undone when the batch is not stored
//! ([`Processed::settle`]), so that a sender who tries again loses nothing.

pub mod dedupe;
pub mod derive_metrics;
pub mod drop;
pub mod extract;
pub mod field;
pub mod grok;
pub mod keep;
pub mod multiline;
pub mod parse_grok;
pub mod parse_json;
pub mod parse_key_value;
pub mod parse_logfmt;
pub mod parse_regex;
pub mod parse_severity;
pub mod parse_timestamp;
pub mod redact;
pub mod rename;
pub mod route;
pub mod rows;
pub mod sample;
pub mod set;
pub mod spec;
pub mod throttle;
pub mod trace;

use crate::batch::LogBatch;
use crate::process::derive_metrics::Derived;
use crate::process::field::{Field, Value};
use crate::process::rows::{Fate, Reason, Rows};
use crate::process::spec::{Json, Options, SpecError};
use crate::select::Filter;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// Attribute that `on_failure: tag` sets.
pub const FAILURE_ATTRIBUTE: &str = "nexus.pipeline_error";
/// Steps of all pipelines together.
pub const MAX_STEPS: usize = 1000;

/// What a batch's processing may depend on besides the batch.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Now, ns.
    pub now_ns: i64,
    /// Seed of what is left to chance; the same for a repetition of the same delivery.
    pub seed: u64,
    /// Number of the delivery, different for each one under way.
    pub delivery: u64,
}

/// What a step remembers.
#[derive(Debug, Default)]
pub enum State {
    /// Nothing.
    #[default]
    None,
    /// See [`throttle`].
    Throttle(throttle::Buckets),
    /// See [`dedupe`].
    Dedupe(dedupe::Window),
    /// See [`derive_metrics`].
    Metrics(derive_metrics::Known),
}

/// What a batch changed in a [`State`].
#[derive(Debug, Default)]
pub enum Change {
    /// Nothing.
    #[default]
    None,
    /// See [`throttle`].
    Throttle(throttle::Taken),
    /// See [`dedupe`].
    Dedupe(dedupe::Noted),
    /// Metrics derived, to be counted when the batch is stored.
    Metrics(Derived),
}

/// A step's work.
pub trait Processor: std::fmt::Debug + Send + Sync {
    /// What it remembers, to begin with.
    fn state(&self) -> State {
        State::None
    }

    /// Look at the selected rows, note edits and fates. Returns what was changed in the state.
    fn process(&self, rows: &mut Rows, state: &mut State, context: &Context) -> Change;
}

/// What to do with records that a step fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    Keep,
    Drop,
    Tag,
}

#[derive(Debug)]
struct Step {
    number: u32,
    kind: String,
    when: Option<Filter>,
    processor: Box<dyn Processor>,
    on_failure: OnFailure,
    /// The step as it was specified: a state is taken over by a step with the same one.
    identity: String,
}

#[derive(Debug)]
struct Pipeline {
    name: String,
    when: Option<Filter>,
    steps: Vec<Step>,
}

/// Where a specification is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Pipeline by name, empty when it is none of them.
    pub pipeline: String,
    /// Step from 0, when it is one.
    pub step: Option<usize>,
    /// What is wrong.
    pub error: SpecError,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.step {
            Some(step) => write!(f, "pipeline `{}`, step {}: {}", self.pipeline, step + 1, self.error),
            None if self.pipeline.is_empty() => self.error.fmt(f),
            None => write!(f, "pipeline `{}`: {}", self.pipeline, self.error),
        }
    }
}

impl std::error::Error for CompileError {}

/// What a step did to a batch. `records_in` = `records_out` + routed + all that was dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// Pipeline by name.
    pub pipeline: String,
    /// Step from 0, as specified.
    pub step: u32,
    /// Its type.
    pub kind: String,
    /// Records that it was about.
    pub records_in: u64,
    /// Those of them that went on.
    pub records_out: u64,
    /// Those that it failed on.
    pub failed: u64,
    /// Those that went to other tenants.
    pub routed: u64,
    /// Those that were dropped, by reason.
    pub dropped: Vec<(Reason, u64)>,
    /// Time taken.
    pub seconds: f64,
}

type SharedState = Arc<Mutex<State>>;

/// Compiled pipelines with what their steps remember.
#[derive(Debug, Clone)]
pub struct Pipelines {
    compiled: Arc<Vec<Pipeline>>,
    tenants: Arc<Vec<String>>,
    states: Vec<Vec<SharedState>>,
}

/// A processed batch.
#[derive(Debug)]
pub struct Processed {
    /// The records that stay.
    pub batch: Arc<LogBatch>,
    /// Records for other tenants.
    pub routed: Vec<(String, LogBatch)>,
    /// By step, in the order in which they ran.
    pub counts: Vec<Count>,
    changes: Vec<(SharedState, Change)>,
    delivery: u64,
}

impl Processed {
    /// The batch was stored, or it was not and its traces in what steps remember go. Returns derived metrics to count.
    pub fn settle(&mut self, stored: bool) -> Vec<Derived> {
        let mut derived = Vec::new();
        for (state, change) in self.changes.drain(..) {
            match (&mut *locked(&state), change) {
                (State::Throttle(buckets), Change::Throttle(taken)) if !stored => buckets.give_back(&taken),
                (State::Dedupe(window), Change::Dedupe(noted)) => window.settle(noted, self.delivery, stored),
                (_, Change::Metrics(metrics)) if stored => derived.push(metrics),
                _ => {}
            }
        }
        derived
    }
}

fn locked(state: &SharedState) -> MutexGuard<'_, State> {
    // A panic in a processor is a mistake of ours; what it remembered is still the best there is.
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Pipelines {
    /// Compile a specification: a list of `{name, when, steps: [{type, options, when}], enabled}`; `when` and options that
    /// are queries hold encoded predicates. Steps that `previous` has, too, keep what they remember.
    pub fn compile(spec: &[u8], previous: Option<&Self>) -> Result<Self, CompileError> {
        let whole = |error: SpecError| CompileError { pipeline: String::new(), step: None, error };
        let Json::List(specs) = Json::parse(spec).map_err(whole)? else {
            return Err(whole(SpecError::new("", "pipelines are a list")));
        };
        let mut tenants = Vec::new();
        let mut pipelines = Vec::new();
        for spec in specs.iter().filter(|spec| spec.get("enabled") != Some(&Json::Bool(false))) {
            pipelines.push(pipeline(spec, &mut tenants)?);
        }
        if pipelines.iter().map(|pipeline| pipeline.steps.len()).sum::<usize>() > MAX_STEPS {
            return Err(whole(SpecError::new("", format!("there are more than {MAX_STEPS} steps"))));
        }
        let mut compiled = Self { compiled: Arc::new(pipelines), tenants: Arc::new(tenants), states: Vec::new() };
        compiled.states = compiled.fresh_states(previous);
        Ok(compiled)
    }

    /// The same pipelines for somebody else: nothing is remembered in common, but what `previous` remembers is taken over.
    #[must_use]
    pub fn fork(&self, previous: Option<&Self>) -> Self {
        Self { states: self.fresh_states(previous), ..self.clone() }
    }

    fn fresh_states(&self, previous: Option<&Self>) -> Vec<Vec<SharedState>> {
        let mut known: Vec<(&str, &str, &SharedState)> = Vec::new();
        if let Some(previous) = previous {
            for (pipeline, states) in previous.compiled.iter().zip(&previous.states) {
                known.extend(
                    pipeline.steps.iter().zip(states).map(|(step, state)| (&*pipeline.name, &*step.identity, state)),
                );
            }
        }
        let mut state = |pipeline: &Pipeline, step: &Step| {
            let found =
                known.iter().position(|(name, identity, _)| *name == pipeline.name && *identity == step.identity);
            match found {
                Some(at) => known.remove(at).2.clone(),
                None => Arc::new(Mutex::new(step.processor.state())),
            }
        };
        self.compiled.iter().map(|pipeline| pipeline.steps.iter().map(|step| state(pipeline, step)).collect()).collect()
    }

    /// No steps at all?
    pub fn is_empty(&self) -> bool {
        self.compiled.iter().all(|pipeline| pipeline.steps.is_empty())
    }

    /// Run every pipeline in order.
    pub fn run(&self, batch: Arc<LogBatch>, context: &Context) -> Processed {
        self.run_watched(batch, context, &mut trace::Nobody)
    }

    fn run_watched(&self, batch: Arc<LogBatch>, context: &Context, watcher: &mut impl trace::Watcher) -> Processed {
        let mut rows = Rows::new(batch, watcher.tracing());
        let mut run = Run { counts: Vec::new(), changes: Vec::new(), routed: Vec::new(), context };
        for (pipeline, states) in self.compiled.iter().zip(&self.states) {
            let mut members = matching(pipeline.when.as_ref(), &rows, None);
            for (step, state) in pipeline.steps.iter().zip(states) {
                run.step(&mut rows, &mut members, (&pipeline.name, step), state, watcher);
            }
        }
        let Run { counts, changes, routed, .. } = run;
        let mut by_tenant: Vec<(String, LogBatch)> = Vec::new();
        for (tenant, part) in routed {
            let tenant = &self.tenants[usize::from(tenant)];
            // Two steps may route to one tenant; together they are no larger than what came in.
            match by_tenant.iter_mut().find(|(name, _)| name == tenant) {
                Some((_, whole)) => match crate::concat::concat(&[whole, &part]) {
                    Ok(both) => *whole = both,
                    Err(_) => by_tenant.push((tenant.clone(), part)),
                },
                None => by_tenant.push((tenant.clone(), part)),
            }
        }
        Processed { batch: rows.finish(), routed: by_tenant, counts, changes, delivery: context.delivery }
    }
}

/// Which rows match, of those that are members (None: all).
fn matching(when: Option<&Filter>, rows: &Rows, members: Option<&[bool]>) -> Vec<bool> {
    let mut found = match when {
        Some(filter) => filter.matches(&*rows.batch()),
        None => vec![true; rows.len()],
    };
    if let Some(members) = members {
        for (found, member) in found.iter_mut().zip(members) {
            *found &= *member;
        }
    }
    found
}

struct Run<'c> {
    counts: Vec<Count>,
    changes: Vec<(SharedState, Change)>,
    routed: Vec<(u16, LogBatch)>,
    context: &'c Context,
}

impl Run<'_> {
    fn step(
        &mut self,
        rows: &mut Rows,
        members: &mut Vec<bool>,
        (pipeline, step): (&str, &Step),
        state: &SharedState,
        watcher: &mut impl trace::Watcher,
    ) {
        let began = Instant::now();
        let selected = match &step.when {
            Some(_) => matching(step.when.as_ref(), rows, Some(members)),
            None => members.clone(),
        };
        let about: Vec<u32> = (0..rows.len() as u32).filter(|&row| selected[row as usize]).collect();
        let mut count = Count {
            pipeline: pipeline.to_owned(),
            step: step.number,
            kind: step.kind.clone(),
            records_in: about.len() as u64,
            records_out: 0,
            failed: 0,
            routed: 0,
            dropped: Vec::new(),
            seconds: 0.0,
        };
        if !about.is_empty() {
            rows.select(about);
            watcher.before(rows);
            let change = step.processor.process(rows, &mut locked(state), self.context);
            count.failed = failures(rows, step);
            for &fate in rows.fates() {
                match fate {
                    Fate::Stay => {}
                    Fate::Route(_) => count.routed += 1,
                    Fate::Drop(reason) => match count.dropped.iter_mut().find(|(known, _)| *known == reason) {
                        Some((_, number)) => *number += 1,
                        None => count.dropped.push((reason, 1)),
                    },
                }
            }
            watcher.decided(rows, pipeline, step.number);
            if rows.fates().iter().any(|&fate| fate != Fate::Stay) {
                let mut fates = rows.fates().iter();
                members.retain(|_| fates.next() == Some(&Fate::Stay));
            }
            self.routed.extend(rows.apply());
            watcher.after(rows);
            if !matches!(change, Change::None) {
                self.changes.push((state.clone(), change));
            }
        }
        let dropped: u64 = count.dropped.iter().map(|(_, number)| number).sum();
        count.records_out = count.records_in - count.routed - dropped;
        count.seconds = began.elapsed().as_secs_f64();
        self.counts.push(count);
    }
}

/// Treat the rows that the step failed on; their number.
fn failures(rows: &mut Rows, step: &Step) -> u64 {
    let failures = rows.failures().to_vec();
    let key = match step.on_failure {
        OnFailure::Tag if !failures.is_empty() => rows.key(FAILURE_ATTRIBUTE.as_bytes()),
        _ => None,
    };
    for &(row, why) in &failures {
        match step.on_failure {
            OnFailure::Keep => {}
            OnFailure::Drop => rows.decide(row as usize, Fate::Drop("failed")),
            OnFailure::Tag => {
                rows.set_attribute(row as usize, key, Value::Text(format!("{}: {why}", step.kind).as_bytes()));
            }
        }
    }
    failures.len() as u64
}

// ------------------------------------------------------------------------------------------------------------- compile

fn pipeline(spec: &Json, tenants: &mut Vec<String>) -> Result<Pipeline, CompileError> {
    let name = spec.get("name").and_then(Json::text).unwrap_or_default().to_owned();
    let at = |step: Option<usize>| {
        let pipeline = name.clone();
        move |error: SpecError| CompileError { pipeline, step, error }
    };
    let Json::Map(members) = spec else { return Err(at(None)(SpecError::new("", "a pipeline is a map"))) };
    let when = Options::new(members).filter("when").map_err(at(None))?;
    let mut steps = Vec::new();
    if let Some(Json::List(specs)) = spec.get("steps") {
        for (number, spec) in specs.iter().enumerate() {
            if spec.get("enabled") != Some(&Json::Bool(false)) {
                steps.push(step(number, spec, tenants).map_err(at(Some(number)))?);
            }
        }
    }
    Ok(Pipeline { name, when, steps })
}

fn step(number: usize, spec: &Json, tenants: &mut Vec<String>) -> Result<Step, SpecError> {
    let Json::Map(members) = spec else { return Err(SpecError::new("", "a step is a map")) };
    let kind = spec.get("type").and_then(Json::text).unwrap_or_default();
    let when = Options::new(members).filter("when")?;
    let given = match spec.get("options") {
        Some(Json::Map(options)) => options.as_slice(),
        None | Some(Json::Null) => &[],
        Some(_) => return Err(SpecError::new("options", "must be a map")),
    };
    let options = Options::new(given);
    let on_failure = match options.choice("on_failure", &["keep", "drop", "tag"], "keep")? {
        "drop" => OnFailure::Drop,
        "tag" => OnFailure::Tag,
        _ => OnFailure::Keep,
    };
    let processor = processor(kind, &options, tenants)?;
    options.finish()?;
    Ok(Step {
        number: number as u32,
        kind: kind.to_owned(),
        when,
        processor,
        on_failure,
        identity: format!("{kind} {given:?} {:?}", spec.get("when")),
    })
}

fn processor(kind: &str, options: &Options<'_>, tenants: &mut Vec<String>) -> Result<Box<dyn Processor>, SpecError> {
    Ok(match kind {
        "parse_json" => Box::new(parse_json::ParseJson::new(options)?),
        "parse_logfmt" => Box::new(parse_logfmt::ParseLogfmt::new(options)?),
        "parse_key_value" => Box::new(parse_key_value::ParseKeyValue::new(options)?),
        "parse_regex" => Box::new(parse_regex::ParseRegex::new(options)?),
        "parse_grok" => Box::new(parse_grok::ParseGrok::new(options)?),
        "parse_timestamp" => Box::new(parse_timestamp::ParseTimestamp::new(options)?),
        "parse_severity" => Box::new(parse_severity::ParseSeverity::new(options)?),
        "multiline" => Box::new(multiline::Multiline::new(options)?),
        "rename" => Box::new(rename::Rename::new(options)?),
        "set" => Box::new(set::Set::new(options)?),
        "drop" => Box::new(drop::Drop::new(options)?),
        "keep" => Box::new(keep::Keep::new(options)?),
        "route" => Box::new(route::Route::new(options, tenants)?),
        "sample" => Box::new(sample::Sample::new(options)?),
        "throttle" => Box::new(throttle::Throttle::new(options)?),
        "dedupe" => Box::new(dedupe::Dedupe::new(options)?),
        "redact" => Box::new(redact::Redact::new(options)?),
        "derive_metrics" => Box::new(derive_metrics::DeriveMetrics::new(options)?),
        _ => return Err(SpecError::new("type", format!("is {kind:?}, which is no processor"))),
    })
}

/// Fields that a step may write.
fn writable(option: &str, name: &str) -> Result<Field, SpecError> {
    let field = spec::field(option, name)?;
    if field.writable() {
        Ok(field)
    } else {
        Err(SpecError::new(option, format!("names {name}, which cannot be written")))
    }
}

/// A 128-bit hash of several fields of a row, for keys of tables.
fn key_of(sources: &[field::Source], batch: &LogBatch, row: usize, buffer: &mut Vec<u8>) -> u128 {
    buffer.clear();
    let mut scratch = Vec::new();
    for source in sources {
        match source.text(batch, row, &mut scratch) {
            Some(text) => {
                buffer.extend_from_slice(&(text.len() as u64 + 1).to_le_bytes());
                buffer.extend_from_slice(&text);
            }
            None => buffer.extend_from_slice(&[0; 8]),
        }
    }
    xxhash_rust::xxh3::xxh3_128(buffer)
}

#[cfg(test)]
mod tests;
