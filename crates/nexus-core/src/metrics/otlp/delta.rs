//! From deltas to totals: what each stream has counted so far, in memory and within a bound.
//!
//! A stream is forgotten when nothing came for an hour, and at a restart. Its next total then begins at its next delta, a
//! counter reset as every restart of a process makes, which queries see and count through: nothing is lost or counted twice.
//! A point that comes again (same stream, same time) gives the same total again, so a repeated request changes nothing.

use super::super::MAX_BUCKETS;
use super::super::histogram::{indexed, reduce, sparse};
use nexus_series::histogram::Histogram;
use std::sync::Mutex;

/// Nanoseconds after which a silent stream is forgotten.
pub const IDLE_NS: u64 = 3_600 * 1_000_000_000;
/// How long silent streams go first when there is no room for another.
const PRESSED_NS: u64 = 300 * 1_000_000_000;

/// What has been counted, of any kind of point.
#[derive(Debug, Clone, PartialEq)]
pub enum Total {
    /// Of a sum.
    Number(f64),
    /// Of a histogram with bounds: counts by bucket, sum.
    Classic(Vec<f64>, Vec<u64>, f64),
    /// Of an exponential one.
    Native(Histogram),
}

/// Why a delta was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaFault {
    /// It is older than what has been added already.
    Late,
    /// There is no room for another stream.
    Full(usize),
}

impl std::fmt::Display for DeltaFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Late => f.write_str("the delta is older than one of its stream that was added already"),
            Self::Full(bytes) => {
                write!(
                    f,
                    "totals of delta streams fill the {bytes} bytes that there are for them: send cumulative values"
                )
            }
        }
    }
}

struct Stream {
    total: Total,
    /// When its first delta began, ns; 0: not said.
    start: u64,
    time: u64,
    seen: u64,
}

#[derive(Default)]
struct Streams {
    by_id: hashbrown::HashMap<u128, Stream, foldhash::fast::RandomState>,
    bytes: usize,
    swept: u64,
}

/// See the module text. Usable from several threads.
pub struct Deltas {
    limit: usize,
    streams: Mutex<Streams>,
}

impl Deltas {
    /// Nothing counted yet; at most so many bytes of totals.
    pub fn new(limit: usize) -> Self {
        Self { limit, streams: Mutex::new(Streams::default()) }
    }

    /// Number of streams, and bytes of their totals.
    pub fn size(&self) -> (usize, usize) {
        let streams = self.streams.lock().expect("no panic while locked");
        (streams.by_id.len(), streams.bytes)
    }

    /// Add a delta that began at `start` (0: not said) and ended at `time`; the total then, and when it began. `now` (ns) is the
    /// clock that forgets.
    pub fn add(&self, id: u128, (start, time): (u64, u64), delta: Total, now: u64) -> Result<(Total, u64), DeltaFault> {
        let mut streams = self.streams.lock().expect("no panic while locked");
        if now.saturating_sub(streams.swept) > IDLE_NS / 4 {
            streams.sweep(now, IDLE_NS);
        }
        if let Some(stream) = streams.by_id.get_mut(&id) {
            stream.seen = now;
            if time == stream.time {
                return Ok((stream.total.clone(), stream.start));
            }
            if time < stream.time {
                return Err(DeltaFault::Late);
            }
            let before = size(&stream.total);
            stream.time = time;
            if !add(&mut stream.total, delta) {
                stream.start = start;
            }
            let (after, answer) = (size(&stream.total), (stream.total.clone(), stream.start));
            streams.bytes = streams.bytes + after - before;
            return Ok(answer);
        }
        let needed = size(&delta);
        if streams.bytes + needed > self.limit {
            streams.sweep(now, PRESSED_NS);
            if streams.bytes + needed > self.limit {
                return Err(DeltaFault::Full(self.limit));
            }
        }
        streams.bytes += needed;
        streams.by_id.insert(id, Stream { total: delta.clone(), start, time, seen: now });
        Ok((delta, start))
    }
}

impl Streams {
    fn sweep(&mut self, now: u64, idle: u64) {
        self.swept = now;
        self.by_id.retain(|_, stream| now.saturating_sub(stream.seen) <= idle);
        self.bytes = self.by_id.values().map(|stream| size(&stream.total)).sum();
    }
}

/// Bytes that a stream takes, nearly.
fn size(total: &Total) -> usize {
    size_of::<(u128, Stream)>()
        + match total {
            Total::Number(_) => 0,
            Total::Classic(bounds, counts, _) => 8 * (bounds.len() + counts.len()),
            Total::Native(histogram) => {
                8 * (histogram.positive.len()
                    + histogram.negative.len()
                    + histogram.positive_spans.len()
                    + histogram.negative_spans.len())
            }
        }
}

/// Adds a delta; false: it is of another shape than the total, and begins a new one.
fn add(total: &mut Total, delta: Total) -> bool {
    match (total, delta) {
        (Total::Number(total), Total::Number(delta)) => {
            *total += delta;
            true
        }
        (Total::Classic(bounds, counts, sum), Total::Classic(delta_bounds, delta_counts, delta_sum))
            if *bounds == delta_bounds && counts.len() == delta_counts.len() =>
        {
            for (count, delta) in counts.iter_mut().zip(delta_counts) {
                *count = count.saturating_add(delta);
            }
            *sum += delta_sum;
            true
        }
        (Total::Native(total), Total::Native(delta)) => add_native(total, delta),
        (total, delta) => {
            *total = delta;
            false
        }
    }
}

