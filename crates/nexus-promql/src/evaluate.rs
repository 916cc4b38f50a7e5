//! Runs a program: walks the expression, evaluates every node over the grid of steps.

use crate::aggregate;
use crate::annotations::{self, Notes};
use crate::binary::{self, BinaryOp};
use crate::control::{Budget, Control, Fault};
use crate::encode::{self, Answer};
use crate::functions::{self, Call, Function};
use crate::histogram;
use crate::labels::Names;
use crate::matching;
use crate::merge;
use crate::plan::{Expr, Extension, Node, Program, Shift};
use crate::selector::{Leaf, Origin, Reading};
use crate::source::{Samples, Source};
use crate::stream::{Stage, Stream};
use crate::value::{Grid, Row, Value, is_nothing};
use crate::window::RangeFunction;
use std::sync::Arc;

/// Everything that is the same for all nodes of a query. Shared by threads.
pub struct Evaluator<'a> {
    /// The program.
    pub program: &'a Program,
    /// Where series come from.
    pub source: &'a dyn Source,
    /// Deadline and cancellation.
    pub control: &'a Control,
    /// Samples in memory.
    pub budget: Budget,
    /// Texts of labels.
    pub names: Names<'a>,
    /// Warnings and infos.
    pub notes: Notes,
    /// For each selector: do its histograms say that they come after a reset?
    pub sees_resets: Vec<bool>,
}

/// Runs a program over a source.
pub fn evaluate(program: &Program, source: &dyn Source, control: &Control) -> Result<Answer, Fault> {
    let evaluator = Evaluator {
        program,
        source,
        control,
        budget: Budget::new(program.max_samples),
        names: Names::new(source.symbols()),
        notes: Notes::default(),
        sees_resets: histogram::hints::seeing(program),
    };
    let instant = program.step == 0;
    let grid =
        if instant { Grid::instant(program.start) } else { Grid::range(program.start, program.end, program.step) };
    let value = evaluator.root(&program.root, grid, instant)?;
    let value = merge::finish(&evaluator, value, instant)?;
    control.check()?;
    let data = encode::encode(&evaluator, &value, grid, instant);
    for note in source.notes() {
        if note.warning {
            evaluator.notes.warn(note.position, note.text);
        } else {
            evaluator.notes.info(note.position, note.text);
        }
    }
    let (warnings, infos) = evaluator.notes.texts(&program.text);
    let (samples, read, peak) = evaluator.budget.totals();
    Ok(Answer { data, warnings, infos, samples, peak, read })
}

/// Functions whose value depends on the step's time even when their arguments do not.
const OF_THE_STEP: [&str; 12] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
    "start_timestamp",
];

/// Is the value the same at every step?
pub fn step_invariant(node: &Node) -> bool {
    match &node.expr {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Vector { shift, .. } | Expr::Matrix { shift, .. } | Expr::Subquery { shift, .. } => shift.at.is_some(),
        Expr::Call { function, arguments, .. } => {
            let pinned = |node: &Node| matches!(node.expr, Expr::Vector { .. }) && step_invariant(node);
            (!OF_THE_STEP.contains(&function.as_str()) && arguments.iter().all(step_invariant))
                || (function == "timestamp" && arguments.first().is_some_and(pinned))
        }
        Expr::Aggregate { inner, .. } | Expr::Negate(inner) => step_invariant(inner),
        Expr::Binary { left, right, .. } => step_invariant(left) && step_invariant(right),
    }
}

/// Is the value one number for each step?
pub fn is_scalar(node: &Node) -> bool {
    match &node.expr {
        Expr::Number(_) => true,
        Expr::Call { function, .. } => matches!(function.as_str(), "time" | "pi" | "scalar" | "min_of" | "max_of"),
        Expr::Binary { left, right, .. } => is_scalar(left) && is_scalar(right),
        Expr::Negate(inner) => is_scalar(inner),
        _ => false,
    }
}

/// A number as the program has it.
pub fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap_or(f64::NAN),
    }
}

