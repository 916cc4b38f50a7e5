//! Histograms over time as heatmaps draw them: a column a step or, where there are more steps than a screen has room for, one of
//! their mean; a row a bucket. Rows are buckets of the answer, merged where there are too many.
//!
//! Native histograms come as buckets, empty ones left out; classic ones as series that count up to their label `le`.

use std::collections::BTreeMap;

/// Most rows.
pub const MAX_ROWS: usize = 96;

/// Least and greatest value of a bucket, and how many there are.
pub type Bucket = (f64, f64, f64);

/// Sums of histograms over time.
#[derive(Debug, PartialEq)]
pub struct Heatmap {
    /// Steps of a column.
    pub per: usize,
    /// Bounds of the rows, ascending.
    pub rows: Vec<(f64, f64)>,
    /// Counts of the rows, the mean of a column's steps; None without a histogram.
    pub columns: Vec<Option<Vec<f64>>>,
}

/// Adds up what falls into cells.
struct Columns {
    per: usize,
    rows: usize,
    cells: Vec<f64>,
    /// Which steps had a histogram.
    seen: Vec<bool>,
}

impl Columns {
    fn new(steps: usize, most: usize, rows: usize) -> Self {
        let per = steps.div_ceil(most.max(1)).max(1);
        Self { per, rows, cells: vec![0.0; steps.div_ceil(per) * rows], seen: vec![false; steps] }
    }

    fn add(&mut self, step: usize, row: usize, count: f64) {
        self.cells[step / self.per * self.rows + row] += count;
    }

    fn finish(self, rows: Vec<(f64, f64)>) -> Heatmap {
        let columns = self.seen.chunks(self.per).enumerate().map(|(column, seen)| {
            let count = seen.iter().filter(|&&one| one).count();
            let cells = &self.cells[column * self.rows..(column + 1) * self.rows];
            (count > 0).then(|| cells.iter().map(|cell| cell / count as f64).collect())
        });
        Heatmap { per: self.per, columns: columns.collect(), rows }
    }
}

/// The heatmap of native histograms: (step, buckets) each, of any number of series. `most` is the number of columns.
pub fn native<'a>(
    histograms: impl Iterator<Item = (usize, &'a [Bucket])> + Clone,
    steps: usize,
    most: usize,
) -> Heatmap {
    let buckets = || histograms.clone().flat_map(|(_, buckets)| buckets).filter(|one| one.2.is_finite());
    let rows = Exponential::covering(buckets()).map_or_else(|| Rows::Any(bounds(buckets())), Rows::Exponential);
    let ranges = rows.ranges();
    let mut columns = Columns::new(steps, most, ranges.len());
    for (step, buckets) in histograms.filter(|(step, _)| *step < steps) {
        columns.seen[step] = true;
        for bucket in buckets.iter().filter(|one| one.2.is_finite()) {
            let (first, last) = rows.of(bucket);
            // A bucket of several rows is as likely in each of them.
            let share = bucket.2 / (last + 1 - first) as f64;
            for row in first..=last {
                columns.add(step, row, share);
            }
        }
    }
    columns.finish(ranges)
}

