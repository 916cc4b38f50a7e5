//! What of a tenant's series somebody may see: a predicate over labels, and labels whose values are hidden.
//! `nexus.query.series_policy` makes it out of a row policy.

use crate::matcher::{Matcher, MatcherSpec};
use serde::Deserialize;

/// Row policy and masks as they are written down (JSON).
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SightSpec {
    /// Series that are seen; none: all.
    #[serde(default)]
    pub policy: Option<Condition>,
    /// Names of labels whose values are replaced.
    #[serde(default)]
    pub masked: Vec<String>,
    /// What they are replaced with.
    #[serde(default)]
    pub mask: String,
}

/// A condition on the labels of a series.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// One of the labels (the first of these names that the series has) matches; without any of them, the value is "".
    Label {
        /// Names, in order.
        names: Vec<String>,
        /// The matcher's operator and value; its name is not used.
        matcher: MatcherSpec,
    },
    /// Number comparison of a label's value; a value that is no number does not match.
    Number {
        /// Names, in order.
        names: Vec<String>,
        /// `<`, `<=`, `>`, `>=`, `=` or `!=`.
        op: String,
        /// Right-hand side.
        value: f64,
    },
    /// The series has one of the labels.
    Exists {
        /// Names.
        names: Vec<String>,
    },
    /// Every part matches.
    And(Vec<Condition>),
    /// A part matches.
    Or(Vec<Condition>),
    /// The part does not match.
    Not(Box<Condition>),
    /// Always or never.
    Constant(bool),
}

/// Sight ready to run.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    policy: Option<Compiled>,
    /// Names of labels whose values are replaced.
    pub masked: Vec<String>,
    /// What they are replaced with.
    pub mask: String,
}

#[derive(Clone, Debug)]
enum Compiled {
    Label(Vec<String>, Matcher),
    Number(Vec<String>, String, f64),
    Exists(Vec<String>),
    And(Vec<Compiled>),
    Or(Vec<Compiled>),
    Not(Box<Compiled>),
    Constant(bool),
}

impl Sight {
    /// Compiles a sight; the error is the sentence of an expression's fault.
    pub fn new(spec: &SightSpec) -> Result<Self, String> {
        let policy = spec.policy.as_ref().map(compile).transpose()?;
        Ok(Self { policy, masked: spec.masked.clone(), mask: spec.mask.clone() })
    }

    /// Is everything seen, with all values?
    pub fn unrestricted(&self) -> bool {
        self.policy.is_none() && self.masked.is_empty()
    }

    /// Is a series seen? `value` gives the value of a label, if the series has it.
    pub fn sees<'a>(&self, value: &dyn Fn(&str) -> Option<&'a str>) -> bool {
        self.policy.as_ref().is_none_or(|policy| evaluate(policy, value))
    }
}

fn compile(condition: &Condition) -> Result<Compiled, String> {
    Ok(match condition {
        Condition::Label { names, matcher } => Compiled::Label(names.clone(), Matcher::new(matcher)?),
        Condition::Number { names, op, value } => Compiled::Number(names.clone(), op.clone(), *value),
        Condition::Exists { names } => Compiled::Exists(names.clone()),
        Condition::And(parts) => Compiled::And(parts.iter().map(compile).collect::<Result<_, _>>()?),
        Condition::Or(parts) => Compiled::Or(parts.iter().map(compile).collect::<Result<_, _>>()?),
        Condition::Not(part) => Compiled::Not(Box::new(compile(part)?)),
        Condition::Constant(value) => Compiled::Constant(*value),
    })
}

fn evaluate<'a>(condition: &Compiled, value: &dyn Fn(&str) -> Option<&'a str>) -> bool {
    let first = |names: &[String]| names.iter().find_map(|name| value(name));
    match condition {
        Compiled::Label(names, matcher) => matcher.matches(first(names).unwrap_or("")),
        Compiled::Number(names, op, right) => {
            first(names).and_then(|text| text.parse::<f64>().ok()).is_some_and(|left| match op.as_str() {
                "<" => left < *right,
                "<=" => left <= *right,
                ">" => left > *right,
                ">=" => left >= *right,
                "=" => left == *right,
                "!=" => left != *right,
                _ => false,
            })
        }
        Compiled::Exists(names) => first(names).is_some(),
        Compiled::And(parts) => parts.iter().all(|part| evaluate(part, value)),
        Compiled::Or(parts) => parts.iter().any(|part| evaluate(part, value)),
        Compiled::Not(part) => !evaluate(part, value),
        Compiled::Constant(value) => *value,
    }
}
