//! Aggregations: rows fall into groups by their labels, cells are folded step by step.

use crate::annotations::{self, quoted};
use crate::control::Fault;
use crate::encode::go_float;
use crate::evaluate::{Evaluator, count};
use crate::histogram;
use crate::histogram::aggregate::HistogramAccumulator;
use crate::kernels::{compensated, statistics, statistics::Mean};
use crate::labels::{Names, is_name};
use crate::plan::{Expr, Node};
use crate::ranking;
use crate::source::SeriesLabels;
use crate::stream::Stream;
use crate::value::{Cell, Grid, NOTHING, Row, SharedHistogram, Value, is_nothing};
use crate::window::Annotator;
use hashbrown::HashMap;
use nexus_series::symbols::{Label, Sym};

/// `by` or `without` labels.
pub struct Grouping {
    names: Vec<Sym>,
    without: bool,
    name: Sym,
}

impl Grouping {
    /// The grouping of an aggregation.
    pub fn new(names: &Names, labels: &[String], without: bool) -> Self {
        Self { names: names.symbols(labels), without, name: names.name }
    }

    /// Puts the labels of a row's group into `key`.
    #[inline]
    pub fn key(&self, labels: &[Label], key: &mut Vec<Label>) {
        key.clear();
        if self.without {
            key.extend(labels.iter().filter(|label| label.0 != self.name && !self.names.contains(&label.0)));
        } else if !self.names.is_empty() {
            key.extend(labels.iter().filter(|label| self.names.contains(&label.0)));
        }
    }
}

/// Groups in the order in which they were met.
pub struct Groups<A> {
    places: HashMap<SeriesLabels, usize, foldhash::fast::RandomState>,
    /// Labels and content.
    pub all: Vec<(SeriesLabels, A)>,
}

impl<A> Default for Groups<A> {
    fn default() -> Self {
        Self { places: HashMap::default(), all: Vec::new() }
    }
}

impl<A> Groups<A> {
    /// The place of a group, which is made when it is new.
    #[inline]
    pub fn place(&mut self, key: &[Label], make: impl FnOnce() -> A) -> usize {
        if let Some(&place) = self.places.get(key) {
            return place;
        }
        let labels: SeriesLabels = key.into();
        self.places.insert(labels.clone(), self.all.len());
        self.all.push((labels, make()));
        self.all.len() - 1
    }
}

/// Evaluates an aggregation.
pub fn aggregate(evaluator: &Evaluator, node: &Node, grid: Grid) -> Result<Value, Fault> {
    let Expr::Aggregate { op, inner, parameter, labels, without } = &node.expr else {
        return Err(Fault::Execution("expected an aggregation".into()));
    };
    let grouping = Grouping::new(&evaluator.names, labels, *without);
    if op == "count_values" {
        let Some(Expr::String(label)) = parameter.as_ref().map(|node| &node.expr) else {
            return Err(Fault::Execution("expected a label name".into()));
        };
        if !is_name(label) {
            let written = parameter.as_ref().map_or((0, 0), |node| node.pos);
            let written = evaluator.program.text.get(written.0 as usize..written.1 as usize).unwrap_or("\"\"");
            return Err(Fault::Execution(format!("invalid label name {written}")));
        }
        return count_values(evaluator, inner, label, labels, *without, grid);
    }
    let parameters = match parameter {
        Some(parameter) => evaluator.scalar(parameter, grid)?,
        None => Vec::new(),
    };
    let position = parameter.as_ref().map_or(node.pos, |parameter| parameter.pos);
    let rows = match op.as_str() {
        "topk" | "bottomk" => ranking::top(evaluator, node, inner, op == "topk", &parameters, &grouping, grid)?,
        "limitk" => ranking::limit(evaluator, inner, &parameters, &grouping, grid)?,
        "limit_ratio" => ranking::ratio(evaluator, inner, &parameters, position, grid)?,
        "quantile" => {
            for &value in parameters.iter().filter(|value| !(0.0..=1.0).contains(*value)) {
                annotations::invalid_quantile(&evaluator.notes, position, value);
            }
            quantile(evaluator, inner, &parameters, &grouping, grid)?
        }
        op => folded(evaluator, inner, Kind::of(op)?, &grouping, grid)?,
    };
    evaluator.budget.hold(count(&rows))?;
    Ok(Value::Vector(rows))
}

/// Aggregations that need no more than a few numbers per group and step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
}

