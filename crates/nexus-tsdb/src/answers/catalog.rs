//! Metrics for people who look for one.

use super::metadata::families_of;
use super::{Selection, text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::NAME;
use nexus_series::batch::Metadata;
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
    said: Option<Metadata>,
}

impl Selection {
    /// `{"metrics": [{"name", "kind", "unit", "help", "series", "last"}], "total"}` of metrics whose name or help holds all words
    /// of `search`, whatever their case.
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
        let mut found: Vec<Metric> = metrics
            .into_iter()
            .map(|(metric, (series, last))| {
                let name = symbols.text(metric);
                let said = families_of(name).find_map(|family| extras.metadata().get(family)?.first());
                Metric { name, series, last, said: said.map(|said| said.metadata.clone()) }
            })
            .filter(|metric| {
                let name = metric.name.to_lowercase();
                let help = metric.said.as_ref().map(|said| said.help.to_lowercase()).unwrap_or_default();
                words.iter().all(|word| name.contains(word) || help.contains(word))
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
                ("kind", said.map_or("unknown", |said| said.kind.name())),
                ("unit", said.map_or("", |said| &said.unit)),
                ("help", said.map_or("", |said| &said.help)),
            ];
            for (name, value) in fields {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                text(&mut out, value);
            }
            out.extend_from_slice(format!(",\"series\":{},\"last\":{}}}", metric.series, metric.last).as_bytes());
        }
        out.extend_from_slice(format!("],\"total\":{}}}", found.len()).as_bytes());
        out
    }
}
