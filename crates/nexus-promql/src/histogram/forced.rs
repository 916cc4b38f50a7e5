//! Infos that counts of classic buckets were lifted: those of one metric and place become one, with all that they say.

use super::encode::general;
use super::quantile::Lifted;
use crate::annotations::Position;
use nexus_series::calendar::date_of;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// See the module text.
#[derive(Debug, Default)]
pub struct ForcedNotes(Mutex<BTreeMap<(Position, String), Forced>>);

/// More metrics than this are not kept apart.
const MOST: usize = 1000;

#[derive(Debug)]
struct Forced {
    times: (i64, i64),
    lifted: Lifted,
    count: u64,
}

impl ForcedNotes {
    /// Adds one, at a time in ms.
    pub fn add(&self, position: Position, metric: &str, time: i64, lifted: Lifted) {
        let mut notes = self.0.lock().expect("no panic while locked");
        let key = (position, metric.to_owned());
        if let Some(one) = notes.get_mut(&key) {
            one.times = (one.times.0.min(time), one.times.1.max(time));
            one.lifted.bounds = (one.lifted.bounds.0.min(lifted.bounds.0), one.lifted.bounds.1.max(lifted.bounds.1));
            one.lifted.difference = one.lifted.difference.max(lifted.difference);
            one.count += 1;
        } else if notes.len() < MOST {
            notes.insert(key, Forced { times: (time, time), lifted, count: 1 });
        }
    }

    /// The place and the text of each.
    pub fn texts(&self) -> Vec<(Position, String)> {
        let notes = self.0.lock().expect("no panic while locked");
        notes.iter().map(|((position, metric), one)| (*position, one.text(metric))).collect()
    }
}

impl Forced {
    fn text(&self, metric: &str) -> String {
        let mut text = String::from(
            "input to histogram_quantile needed to be fixed for monotonicity \
             (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
        );
        if !metric.is_empty() {
            text.push_str(" for metric name ");
            text.push_str(&crate::annotations::quoted(metric));
        }
        let (low, high) = self.lifted.bounds;
        text + &format!(
            ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            general(low, None),
            general(high, None),
            general(self.lifted.difference, Some(2)),
            self.count,
            time_text(self.times.0),
            time_text(self.times.1)
        )
    }
}

/// A time in UTC, to the second (RFC 3339).
fn time_text(time: i64) -> String {
    let seconds = time / 1000;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_one_metric_become_one() {
        let notes = ForcedNotes::default();
        notes.add((3, 4), "a", 951_782_400_000, Lifted { bounds: (1.0, 1.0), difference: 0.5 });
        notes.add((3, 4), "a", 951_782_460_000, Lifted { bounds: (4.0, 8.0), difference: 2.0 });
        let [(_, text)] = &notes.texts()[..] else { panic!("one text") };
        let end = "for metric name \"a\", from buckets 1 to 8, with a max diff of 2, over 2 samples \
                   from 2000-02-29T00:00:00Z to 2000-02-29T00:01:00Z";
        assert!(text.ends_with(end), "{text}");
    }
}