impl Kind {
    fn of(op: &str) -> Result<Self, Fault> {
        Ok(match op {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "count" => Self::Count,
            "min" => Self::Min,
            "max" => Self::Max,
            "group" => Self::Group,
            "stddev" => Self::Stddev,
            "stdvar" => Self::Stdvar,
            other => return Err(Fault::Execution(format!("unknown aggregation {}", quoted(other)))),
        })
    }

    fn text(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
        }
    }
}

/// Mean and squared deviations (Welford).
#[derive(Clone, Copy, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = *other;
            return;
        }
        let (count, delta) = (self.count + other.count, other.mean - self.mean);
        self.mean += delta * other.count / count;
        self.squares += other.squares + delta * delta * self.count * other.count / count;
        self.count = count;
    }
}

/// What a group has seen so far, for each step.
enum Columns {
    /// Sum (`NOTHING` at first) and what rounding lost.
    Sum(Vec<f64>, Vec<f64>),
    Mean(Vec<Mean>),
    Count(Vec<f64>),
    Extreme(Vec<f64>),
    Spread(Vec<Spread>),
}

struct Folded {
    columns: Columns,
    drop_name: bool,
}

impl Folded {
    fn new(kind: Kind, steps: usize) -> Self {
        let columns = match kind {
            Kind::Sum => Columns::Sum(vec![NOTHING; steps], vec![0.0; steps]),
            Kind::Avg => Columns::Mean(vec![Mean::default(); steps]),
            Kind::Count | Kind::Group => Columns::Count(vec![0.0; steps]),
            Kind::Min | Kind::Max => Columns::Extreme(vec![NOTHING; steps]),
            Kind::Stddev | Kind::Stdvar => Columns::Spread(vec![Spread::default(); steps]),
        };
        Self { columns, drop_name: false }
    }

    fn add(&mut self, kind: Kind, values: &[f64]) {
        match &mut self.columns {
            Columns::Sum(sums, losses) => {
                for ((sum, lost), &value) in sums.iter_mut().zip(losses).zip(values) {
                    if !is_nothing(value) {
                        (*sum, *lost) = if is_nothing(*sum) { (value, 0.0) } else { compensated(value, *sum, *lost) };
                    }
                }
            }
            Columns::Mean(means) => each(means, values, Mean::add),
            Columns::Count(counts) => each(counts, values, |count, _| *count += 1.0),
            Columns::Extreme(bests) => each(bests, values, |best, value| better(kind, best, value)),
            Columns::Spread(spreads) => each(spreads, values, Spread::add),
        }
    }

    fn merge(&mut self, kind: Kind, other: Self) {
        self.drop_name |= other.drop_name;
        match (&mut self.columns, other.columns) {
            (Columns::Sum(sums, losses), Columns::Sum(more, lost_more)) => {
                for (((sum, lost), more), lost_more) in sums.iter_mut().zip(losses).zip(more).zip(lost_more) {
                    if is_nothing(*sum) {
                        (*sum, *lost) = (more, lost_more);
                    } else if !is_nothing(more) {
                        let kept = *lost + lost_more;
                        (*sum, *lost) = compensated(more, *sum, kept);
                    }
                }
            }
            (Columns::Mean(means), Columns::Mean(more)) => {
                means.iter_mut().zip(&more).for_each(|(mean, more)| mean.merge(more));
            }
            (Columns::Count(counts), Columns::Count(more)) => {
                counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
            }
            (Columns::Extreme(bests), Columns::Extreme(more)) => {
                each(bests, &more, |best, value| better(kind, best, value));
            }
            (Columns::Spread(spreads), Columns::Spread(more)) => {
                spreads.iter_mut().zip(&more).for_each(|(spread, more)| spread.merge(more));
            }
            _ => unreachable!("parts of one aggregation have the same columns"),
        }
    }

    fn finish(self, kind: Kind) -> Vec<f64> {
        let some = |there: bool, value: f64| if there { value } else { NOTHING };
        match self.columns {
            Columns::Sum(mut sums, losses) => {
                for (sum, lost) in sums.iter_mut().zip(losses) {
                    if !is_nothing(*sum) {
                        *sum += lost;
                    }
                }
                sums
            }
            Columns::Mean(means) => means.iter().map(|mean| some(mean.count > 0.0, mean.value())).collect(),
            Columns::Count(counts) => {
                let value = |count| if kind == Kind::Group { 1.0 } else { count };
                counts.iter().map(|&count| some(count > 0.0, value(count))).collect()
            }
            Columns::Extreme(bests) => bests,
            Columns::Spread(spreads) => {
                let root = |value: f64| if kind == Kind::Stddev { value.sqrt() } else { value };
                spreads.iter().map(|one| some(one.count > 0.0, root(one.squares / one.count))).collect()
            }
        }
    }
}

