//! From resources, scopes, metrics and points to series: labels, suffixes, buckets, `target_info`.

use super::super::Decoded;
use super::super::builder::BatchBuilder;
use super::super::histogram::{SCHEMAS, accept, reduce, sparse};
use super::super::{MAX_BUCKETS, MAX_LABEL_BYTES};
use super::Options;
use super::delta::{Deltas, Total};
use super::names::{Suffix, label_name, metric_name, unit_name};
use super::point::{Attributes, Buckets, Kind, Metric, Point, RawExemplar};
use crate::limits::MAX_ATTRIBUTES;
use nexus_series::batch::{Exemplar, MetricKind};
use nexus_series::histogram::{CUSTOM_BUCKETS, Histogram, Span};
use nexus_series::labels::{pack, push_label, series_id};
use nexus_series::{NAME, STALE_NAN};

/// Width of the zero bucket when none is said.
const ZERO_THRESHOLD: f64 = 1e-128;
const DELTA: u64 = 1;
const NO_VALUE: u64 = 1;
const IDENTIFYING: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
/// `target_info` is repeated this often over the times of a request: within what an instant query looks back.
const INFO_STEP_MS: i64 = 150_000;
const MAX_INFOS: i64 = 500;
const TARGET_INFO: &str = "target_info";
/// Room for what a series has besides the labels of its point.
const LABEL_RESERVE: usize = 2 << 10;

/// The batch in the making.
pub struct Assembler<'a> {
    options: &'a Options,
    deltas: &'a Deltas,
    tenant: &'a str,
    now_ns: u64,
    builder: BatchBuilder,
    /// Points so far.
    number: usize,
    resource: Attributes,
    /// Labels that the resource gives every series.
    resource_labels: Attributes,
    scope_labels: Attributes,
    times: Option<(i64, i64)>,
    name: String,
    /// When what the point counts began, ms; 0: not said.
    start: i64,
    fault: Option<String>,
    /// Labels of the point, in order, each name once.
    labels: Vec<(String, String)>,
}

type Refused = String;

impl<'a> Assembler<'a> {
    /// Nothing yet.
    pub fn new(body: usize, now_ns: u64, options: &'a Options, deltas: &'a Deltas, tenant: &'a str) -> Self {
        Self {
            options,
            deltas,
            tenant,
            now_ns,
            builder: BatchBuilder::new(body),
            number: 0,
            resource: Vec::new(),
            resource_labels: Vec::new(),
            scope_labels: Vec::new(),
            times: None,
            name: String::new(),
            start: 0,
            fault: None,
            labels: Vec::new(),
        }
    }

    /// The answer.
    pub fn finish(self) -> Decoded {
        self.builder.finish()
    }

    /// Resource of what follows, until [`Self::leave_resource`].
    pub fn enter_resource(&mut self, attributes: Attributes) {
        let find = |name: &str| attributes.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let mut labels = Vec::new();
        if let Some(service) = find("service.name").filter(|service| !service.is_empty()) {
            let job = match find("service.namespace").filter(|namespace| !namespace.is_empty()) {
                Some(namespace) => format!("{namespace}/{service}"),
                None => service.to_owned(),
            };
            labels.push(("job".to_owned(), job));
        }
        if let Some(instance) = find("service.instance.id").filter(|instance| !instance.is_empty()) {
            labels.push(("instance".to_owned(), instance.to_owned()));
        }
        for name in &self.options.promoted {
            if let Some(value) = find(name) {
                labels.push((label_name(name, self.options.strategy).into_owned(), value.to_owned()));
            }
        }
        self.resource_labels = labels;
        self.resource = attributes;
        self.times = None;
    }

