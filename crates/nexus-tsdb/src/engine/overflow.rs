//! What limits refuse is not lost to totals: samples are summed by time into a series of the same metric and target, with the
//! label `nexus_overflow="true"`. Buckets and quantiles keep theirs.

use nexus_series::labels::pack;
use nexus_series::{NAME, is_stale};
use std::collections::BTreeMap;

/// The label of overflow series.
pub const OVERFLOW: &str = "nexus_overflow";
/// Most overflow series of a tenant.
pub const MOST: usize = 10_000;

const KEPT: [&str; 5] = [NAME, "job", "instance", "le", "quantile"];

/// Sums of a batch by series (packed labels) and time.
#[derive(Default)]
pub struct Overflow {
    /// See the type's text.
    pub sums: BTreeMap<Vec<u8>, BTreeMap<i64, f64>>,
}

impl Overflow {
    /// Adds samples of a series that was refused. Markers of its end are passed over.
    pub fn add(&mut self, labels: &[(&str, &str)], samples: impl Iterator<Item = (i64, f64)>) {
        let kept = labels.iter().copied().filter(|(name, _)| KEPT.contains(name));
        let sums = self.sums.entry(pack(kept.chain([(OVERFLOW, "true")]))).or_default();
        for (time, value) in samples.filter(|(_, value)| !is_stale(*value)) {
            *sums.entry(time).or_default() += value;
        }
    }
}
