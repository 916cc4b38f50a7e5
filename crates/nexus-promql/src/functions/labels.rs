//! `label_replace` and `label_join`.

use super::Call;
use crate::control::Fault;
use crate::labels::is_name;
use crate::merge;
use crate::value::Value;
use hashbrown::HashMap;
use nexus_series::matcher::anchored;
use nexus_series::symbols::Sym;

/// `label_replace(v, dst, replacement, src, regex)`: where the whole value of `src` matches, `dst` is set.
pub fn label_replace(call: &mut Call) -> Result<Value, Fault> {
    let mut rows = call.vector(0);
    let (target, replacement, source) = (call.text(1), call.text(2), call.names.intern(call.text(3)));
    let wrong = |what: &str, text: &str| Fault::Execution(format!("invalid {what} in label_replace(): {text}"));
    let regex = anchored(call.text(4)).map_err(|_| wrong("regular expression", call.text(4)))?;
    if !is_name(target) {
        return Err(wrong("destination label name", target));
    }
    let target = call.names.intern(target);
    let mut known: HashMap<Sym, Option<Sym>, foldhash::fast::RandomState> = HashMap::default();
    for row in &mut rows {
        let value = crate::labels::find(&row.labels, source).unwrap_or(Sym(0));
        let replaced = *known.entry(value).or_insert_with(|| {
            let captures = regex.captures(call.names.text(value))?;
            let mut text = String::new();
            captures.expand(replacement, &mut text);
            Some(call.names.intern(&text))
        });
        if let Some(replaced) = replaced {
            let mut labels = row.labels.to_vec();
            call.names.set(&mut labels, target, replaced);
            row.labels = labels.into();
            if target == call.names.name {
                row.drop_name = false;
            }
        }
    }
    Ok(Value::Vector(merge::same_labels(rows)?))
}

/// `label_join(v, dst, separator, src...)`: `dst` becomes the joined values.
pub fn label_join(call: &mut Call) -> Result<Value, Fault> {
    let mut rows = call.vector(0);
    let (target, separator) = (call.text(1), call.text(2));
    let mut sources = Vec::new();
    for index in 3..call.arguments.len() {
        if !is_name(call.text(index)) {
            return Err(Fault::Execution("invalid source label name in label_join(): ".into()));
        }
        sources.push(call.names.intern(call.text(index)));
    }
    if !is_name(target) {
        return Err(Fault::Execution("invalid destination label name in label_join(): ".into()));
    }
    let target = call.names.intern(target);
    for row in &mut rows {
        let values: Vec<&str> = sources.iter().map(|&source| call.names.value(&row.labels, source)).collect();
        let joined = call.names.intern(&values.join(separator));
        let mut labels = row.labels.to_vec();
        call.names.set(&mut labels, target, joined);
        row.labels = labels.into();
        if target == call.names.name {
            row.drop_name = false;
        }
    }
    Ok(Value::Vector(merge::same_labels(rows)?))
}