    /// The resource is over: say what it is.
    pub fn leave_resource(&mut self) {
        let Some((earliest, latest)) = self.times.take() else { return };
        let identified = self.resource_labels.iter().any(|(name, _)| name == "job" || name == "instance");
        let told = |name: &str| self.options.keep_identifying || !IDENTIFYING.contains(&name);
        let told: Attributes = self.resource.iter().filter(|(name, _)| told(name)).cloned().collect();
        if !identified || told.is_empty() {
            return;
        }
        let mut labels = joined(&told, self.options);
        for (name, value) in self.resource_labels.iter().filter(|(name, _)| name == "job" || name == "instance") {
            put(&mut labels, name, value);
        }
        let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        if bytes > MAX_LABEL_BYTES - LABEL_RESERVE {
            // What describes a target in so many words describes nothing; its points are stored all the same.
            return;
        }
        self.builder.begin(self.number);
        emit(&mut self.builder, &labels, TARGET_INFO, None);
        let step = INFO_STEP_MS.max((latest - earliest) / MAX_INFOS);
        let mut at = earliest;
        while at < latest {
            self.builder.float(at, 1.0);
            at = at.saturating_add(step);
        }
        self.builder.float(latest, 1.0);
        self.builder.end();
        self.builder.metadata(TARGET_INFO.as_bytes(), MetricKind::Gauge, b"Target metadata", b"");
    }

    /// Scope of what follows.
    pub fn enter_scope(&mut self, name: &str, version: &str, schema_url: &str, attributes: &Attributes) {
        self.scope_labels.clear();
        if !self.options.scope_labels {
            return;
        }
        for (label, value) in [("name", name), ("version", version), ("schema_url", schema_url)] {
            if !value.is_empty() {
                self.scope_labels.push((format!("otel_scope_{label}"), value.to_owned()));
            }
        }
        for (name, value) in attributes {
            let label = format!("otel_scope_{name}");
            self.scope_labels.push((label_name(&label, self.options.strategy).into_owned(), value.clone()));
        }
    }

    /// Metric of the points that follow.
    pub fn enter_metric(&mut self, metric: &Metric) {
        let strategy = self.options.strategy;
        let suffix = match metric.kind {
            Kind::Sum if metric.monotonic => Suffix::Counter,
            Kind::Gauge => Suffix::Gauge,
            _ => Suffix::None,
        };
        self.name = metric_name(&metric.name, &metric.unit, suffix, strategy);
        self.fault = None;
        if self.name.is_empty() {
            self.fault = Some(format!("the metric has no name ({:?})", metric.name));
            return;
        }
        if self.name.len() > LABEL_RESERVE / 2 {
            self.fault = Some(format!("the metric's name has more than {} bytes", LABEL_RESERVE / 2));
            return;
        }
        if matches!(metric.kind, Kind::Sum | Kind::Histogram | Kind::Exponential)
            && !matches!(metric.temporality, 1 | 2)
        {
            self.fault = Some(format!("{:?} has no aggregation temporality", metric.name));
            return;
        }
        let kind = match metric.kind {
            Kind::Sum if metric.monotonic => MetricKind::Counter,
            Kind::Gauge | Kind::Sum => MetricKind::Gauge,
            Kind::Histogram | Kind::Exponential => MetricKind::Histogram,
            Kind::Summary => MetricKind::Summary,
        };
        let unit = unit_name(&metric.unit, strategy);
        self.builder.metadata(self.name.as_bytes(), kind, metric.description.as_bytes(), unit.as_bytes());
    }

