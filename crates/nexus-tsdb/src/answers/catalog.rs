//! Metrics for people who look for one.

use super::metadata::families_of;
use super::{Selection, array_of, text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::NAME;
use nexus_series::batch::{Metadata, MetricKind};
use nexus_series::symbols::Sym;

/// Order of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Name,
    /// Most series first.
    Series,
    /// Latest sample first.
    Last,
}

struct Metric<'a> {
    name: &'a str,
    series: u64,
    last: i64,
    kind: MetricKind,
    said: Option<Metadata>,
    /// Names of its series when they are not the family's alone, sorted.
    parts: Vec<&'a str>,
}

/// The family that a series belongs to by its name, and of which kind that is when nobody has said so: parts of histograms and
/// summaries, and the times at which counters began. `there` gives back a name that has series.
fn family_of<'a>(
    name: &'a str,
    said: impl Fn(&str) -> Option<MetricKind>,
    there: impl Fn(&str) -> Option<&'a str>,
) -> Option<(&'a str, MetricKind)> {
    use MetricKind::{Counter, GaugeHistogram, Histogram, Summary};
    if said(name).is_some() {
        return None;
    }
    let (family, ending) = PARTS.iter().find_map(|ending| Some((name.strip_suffix(ending)?, *ending)))?;
    match said(family) {
        Some(kind @ (Histogram | GaugeHistogram)) => Some((family, kind)),
        Some(Summary) => (ending != "_bucket").then_some((family, Summary)),
        Some(Counter) if ending == "_created" => Some((there(&format!("{family}_total"))?, Counter)),
        Some(_) => None,
        None => {
            there(&format!("{family}_count")).and(there(&format!("{family}_sum")))?;
            if there(&format!("{family}_bucket")).is_some() {
                return Some((family, Histogram));
            }
            there(family).map(|_| (family, Summary))
        }
    }
}

/// Endings of the series of a histogram or summary.
const PARTS: [&str; 6] = ["_bucket", "_count", "_sum", "_created", "_gcount", "_gsum"];

impl Selection {
    /// `{"metrics": [{"name", "kind", "unit", "help", "series", "last", "parts"}], "total"}` of families whose name, help or names of
    /// series hold all words of `search`, whatever their case. A histogram or summary is one, whose `parts` are the names of its
    /// series; other metrics have none.
    pub fn catalog_json(&self, search: &str, order: Order, limit: usize, offset: usize) -> Vec<u8> {
        let (symbols, index) = (self.symbols(), &self.tenant.index);
        let name = symbols.get(NAME);
        let mut metrics: HashMap<Sym, (u64, i64), RandomState> = HashMap::default();
        for (labels, &number) in self.labels().iter().zip(self.numbers()) {
            if let Some((_, metric)) = labels.iter().find(|(label, _)| Some(*label) == name) {
                let (series, last) = metrics.entry(*metric).or_insert((0, i64::MIN));
                *series += 1;
                *last = (*last).max(index.series(number).activity.last());
            }
        }
        let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
        let extras = self.tenant.extras.lock().expect("no panic while locked");
        let kind_of = |name: &str| {
            let kind = extras.metadata().get(name)?.first()?.metadata.kind;
            (kind != MetricKind::Unknown).then_some(kind)
        };
        let there = |name: &str| {
            let symbol = symbols.get(name).filter(|symbol| metrics.contains_key(symbol))?;
            Some(symbols.text(symbol))
        };
        let mut families: HashMap<&str, Metric, RandomState> = HashMap::default();
        for (&metric, &(series, last)) in &metrics {
            let own = symbols.text(metric);
            let part = family_of(own, kind_of, there);
            let (name, kind) = part.unwrap_or((own, MetricKind::Unknown));
            let family = families.entry(name).or_insert_with(|| {
                let said = families_of(name).find_map(|family| extras.metadata().get(family)?.first());
                let said = said.map(|said| said.metadata.clone());
                Metric { name, series: 0, last: i64::MIN, kind: MetricKind::Unknown, said, parts: Vec::new() }
            });
            family.series += series;
            family.last = family.last.max(last);
            family.parts.push(own);
            if part.is_some() {
                family.kind = kind;
            }
        }
        let mut found: Vec<Metric> = families
            .into_values()
            .map(|mut family| {
                family.kind = family.said.as_ref().map_or(family.kind, |said| said.kind);
                if family.parts == [family.name] {
                    family.parts.clear();
                }
                family.parts.sort_unstable();
                family
            })
            .filter(|metric| {
                let names: Vec<String> =
                    std::iter::once(&metric.name).chain(&metric.parts).map(|name| name.to_lowercase()).collect();
                let help = metric.said.as_ref().map(|said| said.help.to_lowercase()).unwrap_or_default();
                words.iter().all(|word| names.iter().any(|name| name.contains(word)) || help.contains(word))
            })
            .collect();
        drop(extras);
        found.sort_unstable_by(|a, b| {
            let first = match order {
                Order::Name => std::cmp::Ordering::Equal,
                Order::Series => b.series.cmp(&a.series),
                Order::Last => b.last.cmp(&a.last),
            };
            first.then_with(|| a.name.cmp(b.name))
        });
        let mut out = b"{\"metrics\":[".to_vec();
        for (at, metric) in found.iter().skip(offset).take(limit).enumerate() {
            out.extend_from_slice(if at > 0 { b",{\"name\":" } else { b"{\"name\":" });
            text(&mut out, metric.name);
            let said = metric.said.as_ref();
            let fields = [
                ("kind", metric.kind.name()),
                ("unit", said.map_or("", |said| &said.unit)),
                ("help", said.map_or("", |said| &said.help)),
            ];
            for (name, value) in fields {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                text(&mut out, value);
            }
            out.extend_from_slice(format!(",\"series\":{},\"last\":{}", metric.series, metric.last).as_bytes());
            out.extend_from_slice(b",\"parts\":");
            out.extend_from_slice(&array_of(metric.parts.iter().copied()));
            out.push(b'}');
        }
        out.extend_from_slice(format!("],\"total\":{}}}", found.len()).as_bytes());
        out
    }
}