/// The heatmap of classic histograms: upper bound and (step, value) of each series, which may repeat a bound.
pub fn classic<V: Iterator<Item = (usize, f64)>>(
    series: impl Iterator<Item = (f64, V)>,
    steps: usize,
    most: usize,
) -> Heatmap {
    let mut by_bound: Vec<(f64, Vec<V>)> = Vec::new();
    let mut sorted: Vec<(f64, V)> = series.filter(|(bound, _)| !bound.is_nan()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (bound, values) in sorted {
        match by_bound.last_mut() {
            Some((same, all)) if *same == bound => all.push(values),
            _ => by_bound.push((bound, vec![values])),
        }
    }
    // Counts are of all below a bound: to leave bounds out is to merge.
    let stride = by_bound.len().div_ceil(MAX_ROWS).max(1);
    let last = by_bound.len().saturating_sub(1);
    let kept: Vec<(f64, Vec<V>)> = by_bound
        .into_iter()
        .enumerate()
        .filter(|(at, _)| (last - at).is_multiple_of(stride))
        .map(|(_, one)| one)
        .collect();
    let mut lower = if kept.first().is_some_and(|one| one.0 > 0.0) { 0.0 } else { f64::NEG_INFINITY };
    let rows = kept.iter().map(|&(upper, _)| (std::mem::replace(&mut lower, upper), upper)).collect();
    let mut columns = Columns::new(steps, most, kept.len());
    let mut below = vec![0.0; steps];
    for (row, (_, all)) in kept.into_iter().enumerate() {
        let mut sums = vec![f64::NAN; steps];
        for (step, value) in all.into_iter().flatten().filter(|(step, value)| *step < steps && value.is_finite()) {
            sums[step] = if sums[step].is_nan() { value } else { sums[step] + value };
        }
        for (step, &sum) in sums.iter().enumerate().filter(|(_, sum)| !sum.is_nan()) {
            columns.seen[step] = true;
            columns.add(step, row, (sum - below[step]).max(0.0));
            below[step] = sum.max(below[step]);
        }
    }
    columns.finish(rows)
}

enum Rows {
    Exponential(Exponential),
    /// Edges, ascending.
    Any(Vec<f64>),
}

impl Rows {
    fn ranges(&self) -> Vec<(f64, f64)> {
        match self {
            Self::Exponential(rows) => rows.ranges(),
            Self::Any(edges) => edges.windows(2).map(|pair| (pair[0], pair[1])).collect(),
        }
    }

    /// First and last row of a bucket.
    fn of(&self, bucket: &Bucket) -> (usize, usize) {
        match self {
            Self::Exponential(rows) => rows.of(bucket),
            Self::Any(edges) => {
                let most = edges.len().saturating_sub(2);
                let first = edges.partition_point(|&edge| edge <= bucket.0).saturating_sub(1).min(most);
                let last = edges.partition_point(|&edge| edge < bucket.1).saturating_sub(1).min(most);
                (first, last.max(first))
            }
        }
    }
}

/// Bounds that buckets have, thinned out.
fn bounds<'a>(buckets: impl Iterator<Item = &'a Bucket>) -> Vec<f64> {
    // The order of the bits is that of the numbers.
    let key = |value: f64| {
        let bits = (value + 0.0).to_bits() as i64;
        bits ^ (((bits >> 63) as u64) >> 1) as i64
    };
    let all: BTreeMap<i64, f64> =
        buckets.flat_map(|one| [one.0, one.1]).filter(|one| !one.is_nan()).map(|one| (key(one), one)).collect();
    let mut edges: Vec<f64> = all.into_values().collect();
    // A bucket of one value has a row of its own.
    if edges.len() == 1 {
        edges.push(edges[0]);
    }
    let (stride, last) = (edges.len().saturating_sub(1).div_ceil(MAX_ROWS).max(1), edges.len().saturating_sub(1));
    edges
        .into_iter()
        .enumerate()
        .filter(|(at, _)| at.is_multiple_of(stride) || *at == last)
        .map(|(_, one)| one)
        .collect()
}

/// Rows of the resolution 2^(2^-schema): those of negative values, that around zero, those of positive ones.
struct Exponential {
    schema: i32,
    negative: Option<(i64, i64)>,
    zero: Option<(f64, f64)>,
    positive: Option<(i64, i64)>,
}

/// The coarsest resolution of native histograms, and how many there are.
const LEAST: i32 = -4;
const RESOLUTIONS: usize = 13;

/// Resolution of a bucket of positive values, and its number there: (2^((n-1) * 2^-schema), 2^(n * 2^-schema)].
fn exponential(lower: f64, upper: f64) -> Option<(i32, i64)> {
    if !(lower > 0.0 && upper.is_finite() && upper > lower) {
        return None;
    }
    let schema = -(upper.log2() - lower.log2()).log2();
    let number = upper.log2() * schema.round().exp2();
    let exact = (schema - schema.round()).abs() < 1e-6 && (number - number.round()).abs() < 1e-3;
    (exact && (-4.0..=8.0).contains(&schema.round())).then_some((schema.round() as i32, number.round() as i64))
}

/// First and last number at a resolution of a bucket's at another.
fn at(schema: i32, (own, number): (i32, i64)) -> (i64, i64) {
    if own >= schema {
        let number = -((-number) >> (own - schema));
        (number, number)
    } else {
        let factor = 1 << (schema - own);
        ((number - 1) * factor + 1, number * factor)
    }
}

