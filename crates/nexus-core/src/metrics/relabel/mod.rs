//! Relabelling: rules that keep, drop, and rewrite label sets (Prometheus `relabel_config`). Expressions are RE2's, anchored.

mod md5;

use crate::logql::regex::compile;
use regex::Regex;
use std::borrow::Cow;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the expanded replacement into the target label.
    Replace,
    /// Drop what does not match.
    Keep,
    /// Drop what matches.
    Drop,
    /// Drop what differs from the target label.
    KeepEqual,
    /// Drop what equals the target label.
    DropEqual,
    /// Write a hash of the value, modulo `modulus`.
    HashMod,
    /// Copy labels whose names match to expanded names.
    LabelMap,
    /// Remove labels whose names match.
    LabelDrop,
    /// Remove labels whose names do not match.
    LabelKeep,
    /// Write the value in lower case.
    Lowercase,
    /// Write the value in upper case.
    Uppercase,
}

impl Action {
    /// By its name in a configuration, without case.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "replace" => Self::Replace,
            "keep" => Self::Keep,
            "drop" => Self::Drop,
            "keepequal" => Self::KeepEqual,
            "dropequal" => Self::DropEqual,
            "hashmod" => Self::HashMod,
            "labelmap" => Self::LabelMap,
            "labeldrop" => Self::LabelDrop,
            "labelkeep" => Self::LabelKeep,
            "lowercase" => Self::Lowercase,
            "uppercase" => Self::Uppercase,
            _ => return None,
        })
    }
}

/// A rule as it is written down, defaults filled in.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// Labels whose values are joined.
    pub source_labels: Vec<String>,
    /// Between them.
    pub separator: String,
    /// Expression for the joined value, or for names.
    pub regex: String,
    /// Of `hashmod`.
    pub modulus: u64,
    /// Label written or compared.
    pub target_label: String,
    /// Text with `$1`, `${name}`.
    pub replacement: String,
    /// Name of the action.
    pub action: String,
    /// Are names any UTF-8, or `[a-zA-Z_][a-zA-Z0-9_]*`?
    pub utf8_names: bool,
}

impl Default for RuleSpec {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".into(),
            regex: "(.*)".into(),
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".into(),
            action: "replace".into(),
            utf8_names: true,
        }
    }
}

/// A rule ready to run.
#[derive(Clone, Debug)]
struct Rule {
    action: Action,
    source_labels: Vec<String>,
    separator: String,
    regex: Regex,
    modulus: u64,
    target_label: String,
    replacement: String,
    utf8_names: bool,
}

/// Labels being worked on: each name once, in any order. Of an empty value is: not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSet<'a>(pub Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> LabelSet<'a> {
    /// The value, "" when it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|label| label.0 == name).map_or("", |label| &label.1)
    }

    /// Set a label; an empty value removes it.
    pub fn set(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        let place = self.0.iter().position(|label| label.0 == name);
        match (place, value.is_empty()) {
            (Some(place), true) => {
                self.0.swap_remove(place);
            }
            (Some(place), false) => self.0[place].1 = value,
            (None, true) => {}
            (None, false) => self.0.push((name, value)),
        }
    }

    /// Packed, as series have them.
    pub fn pack(&self) -> Vec<u8> {
        nexus_series::labels::pack(self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
    }
}

/// Is it a label name of the classic kind?
pub fn is_classic_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Rule {
    fn new(spec: &RuleSpec) -> Result<Self, String> {
        let action =
            Action::from_name(&spec.action).ok_or_else(|| format!("unknown relabel action {:?}", &spec.action))?;
        Ok(Self {
            action,
            source_labels: spec.source_labels.clone(),
            separator: spec.separator.clone(),
            regex: compile(&spec.regex, true)?,
            modulus: spec.modulus.max(1),
            target_label: spec.target_label.clone(),
            replacement: spec.replacement.clone(),
            utf8_names: spec.utf8_names,
        })
    }

    fn good_name(&self, name: &str) -> bool {
        if self.utf8_names { !name.is_empty() } else { is_classic_name(name) }
    }

    fn value(&self, labels: &LabelSet<'_>) -> String {
        let mut joined = String::new();
        for (place, name) in self.source_labels.iter().enumerate() {
            if place > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name));
        }
        joined
    }

    /// Applies the rule; false when the labels are dropped.
    fn apply(&self, labels: &mut LabelSet<'_>) -> bool {
        match self.action {
            Action::Keep => return self.regex.is_match(&self.value(labels)),
            Action::Drop => return !self.regex.is_match(&self.value(labels)),
            Action::KeepEqual => return labels.get(&self.target_label) == self.value(labels),
            Action::DropEqual => return labels.get(&self.target_label) != self.value(labels),
            Action::Replace => {
                let value = self.value(labels);
                let Some(found) = self.regex.captures(&value) else { return true };
                let (mut name, mut text) = (String::new(), String::new());
                found.expand(&self.target_label, &mut name);
                if self.good_name(&name) {
                    found.expand(&self.replacement, &mut text);
                    labels.set(name.into(), text.into());
                }
            }
            Action::Lowercase => {
                let text = self.value(labels).to_lowercase();
                labels.set(self.target_label.clone().into(), text.into());
            }
            Action::Uppercase => {
                let text = self.value(labels).to_uppercase();
                labels.set(self.target_label.clone().into(), text.into());
            }
            Action::HashMod => {
                let digest = md5::md5(self.value(labels).as_bytes());
                let number = u64::from_be_bytes(digest[8..].try_into().expect("8 bytes")) % self.modulus;
                labels.set(self.target_label.clone().into(), number.to_string().into());
            }
            Action::LabelMap => {
                let mut copies: Vec<(String, String)> = Vec::new();
                for (name, value) in &labels.0 {
                    if self.regex.is_match(name) {
                        let copy = self.regex.replace(name, &self.replacement).into_owned();
                        copies.push((copy, value.clone().into_owned()));
                    }
                }
                // In the order of names, so that of several with one target the same one wins every time.
                copies.sort();
                for (name, value) in copies {
                    if !name.is_empty() {
                        labels.set(name.into(), value.into());
                    }
                }
            }
            Action::LabelDrop => labels.0.retain(|(name, _)| !self.regex.is_match(name)),
            Action::LabelKeep => labels.0.retain(|(name, _)| self.regex.is_match(name)),
        }
        true
    }
}

