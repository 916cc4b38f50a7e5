//! Requests, errors and durations of operations: `traces_spanmetrics_*` by service, span name, kind and status.

use super::emit::{Due, HistogramNames, Life, Samples, histogram_names};
use super::latency::Latency;
use super::names::OVERFLOW;
use super::{Span, Statistics};
use hashbrown::HashTable;
use nexus_series::batch::MetricKind;
use std::hash::BuildHasher;

const CALLS: &str = "traces_spanmetrics_calls_total";
const SIZE: &str = "traces_spanmetrics_size_total";
const LATENCY: HistogramNames = histogram_names!("traces_spanmetrics_latency");

/// Kinds by number, as the label has them.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUSES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

struct Operation {
    service: Box<str>,
    name: Box<str>,
    kind: u8,
    status: u8,
    calls: f64,
    bytes: f64,
    latency: Latency,
    life: Life,
}

impl Operation {
    fn is(&self, span: &Span<'_>) -> bool {
        self.kind == span.kind
            && self.status == span.status
            && *self.name == *span.name
            && *self.service == *span.service
    }
}

/// See the module text.
pub struct Operations {
    table: HashTable<Operation>,
    hasher: foldhash::fast::RandomState,
    most: usize,
    /// Only `spans` and `overflowed` are counted here.
    pub(super) statistics: Statistics,
}

impl Operations {
    /// None, and at most `most` of them.
    pub fn new(most: usize) -> Self {
        let hasher = foldhash::fast::RandomState::default();
        Self { table: HashTable::new(), hasher, most, statistics: Statistics::default() }
    }

    /// Count a span.
    pub fn observe(&mut self, span: &Span<'_>, now_ns: i64) {
        self.statistics.spans += 1;
        let mut span = *span;
        span.kind = span.kind.min(KINDS.len() as u8 - 1);
        span.status = span.status.min(STATUSES.len() as u8 - 1);
        let mut hash = hash(&self.hasher, &span);
        if self.table.len() >= self.most && self.table.find(hash, |one| one.is(&span)).is_none() {
            self.statistics.overflowed += 1;
            // The service stays as long as it has an operation of this kind already; else it is lost in the overflow, too.
            span.name = OVERFLOW;
            span.service = OVERFLOW;
            hash = self::hash(&self.hasher, &span);
        }
        let hasher = &self.hasher;
        let operation = self
            .table
            .entry(hash, |one| one.is(&span), |one| hash_of(hasher, &one.service, &one.name, one.kind, one.status))
            .or_insert_with(|| Operation {
                service: span.service.into(),
                name: span.name.into(),
                kind: span.kind,
                status: span.status,
                calls: 0.0,
                bytes: 0.0,
                latency: Latency::default(),
                life: Life::new(now_ns),
            })
            .into_mut();
        operation.calls += span.weight;
        operation.bytes += span.size as f64 * span.weight;
        operation.latency.observe(span.duration as f64 / 1e9, span.weight);
        operation.life.touch(now_ns);
    }

    /// What is due.
    pub(super) fn emit(&mut self, out: &mut Samples) {
        if out.describe && !self.table.is_empty() {
            out.family(CALLS, MetricKind::Counter, "Spans by operation, kind and status.", "");
            out.family(SIZE, MetricKind::Counter, "Bytes of spans, nearly.", "bytes");
            out.family(LATENCY.family, MetricKind::Histogram, "Durations of spans.", "seconds");
        }
        self.table.retain(|operation| {
            let due = out.begin(&mut operation.life);
            if due == Due::No {
                return true;
            }
            let labels = [
                ("service", &*operation.service),
                ("span_kind", KINDS[operation.kind as usize]),
                ("span_name", &*operation.name),
                ("status_code", STATUSES[operation.status as usize]),
            ];
            out.sample(CALLS, &labels, operation.calls);
            out.histogram(&LATENCY, &labels, &operation.latency);
            out.sample(SIZE, &labels, operation.bytes);
            due != Due::End
        });
    }
}

fn hash(hasher: &foldhash::fast::RandomState, span: &Span<'_>) -> u64 {
    hash_of(hasher, span.service, span.name, span.kind, span.status)
}

fn hash_of(hasher: &foldhash::fast::RandomState, service: &str, name: &str, kind: u8, status: u8) -> u64 {
    hasher.hash_one((service, name, kind, status))
}