impl Evaluator<'_> {
    /// Reads samples; a source's fault is one of the execution.
    pub fn read(&self, selector: usize, series: usize, from: i64, to: i64, into: &mut Samples) -> Result<(), Fault> {
        let seen = self.sees_resets[selector];
        let early = if seen { from.saturating_sub(self.program.lookback) } else { from };
        self.source
            .read(selector, series, early, to, into)
            .map_err(|fault| Fault::Execution(format!("expanding series: {}", fault.0)))?;
        histogram::hints::settle(into, seen, from);
        Ok(())
    }

    /// The root: in an instant query, it may be a range vector.
    fn root(&self, node: &Node, grid: Grid, instant: bool) -> Result<Value, Fault> {
        match &node.expr {
            Expr::Matrix { range, .. } | Expr::Subquery { range, .. } if instant => {
                let leaf = self.range_leaf(node, grid, RangeFunction::Last, Vec::new(), None)?;
                Ok(Value::Matrix(leaf.points(self, *range)?))
            }
            _ => self.evaluate(node, grid),
        }
    }

    /// Evaluates a node over a grid.
    pub fn evaluate(&self, node: &Node, grid: Grid) -> Result<Value, Fault> {
        self.control.check()?;
        if grid.count == 0 {
            return Ok(if is_scalar(node) { Value::Scalar(Vec::new()) } else { Value::Vector(Vec::new()) });
        }
        match &node.expr {
            Expr::Number(text) => return Ok(Value::Scalar(vec![number(text); grid.count])),
            Expr::String(text) => return Ok(Value::String(text.clone())),
            _ => {}
        }
        if grid.count > 1 && step_invariant(node) {
            let before = self.budget.looked_at();
            let once = self.evaluate(node, Grid { count: 1, ..grid })?;
            self.budget.set_looked_at(before + (self.budget.looked_at() - before) * grid.count as u64);
            return self.repeated(once, grid);
        }
        if let Some(stream) = self.stream(node, grid)? {
            return Ok(Value::Vector(stream.collect(self)?));
        }
        match &node.expr {
            Expr::Call { function, arguments, info } => match info {
                Some(info) => functions::info::info(self, &arguments[0], info, grid),
                None => self.call(node, function, arguments, grid),
            },
            Expr::Aggregate { .. } => aggregate::aggregate(self, node, grid),
            Expr::Binary { op, left, right, return_bool, matching } => {
                let operator = BinaryOp::of(op);
                if is_scalar(left) && is_scalar(right) {
                    let (mut left, right) = (self.scalar(left, grid)?, self.scalar(right, grid)?);
                    let operator = operator.unwrap_or(BinaryOp::Add);
                    left.iter_mut().zip(right).for_each(|(left, right)| *left = operator.scalars(*left, right));
                    return Ok(Value::Scalar(left));
                }
                let rows = (self.vector(left, grid)?, self.vector(right, grid)?);
                let held = count(&rows.0) + count(&rows.1);
                let matching = matching.clone().unwrap_or_default();
                let rows = match operator {
                    Some(operator) => {
                        matching::arithmetic(self, node.pos, operator, *return_bool, &matching, rows.0, rows.1, grid)?
                    }
                    None => matching::sets(self, op, &matching, rows.0, rows.1, grid)?,
                };
                self.budget.hold(count(&rows))?;
                self.budget.release(held);
                Ok(Value::Vector(rows))
            }
            Expr::Negate(inner) => {
                let mut values = self.scalar(inner, grid)?;
                for value in &mut values {
                    *value = -*value;
                }
                Ok(Value::Scalar(values))
            }
            Expr::Matrix { .. } | Expr::Subquery { .. } => {
                Err(Fault::Execution("a range vector has no value here".into()))
            }
            _ => unreachable!("vectors are streams, numbers and texts are answered above"),
        }
    }

    /// The value of one step for all steps.
    fn repeated(&self, value: Value, grid: Grid) -> Result<Value, Fault> {
        let repeat = |values: Vec<f64>| vec![values[0]; grid.count];
        Ok(match value {
            Value::Scalar(values) => Value::Scalar(repeat(values)),
            Value::Vector(rows) => {
                self.budget.hold(rows.len() * (grid.count - 1))?;
                let longer = |row: Row| Row {
                    floats: repeat(row.floats),
                    histograms: row.histograms.first().map(|one| vec![one.clone(); grid.count]).unwrap_or_default(),
                    ..row
                };
                Value::Vector(rows.into_iter().map(longer).collect())
            }
            other => other,
        })
    }

    /// A node that is a vector.
    pub fn vector(&self, node: &Node, grid: Grid) -> Result<Vec<Row>, Fault> {
        match self.evaluate(node, grid)? {
            Value::Vector(rows) => Ok(rows),
            _ => Err(Fault::Execution("expected an instant vector".into())),
        }
    }

    /// A node that is a scalar.
    pub fn scalar(&self, node: &Node, grid: Grid) -> Result<Vec<f64>, Fault> {
        match self.evaluate(node, grid)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(Fault::Execution("expected a scalar".into())),
        }
    }

    /// Rows of a vector, made one at a time where that is possible.
    pub fn rows(&self, node: &Node, grid: Grid) -> Result<Stream<'_>, Fault> {
        match self.stream(node, grid)? {
            Some(stream) => Ok(stream),
            None => Ok(Stream::Rows(self.vector(node, grid)?)),
        }
    }

    /// The stream of a node whose rows can be made one at a time.
    fn stream(&self, node: &Node, grid: Grid) -> Result<Option<Stream<'_>>, Fault> {
        if grid.count == 0 || (grid.count > 1 && step_invariant(node)) {
            return Ok(None);
        }
        let leaf = |leaf| Ok(Some(Stream::Live(leaf, Vec::new())));
        match &node.expr {
            Expr::Vector { .. } => leaf(instant_leaf(node, grid, Reading::Value)?),
            Expr::Negate(inner) if !is_scalar(inner) => self.staged(inner, grid, Box::new(negate)),
            Expr::Binary { op, left, right, return_bool, .. } if is_scalar(left) != is_scalar(right) => {
                let Some(operator) = BinaryOp::of(op) else { return Ok(None) };
                let swapped = is_scalar(left);
                let (vector, scalar) = if swapped { (right, left) } else { (left, right) };
                let scalar = self.scalar(scalar, grid)?;
                let (return_bool, position) = (*return_bool, node.pos);
                let notes = &self.notes;
                self.staged(
                    vector,
                    grid,
                    Box::new(move |row| {
                        binary::with_scalar(operator, return_bool, swapped, &scalar, row, notes, position);
                    }),
                )
            }
            Expr::Call { function, arguments, info: None } => match functions::lookup(function) {
                Some(Function::Range(function)) if function != RangeFunction::Absent => {
                    leaf(self.range_call(function, arguments, grid)?)
                }
                Some(Function::Map(map)) if !arguments.is_empty() => {
                    let scalars: Result<Vec<_>, _> = arguments[1..].iter().map(|one| self.scalar(one, grid)).collect();
                    let scalars = scalars?;
                    self.staged(&arguments[0], grid, Box::new(move |row| functions::maps::apply(map, &scalars, row)))
                }
                _ if function == "timestamp" && matches!(arguments[0].expr, Expr::Vector { .. }) => {
                    leaf(instant_leaf(&arguments[0], grid, Reading::Time)?)
                }
                _ if function == "start_timestamp" && matches!(arguments[0].expr, Expr::Vector { .. }) => {
                    leaf(instant_leaf(&arguments[0], grid, Reading::Start)?)
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The rows of a node with one more stage.
    fn staged<'s>(&'s self, node: &Node, grid: Grid, stage: Stage<'s>) -> Result<Option<Stream<'s>>, Fault> {
        if let Some(Stream::Live(leaf, mut stages)) = self.stream(node, grid)? {
            stages.push(stage);
            return Ok(Some(Stream::Live(leaf, stages)));
        }
        let mut rows = self.vector(node, grid)?;
        for row in &mut rows {
            stage(row);
        }
        rows.retain(|row| !row.is_empty());
        Ok(Some(Stream::Rows(rows)))
    }

    /// The leaf of a range vector: a selector, or a subquery, which is evaluated.
    pub fn range_leaf(
        &self,
        node: &Node,
        grid: Grid,
        function: RangeFunction,
        parameters: Vec<Vec<f64>>,
        invalid: Option<String>,
    ) -> Result<Leaf, Fault> {
        let mut position = node.pos;
        let (origin, range, shift, extension) = match &node.expr {
            Expr::Matrix { selector, range, shift, extension } => {
                (Origin::Selector(*selector), *range, *shift, *extension)
            }
            Expr::Subquery { inner, range, step, shift } => {
                let steps = subquery_grid(grid, *range, *step, *shift);
                // Prometheus notes the start of the query for what is wrong with a subquery.
                position = (0, node.pos.1);
                let before = self.budget.looked_at();
                let rows = self.vector_or_scalar(inner, steps)?;
                self.budget.set_looked_at(before);
                (Origin::Subquery(rows, steps), *range, *shift, Extension::None)
            }
            _ => return Err(Fault::Execution("expected a range vector".into())),
        };
        let reading = Reading::Range { function, range, parameters, invalid };
        Ok(Leaf { origin, reading, shift, extension, grid, position, parameter: node.pos })
    }

    /// A subquery's inner expression may be a scalar: one series without labels.
    fn vector_or_scalar(&self, node: &Node, grid: Grid) -> Result<Vec<Row>, Fault> {
        match self.evaluate(node, grid)? {
            Value::Vector(rows) => Ok(rows),
            Value::Scalar(floats) if !floats.is_empty() => {
                Ok(vec![Row { labels: Arc::from([]), drop_name: false, floats, histograms: Vec::new() }])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The leaf of a function on a range vector.
    pub fn range_call(&self, function: RangeFunction, arguments: &[Node], grid: Grid) -> Result<Leaf, Fault> {
        let is_range = |node: &Node| matches!(node.expr, Expr::Matrix { .. } | Expr::Subquery { .. });
        let Some(at) = arguments.iter().position(is_range) else {
            return Err(Fault::Execution("expected a range vector".into()));
        };
        let mut parameters = Vec::new();
        for (index, argument) in arguments.iter().enumerate() {
            if index != at {
                parameters.push(self.scalar(argument, grid)?);
            }
        }
        if let Expr::Matrix { extension, .. } = &arguments[at].expr {
            functions::extension_allowed(function, *extension).map_err(Fault::Execution)?;
        }
        let invalid = functions::invalid_parameters(function, &parameters);
        let leaf = self.range_leaf(&arguments[at], grid, function, parameters, invalid)?;
        Ok(Leaf { parameter: arguments[0].pos, ..leaf })
    }

    /// Notes that a counter's function is used on what might be none, and quantiles that are none.
    pub fn note_range(&self, leaf: &Leaf, row: &Row) {
        let Reading::Range { function, parameters, .. } = &leaf.reading else { return };
        match function {
            RangeFunction::Rate | RangeFunction::Increase => {
                let metric = self.names.metric(&row.labels);
                let counter = ["_total", "_sum", "_count", "_bucket"].iter().any(|end| metric.ends_with(end));
                if !counter && !metric.is_empty() && row.floats.iter().any(|&value| !is_nothing(value)) {
                    annotations::possible_non_counter(&self.notes, leaf.position, metric);
                }
            }
            RangeFunction::Quantile => {
                for (&quantile, &value) in parameters[0].iter().zip(&row.floats) {
                    if !(0.0..=1.0).contains(&quantile) && !is_nothing(value) {
                        annotations::invalid_quantile(&self.notes, leaf.parameter, quantile);
                    }
                }
            }
            _ => {}
        }
    }

    /// A function that works on whole values.
    fn call(&self, node: &Node, name: &str, arguments: &[Node], grid: Grid) -> Result<Value, Fault> {
        match name {
            "absent" => return functions::absent::absent(self, &arguments[0], grid),
            "absent_over_time" => return functions::absent::absent_over_time(self, arguments, grid),
            _ => {}
        }
        let mut call = Call {
            names: &self.names,
            grid,
            notes: &self.notes,
            control: self.control,
            budget: &self.budget,
            position: node.pos,
            positions: arguments.iter().map(|argument| argument.pos).collect(),
            ranged: grid.count > 1
                || (grid.start == self.program.start
                    && self.program.start != self.program.end
                    && !step_invariant(node)),
            arguments: Vec::with_capacity(arguments.len()),
        };
        for argument in arguments {
            call.arguments.push(self.evaluate(argument, grid)?);
        }
        match functions::lookup(name) {
            Some(Function::Vector(function)) => function(&mut call),
            Some(Function::Map(map)) => functions::maps::of_time(map, &call),
            _ => Err(Fault::Execution(format!("unknown function with name {}", annotations::quoted(name)))),
        }
    }
}

/// The leaf of a selector.
fn instant_leaf(node: &Node, grid: Grid, reading: Reading) -> Result<Leaf, Fault> {
    let Expr::Vector { selector, shift, extension } = &node.expr else {
        return Err(Fault::Execution("expected a selector".into()));
    };
    if *extension == Extension::Anchored {
        return Err(Fault::Execution("anchored modifier can only be used with range vectors".into()));
    }
    let origin = Origin::Selector(*selector);
    let (shift, extension) = (*shift, *extension);
    Ok(Leaf { origin, reading, shift, extension, grid, position: node.pos, parameter: node.pos })
}

/// Steps of a subquery: absolute multiples of its own step, from the start of the first window to the end of the last.
fn subquery_grid(grid: Grid, range: i64, step: i64, shift: Shift) -> Grid {
    let (first, last) = shift.at.map_or((grid.start, grid.end()), |at| (at, at));
    let before = first - shift.offset - range;
    let mut start = step * (before / step);
    if start <= before {
        start += step;
    }
    Grid::range(start, last - shift.offset, step)
}

/// What rows count for against the limit of samples.
pub fn count(rows: &[Row]) -> usize {
    rows.iter().map(Row::weight).sum()
}

/// Unary minus.
fn negate(row: &mut Row) {
    row.drop_name = true;
    row.floats.iter_mut().filter(|value| !is_nothing(**value)).for_each(|value| *value = -*value);
    for histogram in row.histograms.iter_mut().flatten() {
        *histogram = Arc::new(histogram::arithmetic::scale(histogram, -1.0));
    }
}
