//! Which selectors see that a histogram comes after a counter reset.
//!
//! As in Prometheus, only those see it of whose histograms nothing but count and sum is used. The others get "unknown" for
//! it, and functions on counters look for resets in the counts themselves.

use crate::plan::{Expr, Node, Program};
use crate::source::Samples;
use nexus_series::histogram::{Histogram, ResetHint};
use std::sync::Arc;

/// For each selector: does it see resets?
pub fn seeing(program: &Program) -> Vec<bool> {
    let mut seen = vec![None; program.selectors.len()];
    walk(&program.root, Some(false), &mut seen);
    seen.into_iter().map(|one| one == Some(true)).collect()
}

/// `totals`: only count and sum are used of what is below (true), or it is not known yet (false); none: buckets are used.
fn walk(node: &Node, totals: Option<bool>, seen: &mut [Option<bool>]) {
    match &node.expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector { selector, .. } | Expr::Matrix { selector, .. } => {
            if let Some(one) = seen.get_mut(*selector) {
                *one = Some(one.unwrap_or(true) && totals == Some(true));
            }
        }
        Expr::Subquery { inner, .. } => walk(inner, None, seen),
        Expr::Call { function, arguments, .. } => {
            let totals = match function.as_str() {
                "histogram_count" | "histogram_sum" | "histogram_avg" => totals.map(|_| true),
                "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => None,
                _ => totals,
            };
            for one in arguments {
                walk(one, totals, seen);
            }
        }
        Expr::Aggregate { inner, parameter, .. } => {
            walk(inner, totals, seen);
            if let Some(parameter) = parameter {
                walk(parameter, totals, seen);
            }
        }
        Expr::Binary { op, left, right, .. } => {
            let totals = totals.filter(|_| op != "</" && op != ">/");
            walk(left, totals, seen);
            walk(right, totals, seen);
        }
        Expr::Negate(inner) => walk(inner, totals, seen),
    }
}

/// Settles what the histograms of a series say about resets. With `seen`, each is compared with the one before it unless it
/// knows itself, and loses its buckets, of which nothing is used then; else resets become unknown. Samples before `from` are
/// there to compare the first with, which may turn out not to be reset, but not to be: they go.
pub fn settle(samples: &mut Samples, seen: bool, from: i64) {
    for index in 0..samples.histograms.len() {
        let (time, one) = &samples.histograms[index];
        let hint = match (one.hint, index.checked_sub(1).map(|before| &samples.histograms[before])) {
            (ResetHint::Reset, _) if !seen => ResetHint::Unknown,
            (ResetHint::Unknown, Some((before_at, before))) if seen => match one.hint_after(before) {
                ResetHint::Reset if *before_at < from && *time >= from => ResetHint::Unknown,
                hint => hint,
            },
            (hint, _) => hint,
        };
        if hint != one.hint {
            samples.histograms[index].1 = Arc::new(Histogram { hint, ..(**one).clone() });
        }
    }
    if seen {
        let floats = samples.timestamps.partition_point(|time| *time < from);
        samples.timestamps.drain(..floats);
        samples.values.drain(..floats);
        samples.starts.drop_front(floats);
        let histograms = samples.histograms.partition_point(|(time, _)| *time < from);
        samples.histograms.drain(..histograms);
        samples.histogram_starts.drop_front(histograms);
        for (_, one) in &mut samples.histograms {
            let (schema, count, sum, hint) = (one.schema, one.count, one.sum, one.hint);
            *one = Arc::new(Histogram { schema, count, sum, hint, ..Histogram::default() });
        }
    }
}
