//! Bodies of exposition formats as batches, with nothing remembered: imports and pushes.

use super::origins::{Origins, Role};
use super::protobuf::{self, Point, SeenExemplar, Taking};
use super::series::{Labels, parse_series};
use super::text::{self, Dialect, Known};
use super::{Fault, Format, Said, help_text, numbers};
use crate::decode::{DecodeError, Rejections};
use crate::limits::{MAX_INPUT_BYTES, MAX_RECORDS};
use hashbrown::HashMap;
use memchr::memmem;
use nexus_series::batch::{BatchSeries, Exemplar, Metadata, MetricBatch, MetricKind};
use nexus_series::histogram::Histogram;
use nexus_series::labels::pack;
use std::borrow::Cow;
use std::ops::Range;

/// How a body is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Time (ms) of samples without one.
    pub now_ms: i64,
    /// Labels that every series gets, whatever it says itself; an empty value removes.
    pub labels: Vec<(String, String)>,
    /// Leave out lines that cannot be read (they are reported), or refuse the body?
    pub lenient: bool,
    /// Are samples with a time of their own refused (Pushgateway)?
    pub refuse_timestamps: bool,
    /// Is `# EOF` at the end of OpenMetrics optional?
    pub optional_eof: bool,
}

/// A decoded body.
#[derive(Debug)]
pub struct Imported {
    /// What was understood.
    pub batch: MetricBatch,
    /// The lines that were not.
    pub rejections: Rejections,
}

/// Decode a body. Refuses it whole at the first line that cannot be read, unless `lenient`.
pub fn decode(body: &[u8], format: Format, options: &Options) -> Result<Imported, DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!("the body is larger than {MAX_INPUT_BYTES} bytes")));
    }
    let mut sink = Import {
        options,
        batch: MetricBatch::default(),
        rejections: Rejections::default(),
        known: HashMap::default(),
        families: HashMap::default(),
        kind: MetricKind::Unknown,
        current: (0..0, None),
        family: String::new(),
        // Nobody says when something began in a body without the word.
        origins: (format == Format::OpenMetrics && memmem::find(body, b"_created").is_some()).then(Origins::default),
        last: Vec::new(),
        quotes: format == Format::OpenMetrics,
    };
    let read = match format {
        Format::Protobuf => protobuf::read(body, Taking { native: true, ..Taking::default() }, &mut sink),
        Format::Text => text::read(body, Dialect::Text, &mut sink),
        Format::OpenMetrics => text::read(body, Dialect::OpenMetrics, &mut sink),
    };
    if let Err(fault) = read {
        let missing_end = format == Format::OpenMetrics && fault.message.ends_with("does not end with # EOF");
        match () {
            () if missing_end && options.optional_eof => {}
            () if options.lenient && format != Format::Protobuf && !missing_end => {
                sink.rejections.push(fault.line as u64, || fault.message);
            }
            () if format == Format::Protobuf => {
                return Err(DecodeError(format!("message {}: {}", fault.line, fault.message)));
            }
            () => return Err(DecodeError(fault.to_string())),
        }
    }
    if let Some(origins) = &sink.origins {
        origins.settle(&mut sink.batch);
    }
    Ok(Imported { batch: sink.batch, rejections: sink.rejections })
}

struct Import<'o, 'b> {
    options: &'o Options,
    batch: MetricBatch,
    rejections: Rejections,
    /// Labels in the batch and role, by the text of the series.
    known: HashMap<Cow<'b, [u8]>, (Range<usize>, Option<Role>), foldhash::fast::RandomState>,
    families: HashMap<String, usize, foldhash::fast::RandomState>,
    kind: MetricKind,
    current: (Range<usize>, Option<Role>),
    /// Name of the family whose kind was said last.
    family: String,
    /// When metrics began, where the body says it.
    origins: Option<Origins>,
    /// The text of the last series: dumps have its samples one after the other.
    last: Vec<u8>,
    quotes: bool,
}

