//! Batches made of others: at another time, with some families replaced, what one has and another has not.

use super::builder::BatchBuilder;
use nexus_series::batch::{BatchSeries, MetricBatch, MetricKind};
use nexus_series::histogram::Histogram;
use nexus_series::labels::unpack;
use nexus_series::{NAME, STALE_NAN};
use std::collections::HashSet;

/// The last sample of every series at `timestamp`; or a staleness marker there.
pub fn restamp(batch: &MetricBatch, timestamp: i64, stale: bool) -> MetricBatch {
    let mut builder = BatchBuilder::new(batch.labels.len());
    let marker = f64::from_bits(STALE_NAN);
    for (position, series) in batch.series.iter().enumerate() {
        begin(&mut builder, batch, series, position);
        if let Some(at) = series.floats.clone().next_back() {
            let (start, value) = if stale { (0, marker) } else { (batch.starts.at(at), batch.values[at]) };
            builder.float_from(start, timestamp, value);
        }
        if let Some(at) = series.histograms.clone().next_back() {
            let ended = || (0, Histogram { sum: marker, ..Histogram::default() });
            let (start, histogram) =
                if stale { ended() } else { (batch.histogram_starts.at(at), batch.histograms[at].1.clone()) };
            builder.histogram_from(start, timestamp, histogram);
        }
        builder.end();
    }
    if !stale {
        metadata(&mut builder, batch, |_| true);
    }
    builder.finish().batch
}

/// `old` without the families that `new` has, and `new`.
pub fn replace_families(old: &MetricBatch, new: &MetricBatch) -> MetricBatch {
    let replaced: HashSet<&str> = new.series.iter().map(|series| family(new, series)).collect();
    let mut builder = BatchBuilder::new(old.labels.len() + new.labels.len());
    copy(&mut builder, old, |series| !replaced.contains(family(old, series)));
    metadata(&mut builder, old, |name| !replaced.contains(name));
    copy(&mut builder, new, |_| true);
    metadata(&mut builder, new, |_| true);
    builder.finish().batch
}

/// The series of `old` that `new` has not.
pub fn missing_series(old: &MetricBatch, new: &MetricBatch) -> MetricBatch {
    let known: HashSet<&[u8]> = new.series.iter().map(|series| new.labels_of(series)).collect();
    let mut builder = BatchBuilder::default();
    copy(&mut builder, old, |series| !known.contains(old.labels_of(series)));
    builder.finish().batch
}

/// The family of a series: its name without the suffix that its family's metadata explain.
fn family<'a>(batch: &'a MetricBatch, series: &BatchSeries) -> &'a str {
    let name = unpack(batch.labels_of(series)).find(|(name, _)| *name == NAME).map_or("", |(_, value)| value);
    let kind_of = |family: &str| batch.metadata.iter().find(|one| one.name == family).map(|one| one.kind);
    if kind_of(name).is_some() {
        return name;
    }
    let Some((family, suffix)) = name.rsplit_once('_') else { return name };
    let fits = match kind_of(family) {
        Some(MetricKind::Histogram | MetricKind::GaugeHistogram) => {
            matches!(suffix, "bucket" | "sum" | "count" | "gsum" | "gcount" | "created")
        }
        Some(MetricKind::Summary) => matches!(suffix, "sum" | "count" | "created"),
        Some(MetricKind::Counter) => matches!(suffix, "total" | "created"),
        Some(MetricKind::Info) => suffix == "info",
        _ => false,
    };
    if fits { family } else { name }
}

fn begin(builder: &mut BatchBuilder, batch: &MetricBatch, series: &BatchSeries, position: usize) {
    builder.begin(position);
    for (name, value) in unpack(batch.labels_of(series)) {
        builder.label(name.as_bytes(), value.as_bytes());
    }
}

fn copy(builder: &mut BatchBuilder, batch: &MetricBatch, wanted: impl Fn(&BatchSeries) -> bool) {
    for (position, series) in batch.series.iter().enumerate().filter(|(_, series)| wanted(series)) {
        begin(builder, batch, series, position);
        for at in series.floats.clone() {
            builder.float_from(batch.starts.at(at), batch.timestamps[at], batch.values[at]);
        }
        for at in series.histograms.clone() {
            let (timestamp, histogram) = &batch.histograms[at];
            builder.histogram_from(batch.histogram_starts.at(at), *timestamp, histogram.clone());
        }
        for exemplar in &batch.exemplars[series.exemplars.clone()] {
            builder.exemplar(exemplar.clone());
        }
        builder.end();
    }
}

fn metadata(builder: &mut BatchBuilder, batch: &MetricBatch, wanted: impl Fn(&str) -> bool) {
    for one in batch.metadata.iter().filter(|one| wanted(&one.name)) {
        builder.metadata(one.name.as_bytes(), one.kind, one.help.as_bytes(), one.unit.as_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    fn batch(series: &[(&str, f64)], families: &[(&str, MetricKind)]) -> MetricBatch {
        let mut builder = BatchBuilder::default();
        for (name, value) in series {
            builder.begin(0);
            builder.label(NAME.as_bytes(), name.as_bytes());
            builder.float(1, *value);
            builder.float(2, value + 1.0);
            builder.end();
        }
        for (name, kind) in families {
            builder.metadata(name.as_bytes(), *kind, b"", b"");
        }
        builder.finish().batch
    }

    fn names(batch: &MetricBatch) -> Vec<&str> {
        batch.series.iter().map(|series| unpack(batch.labels_of(series)).next().unwrap().1).collect()
    }

    #[test]
    fn families_replace_families() {
        let old = batch(
            &[("h_bucket", 1.0), ("h_sum", 1.0), ("h_more", 1.0), ("c_total", 2.0), ("g", 3.0)],
            &[("h", MetricKind::Histogram), ("c_total", MetricKind::Counter)],
        );
        let new = batch(&[("h_count", 5.0), ("g", 6.0)], &[("h", MetricKind::Histogram)]);
        let both = replace_families(&old, &new);
        assert_eq!(names(&both), ["h_more", "c_total", "h_count", "g"]);
        assert_eq!(both.metadata.len(), 2);
        assert_eq!(names(&missing_series(&old, &both)), ["h_bucket", "h_sum"]);
    }

    #[test]
    fn the_last_values_at_another_time() {
        let old = batch(&[("a", 1.0), ("b", 5.0)], &[("a", MetricKind::Gauge)]);
        let now = restamp(&old, 99, false);
        assert_eq!((&now.timestamps[..], &now.values[..], now.metadata.len()), (&[99, 99][..], &[2.0, 6.0][..], 1));
        let ended = restamp(&old, 100, true);
        assert!(ended.values.iter().all(|value| nexus_series::is_stale(*value)) && ended.metadata.is_empty());
    }
}
