//! Binary operators with a histogram on at least one side.

use super::Doing;
use crate::annotations::{Notes, Position, incompatible_types};
use crate::binary::BinaryOp;
use crate::value::{Cell, SharedHistogram};
use nexus_series::histogram::{Histogram, ResetHint};
use std::sync::Arc;

/// What an operator makes of two values; nothing, with a note where it is due, when they do not go together or a comparison
/// that filters does not hold.
pub fn apply(op: BinaryOp, left: &Cell, right: &Cell, return_bool: bool, notes: &Notes, position: Position) -> Cell {
    let incompatible = |left: &str, right: &str| {
        incompatible_types(notes, position, left, op.text(), right);
        Cell::Nothing
    };
    match (left, right) {
        (Cell::Histogram(left), Cell::Histogram(right)) => match op {
            BinaryOp::Add | BinaryOp::Sub => combined(op, left, right, notes, position).map_or(Cell::Nothing, of),
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let holds = left.same(right) == (op == BinaryOp::Equal);
                match (return_bool, holds) {
                    (true, _) => Cell::Float(f64::from(u8::from(holds))),
                    (false, true) => Cell::Histogram(Arc::clone(left)),
                    (false, false) => Cell::Nothing,
                }
            }
            _ => incompatible("histogram", "histogram"),
        },
        (Cell::Histogram(left), Cell::Float(right)) => {
            with_number(op, left, *right).map_or_else(|| incompatible("histogram", "float"), of)
        }
        (Cell::Float(left), Cell::Histogram(right)) if op == BinaryOp::Mul => {
            with_number(op, right, *left).map_or(Cell::Nothing, of)
        }
        (Cell::Float(_), Cell::Histogram(_)) => incompatible("float", "histogram"),
        _ => Cell::Nothing,
    }
}

fn of(value: Histogram) -> Cell {
    Cell::Histogram(Arc::new(value))
}

fn with_number(op: BinaryOp, one: &Histogram, number: f64) -> Option<Histogram> {
    let mut value = one.clone();
    match op {
        BinaryOp::Mul => value.scale(number),
        BinaryOp::Div => value.divide(number),
        BinaryOp::TrimUpper => value.trim(number, true),
        BinaryOp::TrimLower => value.trim(number, false),
        _ => return None,
    }
    if matches!(op, BinaryOp::Mul | BinaryOp::Div) {
        value.compact();
    }
    Some(value)
}

/// A sum or difference. Hints that contradict each other leave nothing.
fn combined(
    op: BinaryOp,
    left: &SharedHistogram,
    right: &SharedHistogram,
    notes: &Notes,
    position: Position,
) -> Option<Histogram> {
    let mut value = (**left).clone();
    let (outcome, doing) = if op == BinaryOp::Add {
        (value.add(right), Doing::Addition)
    } else {
        (value.subtract(right), Doing::Subtraction)
    };
    let Ok(added) = outcome else {
        notes.warn(position, format!("incompatible bucket layout encountered for binary operator {}", op.text()));
        return None;
    };
    if added.reset_collision {
        notes.warn(position, doing.collision());
        return None;
    }
    if added.bounds_reconciled {
        notes.info(position, doing.reconciled());
    }
    if op == BinaryOp::Sub {
        value.hint = ResetHint::Gauge;
    }
    value.compact();
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_on_histograms() {
        let notes = Notes::default();
        let one = Cell::Histogram(Arc::new(Histogram { count: 2.0, sum: 6.0, ..Histogram::default() }));
        let apply = |op, left: &Cell, right: &Cell| apply(op, left, right, false, &notes, (0, 1));
        let count = |cell: Cell| if let Cell::Histogram(value) = cell { Some(value.count) } else { None };
        assert_eq!(count(apply(BinaryOp::Add, &one, &one)), Some(4.0));
        assert_eq!(count(apply(BinaryOp::Sub, &one, &one)), Some(0.0));
        assert_eq!(count(apply(BinaryOp::Mul, &Cell::Float(3.0), &one)), Some(6.0));
        assert_eq!(count(apply(BinaryOp::Div, &one, &Cell::Float(2.0))), Some(1.0));
        assert_eq!(apply(BinaryOp::NotEqual, &one, &one), Cell::Nothing);
        assert_eq!(notes.texts("a"), (vec![], vec![]));
        assert_eq!(apply(BinaryOp::Div, &Cell::Float(2.0), &one), Cell::Nothing);
        let text =
            "PromQL info: incompatible sample types encountered for binary operator \"/\": float / histogram (1:1)";
        assert_eq!(notes.texts("a").1, [text]);
    }
}
