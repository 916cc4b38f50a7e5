//! Relabelling for Python.

use nexus_core::metrics::relabel::{LabelSet, Relabel as Core, RuleSpec};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;

/// Compiled relabelling rules.
#[pyclass(frozen, module = "nexus._native")]
pub struct Relabel {
    pub inner: Arc<Core>,
}

/// A rule as Python gives it: source labels, separator, regex, modulus, target label, replacement, action.
type Given = (Vec<String>, String, String, u64, String, String, String);

fn label_set(labels: &[(String, String)]) -> LabelSet<'_> {
    let mut set = LabelSet::default();
    for (name, value) in labels {
        set.set(name.as_str().into(), value.as_str().into());
    }
    set
}

#[pymethods]
impl Relabel {
    #[new]
    #[pyo3(signature = (rules, *, utf8_names=true))]
    fn new(rules: Vec<Given>, utf8_names: bool) -> PyResult<Self> {
        let specs: Vec<RuleSpec> = rules
            .into_iter()
            .map(|(source_labels, separator, regex, modulus, target_label, replacement, action)| RuleSpec {
                source_labels,
                separator,
                regex,
                modulus,
                target_label,
                replacement,
                action,
                utf8_names,
            })
            .collect();
        Ok(Self { inner: Arc::new(Core::new(&specs).map_err(PyValueError::new_err)?) })
    }

    /// The labels, sorted by name, after every rule; None when they are dropped.
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn apply(&self, labels: Vec<(String, String)>) -> Option<Vec<(String, String)>> {
        let mut set = label_set(&labels);
        if !self.inner.apply(&mut set) {
            return None;
        }
        let mut kept: Vec<(String, String)> =
            set.0.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        kept.sort();
        Some(kept)
    }

    /// (labels sorted by name, kept) after each rule, up to the one that drops.
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn trace(&self, labels: Vec<(String, String)>) -> Vec<(Vec<(String, String)>, bool)> {
        self.inner.trace(&label_set(&labels))
    }
}
