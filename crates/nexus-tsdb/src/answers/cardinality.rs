//! How many series there are by metric, label and value: `/status/tsdb`.

use super::{Selection, text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::NAME;
use nexus_series::symbols::{Label, Sym};

/// The largest, by count, then by name.
fn largest(mut counts: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(limit);
    counts
}

fn list(out: &mut Vec<u8>, name: &str, counts: Vec<(String, u64)>, limit: usize) {
    out.push(b',');
    text(out, name);
    out.extend_from_slice(b":[");
    for (at, (name, count)) in largest(counts, limit).into_iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"name\":" } else { b"{\"name\":" });
        text(out, &name);
        out.extend_from_slice(format!(",\"value\":{count}}}").as_bytes());
    }
    out.push(b']');
}

impl Selection {
    /// `/status/tsdb` of the series selected; with `focus` of those only that have this label, by its values, too.
    pub fn cardinality_json(&self, limit: usize, focus: &str) -> Vec<u8> {
        let (symbols, index) = (self.symbols(), &self.tenant.index);
        let (name_symbol, focus_symbol) = (symbols.get(NAME), symbols.get(focus).filter(|_| !focus.is_empty()));
        let mut pairs: HashMap<Label, u64, RandomState> = HashMap::default();
        let (mut series, mut chunks, mut first, mut last) = (0u64, 0usize, i64::MAX, i64::MIN);
        for (labels, &number) in self.labels().iter().zip(self.numbers()) {
            if !focus.is_empty() && !labels.iter().any(|(name, _)| Some(*name) == focus_symbol) {
                continue;
            }
            series += 1;
            let one = index.series(number);
            let head = one.head();
            chunks += head.pieces().len() + usize::from(!head.nothing_open());
            first = first.min(one.activity.first());
            last = last.max(one.activity.last());
            for label in labels.iter() {
                *pairs.entry(*label).or_default() += 1;
            }
        }
        let mut by_name: HashMap<Sym, (u64, u64), RandomState> = HashMap::default();
        for (name, value) in pairs.keys() {
            let (values, bytes) = by_name.entry(*name).or_default();
            *values += 1;
            *bytes += symbols.text(*value).len() as u64;
        }
        let of = |wanted: Option<Sym>| -> Vec<(String, u64)> {
            let mine = pairs.iter().filter(|((name, _), _)| Some(*name) == wanted);
            mine.map(|((_, value), count)| (symbols.text(*value).to_owned(), *count)).collect()
        };
        let named = |pick: fn(&(u64, u64)) -> u64| -> Vec<(String, u64)> {
            by_name.iter().map(|(name, counts)| (symbols.text(*name).to_owned(), pick(counts))).collect()
        };
        let (first, last) = if first <= last { (first, last) } else { (0, 0) };
        let mut out = format!(
            "{{\"headStats\":{{\"numSeries\":{series},\"numLabelPairs\":{},\"chunkCount\":{chunks},\"minTime\":{first},\"maxTime\":{last}}}",
            pairs.len()
        )
        .into_bytes();
        list(&mut out, "seriesCountByMetricName", of(name_symbol), limit);
        list(&mut out, "labelValueCountByLabelName", named(|counts| counts.0), limit);
        list(&mut out, "memoryInBytesByLabelName", named(|counts| counts.1), limit);
        let texts = pairs
            .iter()
            .map(|((name, value), count)| (format!("{}={}", symbols.text(*name), symbols.text(*value)), *count));
        list(&mut out, "seriesCountByLabelValuePair", texts.collect(), limit);
        if !focus.is_empty() {
            list(&mut out, "seriesCountByFocusLabelValue", of(focus_symbol), limit);
        }
        out.push(b'}');
        out
    }
}