/// Calls `fold` for every cell that holds a float.
#[inline]
fn each<T>(columns: &mut [T], values: &[f64], mut fold: impl FnMut(&mut T, f64)) {
    for (column, &value) in columns.iter_mut().zip(values) {
        if !is_nothing(value) {
            fold(column, value);
        }
    }
}

#[inline]
fn better(kind: Kind, best: &mut f64, value: f64) {
    let wins = if kind == Kind::Max { *best < value } else { *best > value };
    if wins || best.is_nan() {
        *best = value;
    }
}

/// The histograms of a row, to be added in the order of rows once all parts are there.
struct Pending {
    group: usize,
    metric: String,
    histograms: Vec<Option<SharedHistogram>>,
}

struct Part {
    groups: Groups<Folded>,
    pending: Vec<Pending>,
    key: Vec<Label>,
}

fn folded(evaluator: &Evaluator, inner: &Node, kind: Kind, grouping: &Grouping, grid: Grid) -> Result<Vec<Row>, Fault> {
    let stream = evaluator.rows(inner, grid)?;
    let make = || Part { groups: Groups::default(), pending: Vec::new(), key: Vec::new() };
    let parts = stream.fold(evaluator, make, |part, _, row| {
        grouping.key(&row.labels, &mut part.key);
        let known = part.groups.all.len();
        let place = part.groups.place(&part.key, || Folded::new(kind, grid.count));
        if place == known {
            evaluator.budget.hold(grid.count.div_ceil(2))?;
        }
        let group = &mut part.groups.all[place].1;
        group.drop_name |= row.drop_name;
        group.add(kind, &row.floats);
        if row.histograms.is_empty() {
            return Ok(());
        }
        match (kind, &mut group.columns) {
            (Kind::Sum | Kind::Avg, _) => part.pending.push(Pending {
                group: place,
                metric: evaluator.names.metric(&row.labels).to_owned(),
                histograms: row.histograms.clone(),
            }),
            (_, Columns::Count(counts)) => {
                for (count, _) in counts.iter_mut().zip(&row.histograms).filter(|(_, one)| one.is_some()) {
                    *count += 1.0;
                }
            }
            _ if row.histograms.iter().any(Option::is_some) => {
                annotations::histogram_ignored(&evaluator.notes, inner.pos, kind.text());
            }
            _ => {}
        }
        Ok(())
    })?;
    if let Stream::Rows(rows) = &stream {
        evaluator.budget.release(count(rows));
    }
    let mut groups: Groups<Folded> = Groups::default();
    let mut pending = Vec::new();
    for part in parts {
        evaluator.budget.release(part.groups.all.len() * grid.count.div_ceil(2));
        let mut places = Vec::with_capacity(part.groups.all.len());
        for (labels, folded) in part.groups.all {
            let known = groups.all.len();
            let mut folded = Some(folded);
            let place = groups.place(&labels, || folded.take().expect("taken once"));
            if let (true, Some(folded)) = (place < known, folded) {
                groups.all[place].1.merge(kind, folded);
            }
            places.push(place);
        }
        pending.extend(part.pending.into_iter().map(|one| Pending { group: places[one.group], ..one }));
    }
    let mut rows: Vec<Row> = groups
        .all
        .into_iter()
        .map(|(labels, folded)| {
            let drop_name = folded.drop_name;
            Row { labels, drop_name, floats: folded.finish(kind), histograms: Vec::new() }
        })
        .collect();
    add_histograms(evaluator, inner, kind, pending, &mut rows);
    rows.retain(|row| !row.is_empty());
    Ok(rows)
}

