//! What is derived from spans as they arrive, before any sampling: request rates, errors and durations of operations
//! ([`operations`]), and the requests between services ([`graph`]), as series of metrics.
//!
//! Names and labels are those that Grafana's service graph reads from Grafana Tempo's metrics generator
//! (<https://grafana.com/docs/tempo/latest/metrics-from-traces/>). Spans count by their weight, so totals stay right however
//! they were sampled before.
//!
//! Counters live as long as this process, or until nothing was counted for [`IDLE_NS`]. A series begins with a zero, so that
//! `increase()` sees its first requests, and ends with a stale marker.

pub mod batch;
mod emit;
pub mod graph;
mod latency;
mod names;
pub mod operations;
#[cfg(test)]
mod tests;

use graph::Graph;
use nexus_series::batch::MetricBatch;
use operations::Operations;

/// A series that did not change is said again after this long: queries look back five minutes, rates need two samples.
pub const REPEAT_NS: i64 = 15_000_000_000;
/// A series that did not change for this long ends.
pub const IDLE_NS: i64 = 15 * 60_000_000_000;

/// OpenTelemetry's `SpanKind` by number.
pub mod kind {
    /// Handles a request.
    pub const SERVER: u8 = 2;
    /// Makes a request.
    pub const CLIENT: u8 = 3;
    /// Sends a message.
    pub const PRODUCER: u8 = 4;
    /// Takes a message.
    pub const CONSUMER: u8 = 5;
}

/// OpenTelemetry's `StatusCode` for failed spans.
pub const STATUS_ERROR: u8 = 2;

/// A span as far as it matters here. Times in ns.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// Its id.
    pub span_id: [u8; 8],
    /// Zero when it has no parent.
    pub parent_span_id: [u8; 8],
    /// `service.name` of its resource.
    pub service: &'a str,
    /// Its operation.
    pub name: &'a str,
    /// Number of its kind.
    pub kind: u8,
    /// Number of its status.
    pub status: u8,
    /// When it began.
    pub start: i64,
    /// How long it took.
    pub duration: u64,
    /// How many spans it stands for.
    pub weight: f64,
    /// Bytes of it, nearly.
    pub size: usize,
}

/// Where more can be asked about a span, only when it is needed.
pub trait More {
    /// The first of these attributes that it has as text or number, as text.
    fn first(&self, keys: &[&str]) -> Option<String>;
    /// Spans that it links to.
    fn links(&self) -> Vec<([u8; 16], [u8; 8])>;
}

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Operations and edges, each; what comes beyond counts as one operation or one edge with this word in its labels:
    /// [`names::OVERFLOW`].
    pub groups: usize,
    /// Spans that wait for the other side of their request.
    pub waiting: usize,
    /// How long they wait, ns.
    pub wait_ns: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { groups: 10_000, waiting: 100_000, wait_ns: 10_000_000_000 }
    }
}

/// What was seen since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Spans.
    pub spans: u64,
    /// Requests between services, paired or with a virtual node.
    pub edges: u64,
    /// Spans whose other side never came, and that name none.
    pub unpaired: u64,
    /// Spans that waited for a shorter time than they should have, because too many did.
    pub hurried: u64,
    /// Spans that count for the overflow operation.
    pub overflowed: u64,
}

/// The derived series of one tenant.
pub struct Derived {
    operations: Operations,
    graph: Graph,
    last_ms: i64,
    described_ms: i64,
}

impl Derived {
    /// Nothing seen yet.
    pub fn new(options: Options) -> Self {
        Self { operations: Operations::new(options.groups), graph: Graph::new(options), last_ms: 0, described_ms: 0 }
    }

    /// Count a span that arrived at `now_ns`.
    pub fn observe(&mut self, span: &Span<'_>, more: &impl More, now_ns: i64) {
        self.operations.observe(span, now_ns);
        self.graph.observe(span, more, now_ns);
    }

    /// The series that changed since the last call, or that are due to be said again; samples carry the time `now_ns`.
    /// Spans that waited long enough are settled first.
    pub fn collect(&mut self, now_ns: i64) -> MetricBatch {
        self.graph.settle(now_ns);
        // Two samples of a series never share a time, whatever the clock does.
        let now_ms = (now_ns / 1_000_000).max(self.last_ms + 2);
        self.last_ms = now_ms;
        let describe = now_ms - self.described_ms > 3_600_000;
        if describe {
            self.described_ms = now_ms;
        }
        let mut out = emit::Samples::new(now_ns, now_ms, describe);
        self.operations.emit(&mut out);
        self.graph.emit(&mut out);
        out.finish()
    }

    /// What was seen since the start.
    pub fn statistics(&self) -> Statistics {
        let (operations, graph) = (self.operations.statistics, self.graph.statistics);
        Statistics { spans: operations.spans, overflowed: operations.overflowed, ..graph }
    }
}
