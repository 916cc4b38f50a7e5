//! Sorting of instant vectors.

use super::Call;
use crate::annotations;
use crate::control::Fault;
use crate::kernels::statistics::nan_first;
use crate::value::{Row, Value, is_nothing};
use std::cmp::Ordering;

fn noted(call: &Call) {
    if call.ranged {
        annotations::sort_in_range(call.notes, call.position);
    }
}

/// Sorts by value; NaN is last both ways, histograms are left out.
fn by_value(call: &mut Call, descending: bool) -> Value {
    noted(call);
    let mut rows = call.vector(0);
    for row in &mut rows {
        row.histograms.clear();
    }
    rows.retain(|row| !row.is_empty());
    if call.grid.count == 1 {
        rows.sort_by(|left, right| {
            let (left, right) = (left.floats[0], right.floats[0]);
            debug_assert!(!is_nothing(left) && !is_nothing(right));
            let order = nan_first(&left, &right);
            if descending || left.is_nan() || right.is_nan() { order.reverse() } else { order }
        });
    }
    Value::Vector(rows)
}

/// `sort(v)`
pub fn sort(call: &mut Call) -> Result<Value, Fault> {
    Ok(by_value(call, false))
}

/// `sort_desc(v)`
pub fn sort_desc(call: &mut Call) -> Result<Value, Fault> {
    Ok(by_value(call, true))
}

fn by_label(call: &mut Call, descending: bool) -> Value {
    noted(call);
    let mut rows = call.vector(0);
    let names = call.names;
    let labels: Vec<_> = (1..call.arguments.len()).map(|index| names.intern(call.text(index))).collect();
    let compare = |left: &Row, right: &Row| {
        labels
            .iter()
            .map(|&label| natural(names.value(&left.labels, label), names.value(&right.labels, label)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| names.compare(&left.labels, &right.labels))
    };
    rows.sort_by(|left, right| if descending { compare(right, left) } else { compare(left, right) });
    Value::Vector(rows)
}

/// `sort_by_label(v, label, ...)`
pub fn sort_by_label(call: &mut Call) -> Result<Value, Fault> {
    Ok(by_label(call, false))
}

/// `sort_by_label_desc(v, label, ...)`
pub fn sort_by_label_desc(call: &mut Call) -> Result<Value, Fault> {
    Ok(by_label(call, true))
}

/// Natural order: runs of digits compare as numbers, everything else as text.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    while !left_rest.is_empty() && !right_rest.is_empty() {
        let ((a, after_a), (b, after_b)) = (run(left_rest), run(right_rest));
        let order = match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
        (left_rest, right_rest) = (after_a, after_b);
    }
    left_rest.len().cmp(&right_rest.len()).then_with(|| left.cmp(right))
}

/// The digits, or what is none, at the start of a text, and the rest.
fn run(text: &str) -> (&str, &str) {
    let digits = text.as_bytes()[0].is_ascii_digit();
    let end = text.bytes().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_compare_as_numbers() {
        let mut texts = ["cpu10", "cpu9", "cpu", "10", "9", "a1b2", "a1b10", ""];
        texts.sort_by(|left, right| natural(left, right));
        assert_eq!(texts, ["", "9", "10", "a1b2", "a1b10", "cpu", "cpu9", "cpu10"]);
    }
}
