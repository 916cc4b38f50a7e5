//! From the labels that a target exposes to those that a series is stored with.

use super::Options;
use crate::metrics::exposition::series::Labels;
use crate::metrics::relabel::{LabelSet, Relabel, is_classic_name};
use std::borrow::Cow;
use std::sync::Arc;

/// Adds the target's labels, relabels, and checks limits.
pub struct Finisher {
    target: Vec<(String, String)>,
    relabel: Arc<Relabel>,
    honor_labels: bool,
    utf8_names: bool,
    label_limit: usize,
    name_limit: usize,
    value_limit: usize,
}

impl Finisher {
    pub fn new(target: Vec<(String, String)>, relabel: Arc<Relabel>, options: &Options) -> Self {
        Self {
            target: target.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            relabel,
            honor_labels: options.honor_labels,
            utf8_names: options.utf8_names,
            label_limit: options.label_limit,
            name_limit: options.label_name_length_limit,
            value_limit: options.label_value_length_limit,
        }
    }

    /// The packed labels of a series; None when it is dropped. An error fails the scrape.
    pub fn finish(&self, exposed: Labels<'_>) -> Result<Option<Vec<u8>>, String> {
        let mut set = LabelSet(exposed);
        if self.honor_labels {
            // An empty value is a value: it keeps the target's label away.
            for (name, value) in &self.target {
                if !set.0.iter().any(|label| label.0 == *name) {
                    set.0.push((name.as_str().into(), value.as_str().into()));
                }
            }
            set.0.retain(|(_, value)| !value.is_empty());
        } else {
            set.0.retain(|(_, value)| !value.is_empty());
            self.add_target(&mut set);
        }
        if !self.relabel.apply(&mut set) || set.0.is_empty() {
            return Ok(None);
        }
        self.check(&set)?;
        Ok(Some(set.pack()))
    }

    /// Labels of the target win; those they hide become `exported_...`, again until the name is free.
    fn add_target<'a>(&'a self, set: &mut LabelSet<'a>) {
        let mut hidden: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in &self.target {
            match set.0.iter_mut().find(|label| label.0 == *name) {
                Some(label) => {
                    let before = std::mem::replace(&mut label.1, value.as_str().into());
                    hidden.push((label.0.clone(), before));
                }
                None => set.0.push((name.as_str().into(), value.as_str().into())),
            }
        }
        hidden.sort_by_key(|(name, _)| name.len());
        for (name, value) in hidden {
            let mut name = name.into_owned();
            loop {
                name.insert_str(0, "exported_");
                if set.get(&name).is_empty() {
                    break;
                }
            }
            set.0.push((name.into(), value));
        }
    }

    fn check(&self, set: &LabelSet<'_>) -> Result<(), String> {
        let metric = set.get(nexus_series::NAME);
        let shown = || metric.chars().take(50).collect::<String>();
        if metric.is_empty() {
            return Err("a series has no metric name".into());
        }
        if !self.utf8_names {
            let classic = |name: &str| is_classic_name(&name.replace(':', "_"));
            if !classic(metric) {
                return Err(format!("the metric name {:?} is not a classic one", shown()));
            }
            if let Some((name, _)) = set.0.iter().find(|(name, _)| !is_classic_name(name)) {
                return Err(format!("the label name {name:?} of {:?} is not a classic one", shown()));
            }
        }
        if self.label_limit > 0 && set.0.len() > self.label_limit {
            return Err(format!(
                "label_limit exceeded: {:?} has {} labels, {} are allowed",
                shown(),
                set.0.len(),
                self.label_limit
            ));
        }
        for (name, value) in &set.0 {
            let cut = |text: &str| text.chars().take(50).collect::<String>();
            if self.name_limit > 0 && name.len() > self.name_limit {
                return Err(format!(
                    "label_name_length_limit exceeded: the label {:?} of {:?} has {} bytes, {} are allowed",
                    cut(name),
                    shown(),
                    name.len(),
                    self.name_limit
                ));
            }
            if self.value_limit > 0 && value.len() > self.value_limit {
                return Err(format!(
                    "label_value_length_limit exceeded: the value {:?} of the label {:?} of {:?} has {} bytes, {} are allowed",
                    cut(value),
                    cut(name),
                    shown(),
                    value.len(),
                    self.value_limit
                ));
            }
        }
        Ok(())
    }
}
