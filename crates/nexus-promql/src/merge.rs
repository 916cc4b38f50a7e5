//! Rows with equal labels become one; names that functions dropped go in the end.

use crate::control::Fault;
use crate::evaluate::Evaluator;
use crate::source::SeriesLabels;
use crate::value::{Cell, Row, Value};
use hashbrown::HashMap;

/// What Prometheus says where two samples have the same labels at the same time.
pub const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

/// Makes rows with equal labels one row, in the place of the first. Two samples at a step are a fault. Whether its name is
/// dropped says the row that has the earliest sample, as in Prometheus, where a series begins with its first step.
pub fn same_labels(rows: Vec<Row>) -> Result<Vec<Row>, Fault> {
    if rows.len() < 2 {
        return Ok(rows);
    }
    let mut places: HashMap<SeriesLabels, usize, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(rows.len(), foldhash::fast::RandomState::default());
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let place = *places.entry(row.labels.clone()).or_insert(out.len());
        if place == out.len() {
            out.push(row);
            continue;
        }
        let into = &mut out[place];
        if row.drop_name != into.drop_name && row.first() < into.first() {
            into.drop_name = row.drop_name;
        }
        for step in 0..row.floats.len() {
            let cell = row.cell(step);
            if cell == Cell::Nothing {
                continue;
            }
            if into.has(step) {
                return Err(Fault::Execution(SAME_LABELS.into()));
            }
            into.set(step, cell);
        }
    }
    Ok(out)
}

/// Drops names, checks that labels are unique, and orders the answer of a range query by labels.
pub fn finish(evaluator: &Evaluator, value: Value, instant: bool) -> Result<Value, Fault> {
    let names = &evaluator.names;
    Ok(match value {
        Value::Vector(mut rows) => {
            for row in rows.iter_mut().filter(|row| row.drop_name) {
                row.labels = names.without_name(&row.labels);
            }
            let mut rows = same_labels(rows)?;
            if !instant {
                rows.sort_by(|left, right| names.compare(&left.labels, &right.labels));
            }
            Value::Vector(rows)
        }
        Value::Matrix(mut all) => {
            for one in all.iter_mut().filter(|one| one.drop_name) {
                one.labels = names.without_name(&one.labels);
            }
            all.sort_by(|left, right| names.compare(&left.labels, &right.labels));
            if all.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
                return Err(Fault::Execution(SAME_LABELS.into()));
            }
            Value::Matrix(all)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [Option<f64>; 3], drop_name: bool) -> Row {
        let mut row = Row { drop_name, ..Row::new([].into(), 3) };
        for (step, value) in values.into_iter().enumerate() {
            row.set(step, value.map_or(Cell::Nothing, Cell::Float));
        }
        row
    }

    #[test]
    fn the_earliest_sample_says_whether_the_name_goes() {
        let late = row([None, Some(1.0), None], false);
        let early = row([Some(2.0), None, None], true);
        for rows in [vec![late.clone(), early.clone()], vec![early, late]] {
            let merged = same_labels(rows).unwrap();
            assert_eq!(merged.len(), 1);
            assert!(merged[0].drop_name);
            assert_eq!(merged[0].floats[..2], [2.0, 1.0]);
        }
    }

    #[test]
    fn two_samples_at_a_step_are_a_fault() {
        let one = row([Some(1.0), None, None], false);
        assert!(same_labels(vec![one.clone(), one]).is_err());
    }
}
