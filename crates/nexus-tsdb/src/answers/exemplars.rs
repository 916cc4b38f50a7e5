//! Exemplars of series: `/query_exemplars`.

use super::{Selection, text};
use crate::chunk::Damaged;
use crate::engine::rows::{take_number, take_string, take_text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::labels::{SeriesId, unpack};
use std::collections::BTreeMap;

/// By time and labels; the value.
type Exemplars = BTreeMap<(i64, Vec<u8>), f64>;

impl Selection {
    /// `[{"seriesLabels", "exemplars": [{"labels", "value", "timestamp"}]}]`, from memory and from rows of the table, RowBinary:
    /// tenant String, metric String, series UInt128, time Int64, value Float64, labels String.
    pub fn exemplars_json(&self, mut rows: &[u8]) -> Result<Vec<u8>, Damaged> {
        let index = &self.tenant.index;
        let positions: HashMap<SeriesId, usize, RandomState> =
            self.numbers().iter().enumerate().map(|(at, &number)| (index.series(number).id, at)).collect();
        let mut found: BTreeMap<usize, Exemplars> = BTreeMap::new();
        let mut add = |id: SeriesId, time: i64, value: f64, labels: &[u8]| {
            if let Some(&at) = positions.get(&id).filter(|_| (self.from..=self.to).contains(&time)) {
                found.entry(at).or_default().insert((time, labels.to_vec()), value);
            }
        };
        while !rows.is_empty() {
            take_text(&mut rows)?;
            take_text(&mut rows)?;
            let id = u128::from_le_bytes(take_number(&mut rows)?);
            let time = i64::from_le_bytes(take_number(&mut rows)?);
            let value = f64::from_bits(u64::from_le_bytes(take_number(&mut rows)?));
            add(id, time, value, take_string(&mut rows)?);
        }
        for one in self.tenant.extras.lock().expect("no panic while locked").exemplars() {
            let id = index.series(one.series).id;
            add(id, one.exemplar.timestamp, one.exemplar.value, &one.exemplar.labels);
        }
        let mut out = vec![b'['];
        for (at, (position, exemplars)) in found.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",{\"seriesLabels\":{" } else { b"{\"seriesLabels\":{" });
            let symbols = self.symbols();
            let labels =
                self.labels()[*position].iter().map(|&(name, value)| (symbols.text(name), symbols.text(value)));
            pairs(&mut out, labels);
            out.extend_from_slice(b"},\"exemplars\":[");
            for (at, ((time, labels), value)) in exemplars.iter().enumerate() {
                out.extend_from_slice(if at > 0 { b",{\"labels\":{" } else { b"{\"labels\":{" });
                let masked = |name: &str| self.sight.masked.iter().any(|hidden| hidden == name);
                pairs(
                    &mut out,
                    unpack(labels).map(|(name, value)| (name, if masked(name) { &*self.sight.mask } else { value })),
                );
                out.extend_from_slice(b"},\"value\":");
                text(&mut out, &number(*value));
                out.extend_from_slice(
                    format!(",\"timestamp\":{}.{:03}}}", time.div_euclid(1000), time.rem_euclid(1000)).as_bytes(),
                );
            }
            out.extend_from_slice(b"]}");
        }
        out.push(b']');
        Ok(out)
    }
}

fn pairs<'a>(out: &mut Vec<u8>, labels: impl Iterator<Item = (&'a str, &'a str)>) {
    for (at, (name, value)) in labels.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        text(out, value);
    }
}

/// A float as Prometheus writes it in samples, without an exponent for the usual ones.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        value.to_string()
    }
}