/// Adds histograms to the rows of their groups; where a group has floats, too, there is no result.
fn add_histograms(evaluator: &Evaluator, inner: &Node, kind: Kind, pending: Vec<Pending>, rows: &mut [Row]) {
    fn annotator<'a>(evaluator: &'a Evaluator, inner: &Node, metric: &'a str) -> Annotator<'a> {
        Annotator { notes: &evaluator.notes, position: inner.pos, metric }
    }
    let mut sums: HashMap<(usize, usize), (HistogramAccumulator, String), foldhash::fast::RandomState> =
        HashMap::default();
    for one in &pending {
        for (step, histogram) in one.histograms.iter().enumerate() {
            let Some(histogram) = histogram else { continue };
            let make = || (HistogramAccumulator::new(kind == Kind::Avg), one.metric.clone());
            sums.entry((one.group, step))
                .or_insert_with(make)
                .0
                .add(histogram, &annotator(evaluator, inner, &one.metric));
        }
    }
    for ((group, step), (sum, metric)) in sums {
        let row = &mut rows[group];
        if is_nothing(row.floats[step]) {
            let sum = sum.finish(&annotator(evaluator, inner, &metric));
            row.set(step, sum.map_or(Cell::Nothing, Cell::Histogram));
        } else {
            annotations::mixed_in_aggregation(&evaluator.notes, inner.pos);
            row.set(step, Cell::Nothing);
        }
    }
}

/// `quantile`: needs all values of a group at once.
fn quantile(
    evaluator: &Evaluator,
    inner: &Node,
    parameters: &[f64],
    grouping: &Grouping,
    grid: Grid,
) -> Result<Vec<Row>, Fault> {
    let rows = evaluator.vector(inner, grid)?;
    let mut groups: Groups<Vec<usize>> = Groups::default();
    let mut key = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        grouping.key(&row.labels, &mut key);
        let place = groups.place(&key, Vec::new);
        groups.all[place].1.push(index);
        if row.histograms.iter().any(Option::is_some) {
            annotations::histogram_ignored(&evaluator.notes, inner.pos, "quantile");
        }
    }
    let mut out = Vec::new();
    let mut values = Vec::new();
    for (labels, members) in groups.all {
        evaluator.control.check()?;
        let mut row = Row::new(labels, grid.count);
        row.drop_name = members.iter().any(|&index| rows[index].drop_name);
        for step in 0..grid.count {
            values.clear();
            values.extend(members.iter().map(|&index| rows[index].floats[step]).filter(|&value| !is_nothing(value)));
            if !values.is_empty() {
                row.floats[step] = statistics::quantile(parameters[step], &mut values);
            }
        }
        out.push(row);
    }
    out.retain(|row| !row.is_empty());
    evaluator.budget.release(count(&rows));
    Ok(out)
}

/// `count_values`: how often each value occurs, the value being a label.
fn count_values(
    evaluator: &Evaluator,
    inner: &Node,
    label: &str,
    labels: &[String],
    without: bool,
    grid: Grid,
) -> Result<Value, Fault> {
    let names = &evaluator.names;
    let mut grouping = Grouping::new(names, labels, without);
    let label = names.intern(label);
    if !without {
        grouping.names.push(label);
    }
    let rows = evaluator.vector(inner, grid)?;
    let mut groups: Groups<Vec<f64>> = Groups::default();
    let (mut key, mut with_value) = (Vec::new(), Vec::new());
    for row in &rows {
        evaluator.control.check()?;
        let mut last: Option<(u64, usize)> = None;
        for step in 0..grid.count {
            let text = match row.cell(step) {
                Cell::Nothing => continue,
                Cell::Float(value) => {
                    if let Some((bits, place)) = last
                        && bits == value.to_bits()
                    {
                        groups.all[place].1[step] += 1.0;
                        continue;
                    }
                    last = None;
                    go_float(value)
                }
                Cell::Histogram(histogram) => histogram::encode::text(&histogram),
            };
            with_value.clear();
            with_value.extend_from_slice(&row.labels);
            names.set(&mut with_value, label, names.intern(&text));
            grouping.key(&with_value, &mut key);
            let known = groups.all.len();
            let place = groups.place(&key, || vec![0.0; grid.count]);
            if place == known {
                evaluator.budget.hold(grid.count)?;
            }
            groups.all[place].1[step] += 1.0;
            if let Cell::Float(value) = row.cell(step) {
                last = Some((value.to_bits(), place));
            }
        }
    }
    evaluator.budget.release(count(&rows) + groups.all.len() * grid.count);
    let row = |(labels, counts): (SeriesLabels, Vec<f64>)| {
        let floats = counts.into_iter().map(|count| if count > 0.0 { count } else { NOTHING }).collect();
        Row { labels, drop_name: false, floats, histograms: Vec::new() }
    };
    Ok(Value::Vector(groups.all.into_iter().map(row).collect()))
}