    /// Take a point, or refuse it.
    pub fn point(&mut self, metric: &Metric, point: &Point) {
        self.number += 1;
        let number = self.number;
        let result = match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => self.take(metric, point),
        };
        if let Err(message) = result {
            let name = &self.name;
            self.builder.reject_record(
                number,
                1,
                || if name.is_empty() { message } else { format!("{name}: {message}") },
            );
        }
    }

    /// Refuse a point that could not be read.
    pub fn refuse_point(&mut self, message: String) {
        self.number += 1;
        self.builder.reject_record(self.number, 1, || message);
    }

    fn take(&mut self, metric: &Metric, point: &Point) -> Result<(), Refused> {
        let time_ns = if point.time == 0 { self.now_ns } else { point.time };
        let time = (time_ns / 1_000_000) as i64;
        if point.too_many {
            return Err(format!("the point has more than {MAX_BUCKETS} buckets"));
        }
        if point.attributes.len() > MAX_ATTRIBUTES {
            return Err(format!("the point has more than {MAX_ATTRIBUTES} attributes"));
        }
        self.labels(point)?;
        let stale = point.flags & NO_VALUE != 0;
        self.start = if stale || metric.kind == Kind::Gauge { 0 } else { (point.start / 1_000_000) as i64 };
        let delta = metric.temporality == DELTA && !stale;
        match metric.kind {
            Kind::Gauge | Kind::Sum => self.number(metric, point, time, stale, delta)?,
            Kind::Histogram => self.histogram(point, time, stale, delta)?,
            Kind::Exponential => self.exponential(point, time, stale, delta)?,
            Kind::Summary => self.summary(point, time, stale),
        }
        let (earliest, latest) = self.times.unwrap_or((time, time));
        self.times = Some((earliest.min(time), latest.max(time)));
        Ok(())
    }

    /// Labels of the point's series, without name and bounds.
    fn labels(&mut self, point: &Point) -> Result<(), Refused> {
        let mut labels = joined(&point.attributes, self.options);
        for (name, value) in self.scope_labels.iter().chain(&self.resource_labels) {
            put(&mut labels, name, value);
        }
        let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
        if bytes > MAX_LABEL_BYTES - LABEL_RESERVE {
            return Err(format!("the labels have {bytes} bytes, {} are allowed", MAX_LABEL_BYTES - LABEL_RESERVE));
        }
        self.labels = labels;
        Ok(())
    }

    fn number(&mut self, metric: &Metric, point: &Point, time: i64, stale: bool, delta: bool) -> Result<(), Refused> {
        let value = match point.value {
            _ if stale => f64::from_bits(STALE_NAN),
            Some(value) => value,
            None => return Err("the point has no value".to_owned()),
        };
        let value = if delta && metric.kind == Kind::Sum {
            match self.added(point, Total::Number(value))? {
                Total::Number(total) => total,
                _ => value,
            }
        } else {
            value
        };
        self.begin("", None);
        self.builder.float_from(self.start, time, value);
        for exemplar in &point.exemplars {
            self.exemplar(exemplar);
        }
        self.builder.end();
        Ok(())
    }

    fn histogram(&mut self, point: &Point, time: i64, stale: bool, delta: bool) -> Result<(), Refused> {
        let buckets = point.counts.len();
        if buckets != point.bounds.len() + 1 && !(buckets == 0 && point.bounds.is_empty()) {
            return Err(format!(
                "{} bounds make {} buckets, not {buckets}",
                point.bounds.len(),
                point.bounds.len() + 1
            ));
        }
        if point.bounds.windows(2).any(|pair| pair[0] >= pair[1]) || point.bounds.iter().any(|bound| bound.is_nan()) {
            return Err("the bounds are not ascending".to_owned());
        }
        let mut counts = point.counts.clone();
        if counts.is_empty() {
            counts.push(point.count);
        }
        let total = counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
        if total != Some(point.count) && !stale {
            return Err(format!("its count is {}, its buckets have {}", point.count, total.unwrap_or(u64::MAX)));
        }
        let mut sum = point.sum;
        if delta {
            let added = Total::Classic(point.bounds.clone(), counts.clone(), sum.unwrap_or(0.0));
            if let Total::Classic(_, all, total) = self.added(point, added)? {
                counts = all;
                sum = sum.map(|_| total);
            }
        }
        if self.options.custom_buckets {
            return self.custom(point, &counts, sum, time, stale);
        }
        let value = |value: f64| if stale { f64::from_bits(STALE_NAN) } else { value };
        let count: u64 = counts.iter().fold(0, |sum, count| sum.saturating_add(*count));
        if let Some(sum) = sum {
            self.begin("_sum", None);
            self.builder.float_from(self.start, time, value(sum));
            self.builder.end();
        }
        self.begin("_count", None);
        self.builder.float_from(self.start, time, value(count as f64));
        self.builder.end();
        let mut running = 0_u64;
        let mut exemplars: Vec<&RawExemplar> = point.exemplars.iter().collect();
        exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut exemplars = exemplars.into_iter().peekable();
        for (place, in_bucket) in counts.iter().enumerate() {
            running = running.saturating_add(*in_bucket);
            let bound = point.bounds.get(place).copied().unwrap_or(f64::INFINITY);
            if bound == f64::INFINITY && place + 1 < counts.len() {
                // Written out it is the last bucket all the same.
                continue;
            }
            let le = if bound == f64::INFINITY { "+Inf".to_owned() } else { bound.to_string() };
            self.begin("_bucket", Some(("le", &le)));
            self.builder.float_from(self.start, time, value(running as f64));
            while let Some(exemplar) = exemplars.next_if(|exemplar| exemplar.value <= bound || bound == f64::INFINITY) {
                self.exemplar(exemplar);
            }
            self.builder.end();
        }
        Ok(())
    }

    fn custom(
        &mut self,
        point: &Point,
        counts: &[u64],
        sum: Option<f64>,
        time: i64,
        stale: bool,
    ) -> Result<(), Refused> {
        let bounds: Vec<f64> = point.bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
        let mut merged: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
        while merged.len() > bounds.len() + 1 {
            let last = merged.pop().unwrap_or_default();
            *merged.last_mut().expect("a bucket for every bound and one more") += last;
        }
        let histogram = Histogram {
            schema: CUSTOM_BUCKETS,
            count: merged.iter().sum(),
            sum: if stale { f64::from_bits(STALE_NAN) } else { sum.unwrap_or(0.0) },
            positive_spans: vec![Span { offset: 0, length: merged.len() as u32 }],
            positive: merged,
            custom_values: bounds,
            ..Histogram::default()
        };
        self.native(point, histogram, time)
    }

    fn exponential(&mut self, point: &Point, time: i64, stale: bool, delta: bool) -> Result<(), Refused> {
        let mut histogram = if stale {
            Histogram { sum: f64::from_bits(STALE_NAN), ..Histogram::default() }
        } else {
            exponential(point)?
        };
        if delta {
            histogram = match self.added(point, Total::Native(histogram.clone()))? {
                Total::Native(total) => total,
                _ => histogram,
            };
        }
        self.native(point, histogram, time)
    }

    fn native(&mut self, point: &Point, histogram: Histogram, time: i64) -> Result<(), Refused> {
        // Totals of deltas were checked one by one, and rounding must not undo them.
        let histogram = accept(histogram, false).map_err(|fault| fault.to_string())?;
        self.begin("", None);
        self.builder.histogram_from(self.start, time, histogram);
        for exemplar in &point.exemplars {
            self.exemplar(exemplar);
        }
        self.builder.end();
        Ok(())
    }

    fn summary(&mut self, point: &Point, time: i64, stale: bool) {
        let value = |value: f64| if stale { f64::from_bits(STALE_NAN) } else { value };
        self.begin("_sum", None);
        self.builder.float_from(self.start, time, value(point.sum.unwrap_or(0.0)));
        self.builder.end();
        self.begin("_count", None);
        self.builder.float_from(self.start, time, value(point.count as f64));
        self.builder.end();
        for (quantile, found) in &point.quantiles {
            self.begin("", Some(("quantile", &quantile.to_string())));
            self.builder.float_from(self.start, time, value(*found));
            self.builder.end();
        }
    }

    /// The total of the point's stream once its delta is added; it began when the stream did.
    fn added(&mut self, point: &Point, delta: Total) -> Result<Total, Refused> {
        let mut packed = Vec::new();
        push_label(&mut packed, "", self.tenant);
        push_label(&mut packed, NAME, &self.name);
        self.labels.iter().for_each(|(name, value)| push_label(&mut packed, name, value));
        let time = if point.time == 0 { self.now_ns } else { point.time };
        let (total, start) = self
            .deltas
            .add(series_id(&packed), (point.start, time), delta, self.now_ns)
            .map_err(|fault| fault.to_string())?;
        self.start = (start / 1_000_000) as i64;
        Ok(total)
    }

    fn begin(&mut self, suffix: &str, extra: Option<(&str, &str)>) {
        self.builder.begin(self.number - 1);
        let end = self.name.len();
        self.name.push_str(suffix);
        emit(&mut self.builder, &self.labels, &self.name, extra);
        self.name.truncate(end);
    }

    fn exemplar(&mut self, raw: &RawExemplar) {
        let names: Vec<_> =
            raw.attributes.iter().map(|(name, value)| (label_name(name, self.options.strategy), value)).collect();
        let mut labels: Vec<(&str, &str)> = names.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        labels.extend([("trace_id", raw.trace_id.as_str()), ("span_id", raw.span_id.as_str())]);
        if labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LABEL_RESERVE {
            labels.drain(..labels.len() - 2);
        }
        let timestamp = (raw.time / 1_000_000) as i64;
        self.builder.exemplar(Exemplar { labels: pack(labels), timestamp, value: raw.value });
    }
}