impl Exponential {
    /// None when there is a bucket of another kind.
    fn covering<'a>(buckets: impl Iterator<Item = &'a Bucket>) -> Option<Self> {
        let mut found = Self { schema: LEAST, negative: None, zero: None, positive: None };
        // First and last number of each resolution.
        let mut sides = [[None::<(i64, i64)>; RESOLUTIONS]; 2];
        for &(lower, upper, _) in buckets {
            if lower <= 0.0 && upper >= 0.0 {
                let (low, high) = found.zero.unwrap_or((lower, upper));
                found.zero = Some((low.min(lower), high.max(upper)));
                continue;
            }
            let (side, low, high) = if upper < 0.0 { (0, -upper, -lower) } else { (1, lower, upper) };
            let (schema, number) = exponential(low, high)?;
            let own = &mut sides[side][(schema - LEAST) as usize];
            let (first, last) = own.unwrap_or((number, number));
            *own = Some((first.min(number), last.max(number)));
            found.schema = found.schema.max(schema);
        }
        loop {
            let [negative, positive] = sides.map(|side| {
                let met =
                    side.iter().enumerate().filter_map(|(own, range)| range.map(|range| (own as i32 + LEAST, range)));
                let ranges =
                    met.map(|(own, (first, last))| (at(found.schema, (own, first)).0, at(found.schema, (own, last)).1));
                ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            });
            (found.negative, found.positive) = (negative, positive);
            if found.count() <= MAX_ROWS {
                return Some(found);
            }
            found.schema -= 1;
        }
    }

    fn count(&self) -> usize {
        let rows = |side: Option<(i64, i64)>| side.map_or(0, |(first, last)| (last - first + 1) as usize);
        rows(self.negative) + rows(self.positive) + usize::from(self.zero.is_some())
    }

    fn edge(&self, number: i64) -> f64 {
        (number as f64 * f64::from(-self.schema).exp2()).exp2()
    }

    fn ranges(&self) -> Vec<(f64, f64)> {
        let range = |number| (self.edge(number - 1), self.edge(number));
        let negative = self.negative.into_iter().flat_map(|(first, last)| (first..=last).rev());
        let positive = self.positive.into_iter().flat_map(|(first, last)| first..=last);
        let below = negative.map(|number| (-range(number).1, -range(number).0));
        below.chain(self.zero).chain(positive.map(range)).collect()
    }

    fn of_negative(&self) -> usize {
        self.negative.map_or(0, |(first, last)| (last - first + 1) as usize)
    }

    fn of(&self, &(lower, upper, _): &Bucket) -> (usize, usize) {
        if lower <= 0.0 && upper >= 0.0 {
            return (self.of_negative(), self.of_negative());
        }
        let (low, high) = if upper < 0.0 { (-upper, -lower) } else { (lower, upper) };
        let (first, last) = at(self.schema, exponential(low, high).unwrap_or_default());
        match (upper < 0.0, self.negative, self.positive) {
            (true, Some((_, greatest)), _) => ((greatest - last) as usize, (greatest - first) as usize),
            (false, _, Some((least, _))) => {
                let base = self.of_negative() + usize::from(self.zero.is_some());
                (base + (first - least) as usize, base + (last - least) as usize)
            }
            _ => (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(histograms: &[(usize, Vec<Bucket>)], steps: usize, most: usize) -> Heatmap {
        native(histograms.iter().map(|(step, buckets)| (*step, buckets.as_slice())), steps, most)
    }

    #[test]
    fn buckets_of_one_resolution_are_rows_and_gaps_between_them_too() {
        let found = heat(&[(0, vec![(0.5, 1.0, 3.0), (4.0, 8.0, 1.0)]), (2, vec![(1.0, 2.0, 5.0)])], 3, 10);
        assert_eq!(found.rows, [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)]);
        assert_eq!(found.columns, [Some(vec![3.0, 0.0, 0.0, 1.0]), None, Some(vec![0.0, 5.0, 0.0, 0.0])]);
    }

    #[test]
    fn both_signs_zero_and_a_coarser_resolution() {
        let root = 2f64.sqrt();
        let found = heat(
            &[(0, vec![(-2.0, -1.0, 1.0), (-0.001, 0.001, 2.0), (root, 2.0, 4.0)]), (0, vec![(1.0, 2.0, 6.0)])],
            1,
            1,
        );
        assert_eq!(found.rows.len(), 5);
        assert_eq!((found.rows[0].0.round(), found.rows[2]), (-2.0, (-0.001, 0.001)));
        assert_eq!(found.columns[0], Some(vec![0.5, 0.5, 2.0, 3.0, 7.0]));
    }

    #[test]
    fn wide_ranges_get_coarser_rows_and_lose_nothing() {
        let fine = |number: f64| (((number - 1.0) / 256.0).exp2(), (number / 256.0).exp2(), 1.0);
        let all: Vec<Bucket> = (-3000..3000).map(|number| fine(f64::from(number))).collect();
        let found = heat(&[(0, all)], 1, 1);
        assert!(found.rows.len() <= MAX_ROWS && found.rows.len() > MAX_ROWS / 4, "{}", found.rows.len());
        assert_eq!(found.columns[0].as_ref().unwrap().iter().sum::<f64>(), 6000.0);
        let extreme =
            heat(&[(0, vec![(2f64.powi(-1000), 2f64.powi(-999), 1.0), (2f64.powi(999), 2f64.powi(1000), 1.0)])], 1, 1);
        assert!(extreme.rows.len() <= MAX_ROWS);
    }

    #[test]
    fn whatever_comes_nothing_is_lost_and_all_lies_within_its_rows() {
        let mut seed = 7u64;
        let mut dice = |sides: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % sides
        };
        for round in 0..300 {
            let kinds = 1 + dice(3);
            let buckets: Vec<Bucket> = (0..=dice(40))
                .map(|_| {
                    let count = dice(100) as f64;
                    if dice(12) == 0 {
                        return (-1e-300, 1e-300, count);
                    }
                    let schema = dice(13) as i32 - 4 + dice(kinds) as i32 % 2;
                    let width = f64::from(-schema.min(8)).exp2();
                    let number = dice(400) as f64 - 200.0;
                    let number = (number * width.min(1.0) / width).round();
                    let (low, high) = (((number - 1.0) * width).exp2(), (number * width).exp2());
                    if round % 4 == 0 && dice(5) == 0 {
                        (low, high * 1.37, count)
                    } else if round % 2 == 0 && dice(2) == 0 {
                        (-high, -low, count)
                    } else {
                        (low, high, count)
                    }
                })
                .filter(|one| one.1.is_finite() && one.0.is_finite() && one.0 < one.1)
                .collect();
            let whole: f64 = buckets.iter().map(|one| one.2).sum();
            let found = heat(&[(0, buckets.clone())], 1, 1);
            assert!(found.rows.len() <= MAX_ROWS, "{} rows", found.rows.len());
            assert!(found.rows.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", found.rows);
            let sum: f64 = found.columns[0].iter().flatten().sum();
            assert!((sum - whole).abs() < 1e-6 * whole.max(1.0), "{sum} of {whole}");
            for bucket in buckets.iter().filter(|one| one.2 > 0.0) {
                // Alone in the rows of all: where it went.
                let lone: Vec<Bucket> = buckets.iter().map(|one| (one.0, one.1, 0.0)).chain([*bucket]).collect();
                let found = heat(&[(0, lone)], 1, 1);
                for (row, &count) in found.rows.iter().zip(found.columns[0].iter().flatten()) {
                    let slack = 1e-9 * bucket.1.abs().max(bucket.0.abs());
                    assert!(
                        count == 0.0 || (row.0 < bucket.1 + slack && row.1 > bucket.0 - slack),
                        "{bucket:?} in {row:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn any_other_bounds_are_edges() {
        let found = heat(&[(0, vec![(0.0, 0.3, 1.0), (5.0, f64::INFINITY, 2.0)]), (1, vec![(0.3, 1.0, 4.0)])], 2, 2);
        assert_eq!(found.rows, [(0.0, 0.3), (0.3, 1.0), (1.0, 5.0), (5.0, f64::INFINITY)]);
        assert_eq!(found.columns[0], Some(vec![1.0, 0.0, 0.0, 2.0]));
        let many: Vec<Bucket> = (0..1000).map(|n| (f64::from(n) * 0.7, f64::from(n + 1) * 0.7, 1.0)).collect();
        let found = heat(&[(0, many)], 1, 1);
        assert!(found.rows.len() <= MAX_ROWS);
        assert_eq!(found.columns[0].as_ref().unwrap().iter().sum::<f64>().round(), 1000.0);
    }

    #[test]
    fn more_steps_than_columns_show_their_mean() {
        let all: Vec<(usize, Vec<Bucket>)> = (0..10).map(|step| (step, vec![(1.0, 2.0, step as f64)])).collect();
        let found = heat(&all, 10, 4);
        assert_eq!((found.per, found.columns.len()), (3, 4));
        assert_eq!(found.columns[0], Some(vec![1.0]));
        assert_eq!(found.columns[3], Some(vec![9.0]));
        assert_eq!(heat(&[], 3, 2).columns, [None, None]);
    }

    #[test]
    fn classic_counts_are_told_apart_and_added_up() {
        let series = [
            (1.0, vec![(0, 2.0), (1, 1.0)]),
            (0.5, vec![(0, 1.0)]),
            (f64::INFINITY, vec![(0, 5.0), (1, 1.0)]),
            (1.0, vec![(0, 3.0)]),
        ];
        let found = classic(series.iter().map(|(le, values)| (*le, values.iter().copied())), 3, 3);
        assert_eq!(found.rows, [(0.0, 0.5), (0.5, 1.0), (1.0, f64::INFINITY)]);
        assert_eq!(found.columns, [Some(vec![1.0, 4.0, 0.0]), Some(vec![0.0, 1.0, 0.0]), None]);
        let many = (0..500).map(|n| (f64::from(n), std::iter::once((0, f64::from(n)))));
        let found = classic(many, 1, 1);
        assert!(found.rows.len() <= MAX_ROWS);
        assert_eq!(found.columns[0].as_ref().unwrap().iter().sum::<f64>(), 499.0);
    }
}
