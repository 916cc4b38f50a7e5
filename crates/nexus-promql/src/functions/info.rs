//! `info()`: adds labels of info series (`target_info`) to series of the same `instance` and `job`.

use crate::control::Fault;
use crate::evaluate::{Evaluator, count};
use crate::labels::find;
use crate::merge;
use crate::plan::{Expr, InfoSelector, Node, Shift};
use crate::source::{Samples, SeriesLabels};
use crate::value::{Cell, Grid, Row, Value};
use hashbrown::HashMap;
use nexus_series::is_stale;
use nexus_series::matcher::{Matcher, MatcherSpec, Op};
use nexus_series::symbols::{Label, Sym};

/// An info series: for each step, the time of its sample, if it has one.
struct Info {
    labels: SeriesLabels,
    name: Sym,
    times: Vec<Option<i64>>,
}

/// Evaluates `info(v, selector)`.
pub fn info(evaluator: &Evaluator, argument: &Node, selector: &InfoSelector, grid: Grid) -> Result<Value, Fault> {
    let names = &evaluator.names;
    let rows = evaluator.vector(argument, grid)?;
    let held = count(&rows);
    let compiled = |spec: &MatcherSpec| Matcher::new(spec).map_err(Fault::Execution);
    let mut name_matchers = Vec::new();
    let mut data: Vec<(Sym, Matcher)> = Vec::new();
    for spec in &selector.matchers {
        if spec.name == nexus_series::NAME {
            name_matchers.push(compiled(spec)?);
        } else {
            data.push((names.intern(&spec.name), compiled(spec)?));
        }
    }
    if !name_matchers.iter().any(|one| matches!(one.op, Op::Equal | Op::Matches)) {
        let (op, value) = if name_matchers.is_empty() { (Op::Equal, "target_info") } else { (Op::Matches, ".+_info") };
        name_matchers.push(compiled(&MatcherSpec { name: nexus_series::NAME.into(), op, value: value.into() })?);
    }
    let identifying = [names.intern("instance"), names.intern("job")];
    let is_info = |labels: &[Label]| name_matchers.iter().all(|one| one.matches(names.metric(labels)));
    let infos = read(evaluator, selector.selector, shift_of(argument), grid)?;
    let mut by_identity: HashMap<[Option<Sym>; 2], Vec<usize>, foldhash::fast::RandomState> = HashMap::default();
    for (index, info) in infos.iter().enumerate() {
        by_identity.entry(identifying.map(|name| find(&info.labels, name))).or_default().push(index);
    }
    let needs_match = data.iter().any(|(_, matcher)| !matcher.matches(""));
    let mut out = Vec::new();
    for row in rows {
        evaluator.control.check()?;
        let identity = identifying.map(|name| find(&row.labels, name));
        if is_info(&row.labels) {
            out.push(row);
            continue;
        }
        let candidates = match identity {
            [None, None] => &[][..],
            identity => by_identity.get(&identity).map_or(&[][..], Vec::as_slice),
        };
        let mut made: Vec<(Vec<usize>, Row)> = Vec::new();
        for step in 0..grid.count {
            let cell = row.cell(step);
            if cell == Cell::Nothing {
                continue;
            }
            let chosen = newest(evaluator, &infos, candidates, step)?;
            if chosen.is_empty() && needs_match {
                continue;
            }
            let known = made.iter().position(|(key, _)| *key == chosen);
            let place = known.unwrap_or(made.len());
            if known.is_none() {
                let labels = enriched(evaluator, &row.labels, &infos, &chosen, &data)?;
                made.push((chosen, Row::new(labels, grid.count)));
            }
            made[place].1.set(step, cell);
        }
        out.extend(made.into_iter().map(|(_, made)| Row { drop_name: row.drop_name, ..made }));
    }
    let out = merge::same_labels(out)?;
    evaluator.budget.hold(count(&out))?;
    evaluator.budget.release(held);
    Ok(Value::Vector(out))
}