/// Rules in their order.
#[derive(Clone, Debug, Default)]
pub struct Relabel {
    rules: Vec<Rule>,
}

impl Relabel {
    /// Compiles rules. The error names the number of the rule, from 1.
    pub fn new(specs: &[RuleSpec]) -> Result<Self, String> {
        let rules = specs
            .iter()
            .enumerate()
            .map(|(place, spec)| Rule::new(spec).map_err(|error| format!("rule {}: {error}", place + 1)));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Applies every rule; false when one drops the labels.
    pub fn apply(&self, labels: &mut LabelSet<'_>) -> bool {
        self.rules.iter().all(|rule| rule.apply(labels))
    }

    /// The labels (sorted) after each rule, and whether they were kept by it. Ends with the rule that drops.
    pub fn trace(&self, labels: &LabelSet<'_>) -> Vec<(Vec<(String, String)>, bool)> {
        let mut labels = labels.clone();
        let mut steps = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let kept = rule.apply(&mut labels);
            let mut shown: Vec<(String, String)> =
                labels.0.iter().map(|(name, value)| (name.clone().into_owned(), value.clone().into_owned())).collect();
            shown.sort();
            steps.push((shown, kept));
            if !kept {
                break;
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(spec: RuleSpec, labels: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        let labels = LabelSet(labels.iter().map(|&(name, value)| (name.into(), value.into())).collect());
        let (shown, kept) = Relabel::new(&[spec]).unwrap().trace(&labels).pop().unwrap();
        kept.then_some(shown)
    }

    #[allow(clippy::unnecessary_wraps)]
    fn owned(labels: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn spec(action: &str, sources: &[&str], regex: &str, target: &str, replacement: &str) -> RuleSpec {
        RuleSpec {
            action: action.into(),
            source_labels: sources.iter().map(ToString::to_string).collect(),
            regex: regex.into(),
            target_label: target.into(),
            replacement: replacement.into(),
            ..RuleSpec::default()
        }
    }

    #[test]
    fn replacing() {
        let labels = [("a", "foo"), ("b", "bar")];
        let replaced = run(spec("replace", &["a", "b"], "f(.*);(.*)r", "a", "b${1}${2}m"), &labels);
        assert_eq!(replaced, owned(&[("a", "boobam"), ("b", "bar")]));
        // What does not match is left; an empty result removes; a name may come from the value.
        assert_eq!(run(spec("replace", &["a"], "x", "a", "y"), &labels), owned(&labels));
        assert_eq!(run(spec("replace", &["a"], "f(.*)", "b", ""), &labels), owned(&[("a", "foo")]));
        assert_eq!(
            run(spec("replace", &["a"], "(.*)", "${1}_x", "$1"), &labels),
            owned(&[("a", "foo"), ("b", "bar"), ("foo_x", "foo")])
        );
        // `$1x` is the group named `1x`, which there is not.
        assert_eq!(run(spec("replace", &["a"], "(.*)", "a", "$1x-$$"), &labels), owned(&[("a", "-$"), ("b", "bar")]));
    }

    #[test]
    fn keeping_and_dropping() {
        let labels = [("a", "foo"), ("b", "foo")];
        assert_eq!(run(spec("drop", &["a"], "fo", "", ""), &labels), owned(&labels));
        assert_eq!(run(spec("drop", &["a"], "fo.", "", ""), &labels), None);
        assert_eq!(run(spec("keep", &["a"], "fo", "", ""), &labels), None);
        assert_eq!(run(spec("keepequal", &["a"], "(.*)", "b", ""), &labels), owned(&labels));
        assert_eq!(run(spec("dropequal", &["a"], "(.*)", "b", ""), &labels), None);
        assert_eq!(run(spec("labeldrop", &[], "a|c", "", ""), &labels), owned(&[("b", "foo")]));
        assert_eq!(run(spec("labelkeep", &[], "a|c", "", ""), &labels), owned(&[("a", "foo")]));
    }

    #[test]
    fn rewriting() {
        let labels = [("__meta_x", "Foo")];
        assert_eq!(
            run(spec("labelmap", &[], "__meta_(.+)", "", "my_$1"), &labels),
            owned(&[("__meta_x", "Foo"), ("my_x", "Foo")])
        );
        assert_eq!(
            run(spec("lowercase", &["__meta_x"], "(.*)", "y", ""), &labels),
            owned(&[("__meta_x", "Foo"), ("y", "foo")])
        );
        let hash = RuleSpec { modulus: 1000, ..spec("hashmod", &["__meta_x"], "(.*)", "y", "") };
        // python: int.from_bytes(hashlib.md5(b"Foo").digest()[8:], "big") % 1000
        assert_eq!(run(hash, &labels), owned(&[("__meta_x", "Foo"), ("y", "229")]));
    }

    #[test]
    fn wrong_rules_are_named() {
        let error = Relabel::new(&[RuleSpec::default(), spec("keep", &[], "(", "", "")]).unwrap_err();
        assert!(error.starts_with("rule 2: error parsing regexp"), "{error}");
    }
}
