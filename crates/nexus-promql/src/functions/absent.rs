//! `absent` and `absent_over_time`: 1 where there is nothing, with the labels that the selector asks for.

use crate::control::Fault;
use crate::evaluate::{Evaluator, step_invariant};
use crate::plan::{Expr, Node};
use crate::selector::Leaf;
use crate::source::SeriesLabels;
use crate::stream::Stream;
use crate::value::{Grid, NOTHING, Row, Value};
use crate::window::RangeFunction;
use nexus_series::matcher::Op;
use nexus_series::symbols::Sym;

/// `absent(v)`
pub fn absent(evaluator: &Evaluator, argument: &Node, grid: Grid) -> Result<Value, Fault> {
    let stream = evaluator.rows(argument, grid)?;
    answer(evaluator, argument, &stream, grid)
}

/// `absent_over_time(v[...])`
pub fn absent_over_time(evaluator: &Evaluator, arguments: &[Node], grid: Grid) -> Result<Value, Fault> {
    debug_assert!(grid.count <= 1 || !step_invariant(&arguments[0]));
    let leaf: Leaf = evaluator.range_call(RangeFunction::Absent, arguments, grid)?;
    let mut answer = answer(evaluator, &arguments[0], &Stream::Live(leaf, Vec::new()), grid)?;
    if let Value::Vector(rows) = &mut answer {
        for row in rows {
            row.drop_name = true;
        }
    }
    Ok(answer)
}

fn answer(evaluator: &Evaluator, argument: &Node, stream: &Stream, grid: Grid) -> Result<Value, Fault> {
    let parts = stream.fold(
        evaluator,
        || vec![false; grid.count],
        |there, _, row| {
            there.iter_mut().enumerate().for_each(|(step, there)| *there |= row.has(step));
            Ok(())
        },
    )?;
    evaluator.budget.release(crate::evaluate::count(stream.present()));
    let there = |step: usize| parts.iter().any(|part| part[step]);
    let floats: Vec<f64> = (0..grid.count).map(|step| if there(step) { NOTHING } else { 1.0 }).collect();
    let row = Row { labels: labels(evaluator, argument), drop_name: false, floats, histograms: Vec::new() };
    Ok(Value::Vector(if row.is_empty() { Vec::new() } else { vec![row] }))
}

/// Labels that a selector wants to be equal to one value; those with two matchers are left out.
fn labels(evaluator: &Evaluator, node: &Node) -> SeriesLabels {
    let (Expr::Vector { selector, .. } | Expr::Matrix { selector, .. }) = &node.expr else {
        return SeriesLabels::from([]);
    };
    let names = &evaluator.names;
    let mut labels = Vec::new();
    let mut known: Vec<Sym> = Vec::new();
    for matcher in &evaluator.program.selectors[*selector].matchers {
        let name = names.intern(&matcher.name);
        if name == names.name {
            continue;
        }
        if matcher.op == Op::Equal && !known.contains(&name) {
            names.set(&mut labels, name, names.intern(&matcher.value));
            known.push(name);
        } else {
            names.set(&mut labels, name, Sym(0));
        }
    }
    labels.into()
}