impl Import<'_, '_> {
    fn labels(&mut self, labels: &mut Labels<'_>) -> Result<Range<usize>, String> {
        for (name, value) in labels.iter_mut() {
            let bound = (self.kind == MetricKind::Histogram && name == "le")
                || (self.kind == MetricKind::Summary && name == "quantile");
            if bound {
                *value = numbers::canonical_text(value).into();
            }
        }
        for (name, value) in &self.options.labels {
            labels.retain(|label| label.0 != *name);
            labels.push((Cow::Owned(name.clone()), Cow::Owned(value.clone())));
        }
        let named = labels.iter().find(|label| label.0 == nexus_series::NAME);
        if named.is_none_or(|label| label.1.is_empty()) {
            return Err("the series has no metric name".into());
        }
        let start = self.batch.labels.len();
        self.batch.labels.extend(pack(labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))));
        Ok(start..self.batch.labels.len())
    }

    fn series_of(&mut self, labels: Range<usize>) -> Result<&mut BatchSeries, String> {
        if self.batch.series.len() as u64 >= MAX_RECORDS * 8 {
            return Err(format!("the body has more than {} samples", MAX_RECORDS * 8));
        }
        let position = self.batch.series.len();
        let (floats, histograms) = (self.batch.values.len(), self.batch.histograms.len());
        let exemplars = self.batch.exemplars.len();
        self.batch.series.push(BatchSeries {
            labels,
            floats: floats..floats,
            histograms: histograms..histograms,
            exemplars: exemplars..exemplars,
            position,
        });
        Ok(self.batch.series.last_mut().expect("just pushed"))
    }

    fn push_float(&mut self, timestamp: Option<i64>, value: f64) -> Result<(), String> {
        if timestamp.is_some() && self.options.refuse_timestamps {
            return Err("samples that are pushed have no timestamps".into());
        }
        let labels = self.current.0.clone();
        let floats = self.batch.values.len();
        let joins = self.batch.series.last().is_some_and(|last| {
            last.labels == labels
                && last.floats.end == floats
                && last.exemplars.is_empty()
                && last.histograms.is_empty()
        });
        if !joins {
            self.series_of(labels)?;
        }
        self.batch.timestamps.push(timestamp.unwrap_or(self.options.now_ms));
        self.batch.values.push(value);
        self.batch.series.last_mut().expect("there is one").floats.end = floats + 1;
        match (&mut self.origins, self.current.1) {
            (Some(origins), Some(Role::Counts(origin))) => origins.counts(&self.batch, origin),
            (Some(origins), Some(Role::Created(origin))) => origins.created(origin, value),
            _ => {}
        }
        Ok(())
    }

    fn push_exemplar(&mut self, labels: Vec<u8>, timestamp: Option<i64>, value: f64) {
        let timestamp =
            timestamp.unwrap_or_else(|| self.batch.timestamps.last().copied().unwrap_or(self.options.now_ms));
        self.batch.exemplars.push(Exemplar { labels, timestamp, value });
        let end = self.batch.exemplars.len();
        if let Some(series) = self.batch.series.last_mut() {
            if series.exemplars.is_empty() {
                series.exemplars.start = end - 1;
            }
            series.exemplars.end = end;
        }
    }

    fn say(&mut self, name: &str, said: Said<'_>) {
        if let Said::Kind(kind) = said {
            self.kind = kind;
            name.clone_into(&mut self.family);
        }
        let metadata = &mut self.batch.metadata;
        let place = *self.families.entry_ref(name).or_insert_with(|| {
            metadata.push(Metadata {
                name: name.to_owned(),
                kind: MetricKind::Unknown,
                help: String::new(),
                unit: String::new(),
            });
            metadata.len() - 1
        });
        match said {
            Said::Kind(kind) => metadata[place].kind = kind,
            Said::Help(text) => metadata[place].help = help_text(text, self.quotes),
            Said::Unit(text) => text.clone_into(&mut metadata[place].unit),
        }
    }

    fn point(&mut self, point: Point<'_>) -> Result<(), String> {
        if point.timestamp.is_some() && self.options.refuse_timestamps {
            return Err("samples that are pushed have no timestamps".into());
        }
        let mut labels: Labels<'_> = point.labels.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        labels.extend(point.extra.map(|(name, value)| (name.into(), value.into())));
        labels.push((nexus_series::NAME.into(), format!("{}{}", point.name, point.suffix).into()));
        self.current = (self.labels(&mut labels)?, None);
        Ok(())
    }
}