fn add_native(total: &mut Histogram, mut delta: Histogram) -> bool {
    if delta.zero_threshold.to_bits() != total.zero_threshold.to_bits() {
        // A wider zero bucket would have to take in others: begin again, which is a reset.
        *total = delta;
        return false;
    }
    loop {
        let schema = total.schema.min(delta.schema);
        reduce(total, schema);
        reduce(&mut delta, schema);
        let positive = merged(total, &delta, |one| (&one.positive_spans, &one.positive));
        let negative = merged(total, &delta, |one| (&one.negative_spans, &one.negative));
        if positive.1.len() + negative.1.len() > MAX_BUCKETS && schema > -4 {
            reduce(total, schema - 1);
            continue;
        }
        (total.positive_spans, total.positive) = positive;
        (total.negative_spans, total.negative) = negative;
        break;
    }
    total.zero_count += delta.zero_count;
    total.count += delta.count;
    total.sum += delta.sum;
    true
}

type Side = (Vec<nexus_series::histogram::Span>, Vec<f64>);

fn merged(
    a: &Histogram,
    b: &Histogram,
    side: fn(&Histogram) -> (&Vec<nexus_series::histogram::Span>, &Vec<f64>),
) -> Side {
    let ((a_spans, a_counts), (b_spans, b_counts)) = (side(a), side(b));
    let mut buckets: Vec<(i64, f64)> = indexed(a_spans, a_counts).chain(indexed(b_spans, b_counts)).collect();
    buckets.sort_by_key(|(index, _)| *index);
    sparse(buckets.into_iter())
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    fn number(deltas: &Deltas, id: u128, time: u64, delta: f64, now: u64) -> Result<f64, DeltaFault> {
        deltas.add(id, (0, time), Total::Number(delta), now).map(|(total, _)| match total {
            Total::Number(total) => total,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn deltas_add_up_and_repetitions_change_nothing() {
        let deltas = Deltas::new(1 << 20);
        assert_eq!(number(&deltas, 1, 10, 5.0, 0), Ok(5.0));
        assert_eq!(number(&deltas, 1, 20, 2.0, 0), Ok(7.0));
        assert_eq!(number(&deltas, 1, 20, 2.0, 0), Ok(7.0));
        assert_eq!(number(&deltas, 1, 15, 2.0, 0), Err(DeltaFault::Late));
        assert_eq!(number(&deltas, 2, 20, 1.0, 0), Ok(1.0));
        assert_eq!(number(&deltas, 1, 30, 1.0, 0), Ok(8.0));
    }

    #[test]
    fn a_total_began_with_its_first_delta() {
        let deltas = Deltas::new(1 << 20);
        let start = |at, delta| deltas.add(1, at, delta, 0).unwrap().1;
        assert_eq!(start((5, 10), Total::Number(1.0)), 5);
        assert_eq!(start((10, 20), Total::Number(1.0)), 5);
        // Another shape is another total.
        assert_eq!(start((20, 30), Total::Classic(vec![1.0], vec![1, 1], 2.0)), 20);
    }

    #[test]
    fn silent_streams_are_forgotten() {
        let deltas = Deltas::new(1 << 20);
        number(&deltas, 1, 10, 5.0, 0).unwrap();
        number(&deltas, 2, 10, 5.0, 50 * MINUTE).unwrap();
        number(&deltas, 3, 10, 5.0, 70 * MINUTE).unwrap();
        assert_eq!(deltas.size().0, 2);
        assert_eq!(number(&deltas, 1, 20, 2.0, 71 * MINUTE), Ok(2.0));
        assert_eq!(number(&deltas, 2, 20, 2.0, 71 * MINUTE), Ok(7.0));
    }

    #[test]
    fn the_bound_holds() {
        let limit = 10 * size(&Total::Number(0.0));
        let deltas = Deltas::new(limit);
        for id in 0..10 {
            number(&deltas, id, 1, 1.0, 0).unwrap();
        }
        assert_eq!(number(&deltas, 10, 1, 1.0, MINUTE), Err(DeltaFault::Full(limit)));
        assert_eq!(number(&deltas, 3, 2, 1.0, MINUTE), Ok(2.0));
        // Those that were silent for a while make room.
        assert_eq!(number(&deltas, 10, 1, 1.0, 6 * MINUTE), Ok(1.0));
        assert!(deltas.size().1 <= limit);
    }

    #[test]
    fn histograms_add_up_by_bucket() {
        let deltas = Deltas::new(1 << 20);
        let classic = |counts: &[u64], sum| Total::Classic(vec![1.0, 2.0], counts.to_vec(), sum);
        deltas.add(1, (0, 1), classic(&[1, 0, 2], 9.0), 0).unwrap();
        assert_eq!(deltas.add(1, (0, 2), classic(&[0, 3, 1], 1.0), 0).unwrap().0, classic(&[1, 3, 3], 10.0));
        let other = Total::Classic(vec![5.0], vec![1, 1], 1.0);
        assert_eq!(deltas.add(1, (0, 3), other.clone(), 0).unwrap().0, other);

        let native = |schema, buckets: &[(i64, f64)]| {
            let (positive_spans, positive) = sparse(buckets.iter().copied());
            let count = positive.iter().sum();
            Histogram { schema, positive_spans, positive, count, sum: 1.0, ..Histogram::default() }
        };
        deltas.add(2, (0, 1), Total::Native(native(1, &[(1, 1.0), (2, 1.0), (9, 4.0)])), 0).unwrap();
        let (Total::Native(sum), _) =
            deltas.add(2, (0, 2), Total::Native(native(0, &[(1, 2.0), (7, 1.0)])), 0).unwrap()
        else {
            panic!("a native histogram");
        };
        assert_eq!((sum.schema, sum.count, sum.sum), (0, 9.0, 2.0));
        let found: Vec<_> = indexed(&sum.positive_spans, &sum.positive).filter(|(_, count)| *count > 0.0).collect();
        assert_eq!(found, [(1, 4.0), (5, 4.0), (7, 1.0)]);
    }
}
