//! Label matchers. Regular expressions are anchored at both ends and match newlines with `.` (Prometheus, RE2 syntax).

use crate::pattern::check_size;
use regex::Regex;
use serde::Deserialize;

/// A matcher as it is written down.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MatcherSpec {
    /// Label name.
    pub name: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub op: Op,
    /// Text or expression.
    pub value: String,
}

/// How a matcher compares.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// The whole value matches the expression.
    #[serde(rename = "=~")]
    Matches,
    /// It does not.
    #[serde(rename = "!~")]
    NotMatches,
}

/// A matcher ready to run. A label that is not there has the value "".
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Label name.
    pub name: String,
    /// How it compares.
    pub op: Op,
    /// Text or expression as written.
    pub value: String,
    regex: Option<Regex>,
}

impl Matcher {
    /// Compiles a matcher; the error is the sentence of the expression's fault.
    pub fn new(spec: &MatcherSpec) -> Result<Self, String> {
        let regex = match spec.op {
            Op::Matches | Op::NotMatches => Some(anchored(&spec.value)?),
            Op::Equal | Op::NotEqual => None,
        };
        Ok(Self { name: spec.name.clone(), op: spec.op, value: spec.value.clone(), regex })
    }

    /// Does a value match?
    #[inline]
    pub fn matches(&self, value: &str) -> bool {
        let regex = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            Op::Equal => self.value == value,
            Op::NotEqual => self.value != value,
            Op::Matches => regex(),
            Op::NotMatches => !regex(),
        }
    }
}

/// An expression that must match the whole text.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    check_size(pattern)?;
    regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(16 << 20)
        .build()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_match_whole_values() {
        let matcher =
            |op, value: &str| Matcher::new(&MatcherSpec { name: "a".into(), op, value: value.into() }).unwrap();
        assert!(matcher(Op::Matches, "a|b").matches("b"));
        assert!(!matcher(Op::Matches, "a|b").matches("ab"));
        assert!(matcher(Op::NotMatches, "a.*").matches("ba"));
        assert!(matcher(Op::Matches, "a.b").matches("a\nb"));
        assert!(matcher(Op::Equal, "").matches(""));
    }
}