impl text::Sink for Import<'_, '_> {
    fn known(&mut self, rest: &[u8]) -> Option<Known> {
        let length = self.last.len();
        let same = length > 0 && rest.len() > length && rest[..length] == *self.last && rest[length] == b' ';
        same.then_some(Known::Series(length))
    }

    fn family(&mut self, name: &str, said: Said<'_>, _raw: &[u8]) -> Result<(), String> {
        let kind = self.kind;
        self.say(name, said);
        if self.kind != kind {
            // Bounds are spelled by type.
            self.known.clear();
            self.last.clear();
        }
        Ok(())
    }

    fn series(&mut self, raw: &[u8]) -> Result<(), String> {
        self.last.clear();
        if let Some(range) = self.known.get(raw) {
            self.current = range.clone();
        } else {
            let mut labels = parse_series(raw, !self.quotes)?;
            let range = self.labels(&mut labels)?;
            let role = self.origins.as_mut().and_then(|origins| origins.role(&self.family, self.kind, &labels));
            self.current = (range, role);
            self.known.insert(Cow::Owned(raw.to_vec()), self.current.clone());
        }
        self.last.extend_from_slice(raw);
        Ok(())
    }

    fn sample(&mut self, timestamp: Option<i64>, value: f64) -> Result<(), String> {
        self.push_float(timestamp, value)
    }

    fn exemplar(&mut self, labels: &Labels<'_>, timestamp: Option<i64>, value: f64) -> Result<(), String> {
        let labels = pack(labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        self.push_exemplar(labels, timestamp, value);
        Ok(())
    }

    fn skip(&mut self, fault: Fault) -> Result<(), Fault> {
        if !self.options.lenient {
            return Err(fault);
        }
        self.rejections.push(fault.line as u64, || fault.message);
        Ok(())
    }
}

impl protobuf::Sink for Import<'_, '_> {
    fn family(&mut self, name: &str, said: Said<'_>) {
        self.say(name, said);
    }