/// Info series that have a sample at a step: of each metric the newest.
fn newest(evaluator: &Evaluator, infos: &[Info], candidates: &[usize], step: usize) -> Result<Vec<usize>, Fault> {
    let mut chosen: Vec<usize> = Vec::new();
    for &index in candidates {
        let Some(time) = infos[index].times[step] else { continue };
        let Some(slot) = chosen.iter_mut().find(|other| infos[**other].name == infos[index].name) else {
            chosen.push(index);
            continue;
        };
        let other = infos[*slot].times[step].unwrap_or(time);
        if other == time {
            let names = &evaluator.names;
            return Err(Fault::Execution(format!(
                "found duplicate series for info metric: existing {} @ {other}, new {} @ {time}",
                names.show(&infos[*slot].labels),
                names.show(&infos[index].labels),
            )));
        }
        if other < time {
            *slot = index;
        }
    }
    Ok(chosen)
}

/// Labels of a series with those of its info series: all, or those that were asked for.
fn enriched(
    evaluator: &Evaluator,
    base: &SeriesLabels,
    infos: &[Info],
    chosen: &[usize],
    data: &[(Sym, Matcher)],
) -> Result<SeriesLabels, Fault> {
    let names = &evaluator.names;
    let mut added: Vec<Label> = Vec::new();
    for &index in chosen {
        for &(name, value) in infos[index].labels.iter() {
            let wanted = data.is_empty() || data.iter().any(|(one, _)| *one == name);
            if name == names.name || !wanted {
                continue;
            }
            if find(&added, name).is_some_and(|other| other != value) {
                return Err(Fault::Execution(format!("conflicting label: {}", names.text(name))));
            }
            if find(base, name).is_none() && find(&added, name).is_none() {
                added.push((name, value));
            }
        }
    }
    let mut labels = base.to_vec();
    for (name, value) in added {
        names.set(&mut labels, name, value);
    }
    Ok(labels.into())
}

/// Reads the times of info samples, under the same modifiers as the series they are for.
fn read(evaluator: &Evaluator, selector: usize, shift: Shift, grid: Grid) -> Result<Vec<Info>, Fault> {
    let lookback = evaluator.program.lookback;
    let reference = |step: usize| shift.at.unwrap_or_else(|| grid.time(step)) - shift.offset;
    let mut infos = Vec::new();
    let mut samples = Samples::default();
    for (index, labels) in evaluator.source.series(selector).iter().enumerate() {
        evaluator.control.check()?;
        let (from, to) = (reference(0) - lookback + 1, reference(grid.count - 1));
        evaluator.read(selector, index, from, to, &mut samples)?;
        if !samples.histograms.is_empty() {
            let shown = evaluator.names.show(labels);
            return Err(Fault::Execution(format!("this should be an info metric, with float samples: {shown}")));
        }
        evaluator.budget.count(samples.values.len(), samples.values.len());
        let time = |step: usize| {
            let reference = reference(step);
            let last = samples.timestamps.partition_point(|&time| time <= reference).checked_sub(1)?;
            let fresh = samples.timestamps[last] > reference - lookback && !is_stale(samples.values[last]);
            fresh.then(|| samples.timestamps[last])
        };
        let times: Vec<Option<i64>> = (0..grid.count).map(time).collect();
        if times.iter().any(Option::is_some) {
            let name = find(labels, evaluator.names.name).unwrap_or(Sym(0));
            infos.push(Info { labels: labels.clone(), name, times });
        }
    }
    Ok(infos)
}

/// Modifiers of the first selector in an expression: its own, and those of the subqueries around it as far as no `@` inside
/// has settled the time.
fn shift_of(node: &Node) -> Shift {
    fn find_first(node: &Node) -> Option<Shift> {
        match &node.expr {
            Expr::Number(_) | Expr::String(_) => None,
            Expr::Vector { shift, .. } | Expr::Matrix { shift, .. } => Some(*shift),
            Expr::Subquery { inner, shift, .. } => {
                let found = find_first(inner)?;
                Some(match found.at {
                    Some(_) => found,
                    None => Shift { offset: found.offset + shift.offset, at: shift.at },
                })
            }
            Expr::Call { arguments, .. } => arguments.iter().find_map(find_first),
            Expr::Aggregate { inner, parameter, .. } => {
                find_first(inner).or_else(|| parameter.as_deref().and_then(find_first))
            }
            Expr::Binary { left, right, .. } => find_first(left).or_else(|| find_first(right)),
            Expr::Negate(inner) => find_first(inner),
        }
    }
    find_first(node).unwrap_or_default()
}