/// A native histogram of an exponential one: bucket `i` of OpenTelemetry is Prometheus' `i + 1`.
fn exponential(point: &Point) -> Result<Histogram, Refused> {
    if point.scale < *SCHEMAS.start() {
        return Err(format!("the scale {} is below {}", point.scale, SCHEMAS.start()));
    }
    let side = |buckets: &Buckets| {
        let first = i64::from(buckets.offset) + 1;
        let counts = buckets.counts.iter().enumerate();
        sparse(counts.filter(|(_, count)| **count > 0).map(|(place, count)| (first + place as i64, *count as f64)))
    };
    let (positive_spans, positive) = side(&point.positive);
    let (negative_spans, negative) = side(&point.negative);
    let counts = [&point.positive.counts, &point.negative.counts];
    let mut all = counts.into_iter().flatten().chain([&point.zero_count]);
    let all = all.try_fold(0_u64, |sum, count| sum.checked_add(*count)).unwrap_or(u64::MAX);
    if all != point.count {
        return Err(format!("its count is {}, its buckets have {all}", point.count));
    }
    let mut histogram = Histogram {
        schema: point.scale,
        zero_threshold: if point.zero_threshold > 0.0 { point.zero_threshold } else { ZERO_THRESHOLD },
        zero_count: point.zero_count as f64,
        count: point.count as f64,
        sum: point.sum.unwrap_or(0.0),
        positive_spans,
        positive,
        negative_spans,
        negative,
        ..Histogram::default()
    };
    // Finer than any that is kept: scales may be larger than those that are checked.
    reduce(&mut histogram, *SCHEMAS.end());
    accept(histogram, false).map_err(|fault| fault.to_string())
}