    fn float(&mut self, point: Point<'_>, value: f64, exemplar: Option<&SeenExemplar<'_>>) -> Result<(), String> {
        self.point(point)?;
        self.push_float(point.timestamp, value)?;
        self.batch.say_start(point.start);
        if let Some(seen) = exemplar {
            self.push_exemplar(pack(seen.labels.iter().copied()), seen.timestamp, seen.value);
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        point: Point<'_>,
        histogram: Histogram,
        exemplars: &[SeenExemplar<'_>],
    ) -> Result<(), String> {
        self.point(point)?;
        let labels = self.current.0.clone();
        self.series_of(labels)?;
        let time = point.timestamp.unwrap_or(self.options.now_ms);
        self.batch.histograms.push((time, histogram));
        self.batch.say_histogram_start(point.start);
        let end = self.batch.histograms.len();
        self.batch.series.last_mut().expect("there is one").histograms = end - 1..end;
        for seen in exemplars {
            let time = seen.timestamp.or(Some(time));
            self.push_exemplar(pack(seen.labels.iter().copied()), time, seen.value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_series::labels::unpack;

    fn lines(imported: &Imported) -> Vec<String> {
        let batch = &imported.batch;
        let mut lines = Vec::new();
        for series in &batch.series {
            let labels: Vec<String> =
                unpack(batch.labels_of(series)).map(|(name, value)| format!("{name}={value}")).collect();
            for at in series.floats.clone() {
                lines.push(format!("{} {}@{}", labels.join(","), batch.values[at], batch.timestamps[at]));
            }
        }
        lines
    }

    fn options() -> Options {
        Options { now_ms: 7, ..Options::default() }
    }

    #[test]
    fn text_is_imported() {
        let body = b"# HELP a b\\nc\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n\n  a{x=\"y\"}\t3 5 \na{x=\"y\"} 4 6\n# nothing\nb 1";
        let imported = decode(body, Format::Text, &options()).unwrap();
        assert_eq!(
            lines(&imported),
            ["__name__=h_bucket,le=1.0 2@7", "__name__=a,x=y 3@5", "__name__=a,x=y 4@6", "__name__=b 1@7"]
        );
        assert_eq!(imported.batch.series.len(), 3);
        assert_eq!(imported.batch.metadata[0].help, "b\nc");
        assert_eq!(imported.batch.metadata[1].kind, MetricKind::Histogram);
    }

    #[test]
    fn faults_have_lines() {
        let body = b"a 1\nb x\nc 3\n{x=\"y\"} 1\n# TYPE d what\n";
        assert_eq!(decode(body, Format::Text, &options()).unwrap_err().0, "line 2: \"x\" is not a number");
        let imported = decode(body, Format::Text, &Options { lenient: true, ..options() }).unwrap();
        assert_eq!(lines(&imported), ["__name__=a 1@7", "__name__=c 3@7"]);
        let rejected: Vec<u64> = imported.rejections.first().iter().map(|found| found.0).collect();
        assert_eq!(rejected, [2, 4, 5]);
    }

    #[test]
    fn open_metrics_is_imported() {
        let body = b"# TYPE a counter\n# UNIT a_s s\na_total{b=\"c\"} 1 1.5 # {trace_id=\"t\"} 0.5 1.25\n# EOF\n";
        let imported = decode(body, Format::OpenMetrics, &options()).unwrap();
        assert_eq!(lines(&imported), ["__name__=a_total,b=c 1@1500"]);
        let exemplar = &imported.batch.exemplars[0];
        assert_eq!((exemplar.timestamp, exemplar.value), (1250, 0.5));
        assert_eq!(imported.batch.series[0].exemplars, 0..1);
        for (body, message) in [
            (&b"a 1\n"[..], "line 2: the text does not end with # EOF"),
            (b"# EOF\na 1\n", "line 2: there is more after # EOF"),
            (b"\n# EOF\n", "line 1: expected a metric name, but the line ends"),
            (b"a  1\n# EOF\n", "line 1: \"\" is not a number"),
            (b"# hm\n# EOF\n", "line 1: \"# hm\" is no comment of OpenMetrics"),
            (b"# UNIT a s\n# EOF\n", "line 1: the unit \"s\" is not at the end of the name \"a\""),
            (b"a 1 # {b=\"c\"}\n# EOF\n", "line 1: in the exemplar: expected a space and a value"),
        ] {
            assert_eq!(decode(body, Format::OpenMetrics, &options()).unwrap_err().0, message);
        }
    }

    #[test]
    fn created_lines_say_when_counting_began() {
        let body =
            b"# TYPE a counter\na_total{b=\"c\"} 1\na_created{b=\"c\"} 1.25\na_total{b=\"d\"} 2\n# TYPE h histogram\n\
            h_bucket{le=\"1\",x=\"y\"} 2\nh_bucket{le=\"+Inf\",x=\"y\"} 2\nh_created{x=\"y\"} 2\nh_sum{x=\"y\"} 3\n\
            # TYPE g gauge\ng 1\ng_created 5\n# EOF\n";
        let imported = decode(body, Format::OpenMetrics, &options()).unwrap();
        let batch = &imported.batch;
        let starts: Vec<_> = (0..batch.values.len()).map(|at| batch.starts.at(at)).collect();
        assert_eq!(starts, [1250, 0, 0, 2000, 2000, 0, 2000, 0, 0]);
        // They stay series of their own, as without them.
        assert!(lines(&imported).contains(&"__name__=a_created,b=c 1.25@7".to_owned()));
        assert!(
            decode(b"# TYPE a counter\na_total 1\n# EOF\n", Format::OpenMetrics, &options())
                .unwrap()
                .batch
                .starts
                .is_empty()
        );
    }

    #[test]
    fn labels_of_a_push_win() {
        let given = Options { labels: vec![("job".into(), "j".into()), ("x".into(), String::new())], ..options() };
        let imported = decode(b"a{job=\"other\",x=\"1\"} 1\n", Format::Text, &given).unwrap();
        assert_eq!(lines(&imported), ["__name__=a,job=j 1@7"]);
        let given = Options { refuse_timestamps: true, ..options() };
        assert!(decode(b"a 1 2\n", Format::Text, &given).unwrap_err().0.contains("no timestamps"));
    }
}
