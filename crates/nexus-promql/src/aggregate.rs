//! Aggregations: rows fall into groups by their labels, cells are folded step by step.

use crate::annotations;
use crate::control::Fault;
use crate::encode::go_float;
use crate::evaluate::{Evaluator, count};
use crate::folding::{Columns, Folded, Kind};
use crate::histogram;
use crate::histogram::aggregate::HistogramAccumulator;
use crate::kernels::statistics;
use crate::labels::{Names, is_name};
use crate::plan::{Expr, Node};
use crate::ranking;
use crate::source::SeriesLabels;
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
    let mut stream = evaluator.rows(inner, grid)?;
    if matches!(kind, Kind::Stddev | Kind::Stdvar) {
        stream = stream.in_order(evaluator, grid.count)?;
    }
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
    evaluator.budget.release(count(stream.present()));
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
    add_histograms(evaluator, inner, kind, &pending, &mut rows);
    rows.retain(|row| !row.is_empty());
    Ok(rows)
}

/// Adds histograms to the rows of their groups; where a group has floats, too, there is no result.
fn add_histograms(evaluator: &Evaluator, inner: &Node, kind: Kind, pending: &[Pending], rows: &mut [Row]) {
    fn annotator<'a>(evaluator: &'a Evaluator, inner: &Node, metric: &'a str) -> Annotator<'a> {
        Annotator { notes: &evaluator.notes, position: inner.pos, metric }
    }
    let mut sums: HashMap<(usize, usize), (HistogramAccumulator, String), foldhash::fast::RandomState> =
        HashMap::default();
    for one in pending {
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
        for (step, &parameter) in parameters.iter().enumerate() {
            values.clear();
            values.extend(members.iter().map(|&index| rows[index].floats[step]).filter(|&value| !is_nothing(value)));
            if !values.is_empty() {
                row.floats[step] = statistics::quantile(parameter, &mut values);
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