/// Attributes as labels in order. Those that become one label are joined, in the order of their names.
fn joined(attributes: &Attributes, options: &Options) -> Vec<(String, String)> {
    let mut sorted: Vec<&(String, String)> = attributes.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut labels: Vec<(String, String)> = Vec::with_capacity(sorted.len() + 4);
    let mut last = None;
    for (name, value) in sorted {
        let label = label_name(name, options.strategy);
        if label.is_empty() || label == NAME || value.is_empty() {
            continue;
        }
        let again = last == Some(name);
        last = Some(name);
        match labels.iter_mut().find(|(found, _)| *found == *label) {
            Some((_, found)) if again => found.clone_from(value),
            Some((_, found)) => {
                found.push(';');
                found.push_str(value);
            }
            None => labels.push((label.into_owned(), value.clone())),
        }
    }
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    labels
}

/// Set a label of sorted ones.
fn put(labels: &mut Vec<(String, String)>, name: &str, value: &str) {
    if name.is_empty() || name == NAME {
        return;
    }
    match labels.binary_search_by(|(found, _)| found.as_str().cmp(name)) {
        Ok(at) => value.clone_into(&mut labels[at].1),
        Err(at) => labels.insert(at, (name.to_owned(), value.to_owned())),
    }
}

/// The labels of a series in order: those given, which are sorted, its name and one more.
fn emit(builder: &mut BatchBuilder, labels: &[(String, String)], name: &str, extra: Option<(&str, &str)>) {
    let mut named = false;
    let mut extra = extra;
    let replaced = extra.map_or("", |(name, _)| name);
    for (label, value) in labels {
        if !named && label.as_str() > NAME {
            builder.label(NAME.as_bytes(), name.as_bytes());
            named = true;
        }
        if let Some((label, value)) = extra.filter(|(extra, _)| *extra < label.as_str()) {
            builder.label(label.as_bytes(), value.as_bytes());
            extra = None;
        }
        if label != replaced {
            builder.label(label.as_bytes(), value.as_bytes());
        }
    }
    if !named {
        builder.label(NAME.as_bytes(), name.as_bytes());
    }
    if let Some((label, value)) = extra {
        builder.label(label.as_bytes(), value.as_bytes());
    }
}
