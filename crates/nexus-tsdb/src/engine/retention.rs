//! How long samples are kept in the tables: days by tenant and selector. The day a row goes is written into it.

use crate::index::Index;
use nexus_series::matcher::{Matcher, MatcherSpec};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    days: u32,
    #[serde(default)]
    rules: Vec<RuleSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    matchers: Vec<MatcherSpec>,
    days: u32,
}

struct Rules {
    days: u32,
    rules: Vec<(Vec<Matcher>, u32)>,
}

/// See the module text. Without rules samples are kept for ever.
#[derive(Default)]
pub struct Retention {
    tenants: BTreeMap<String, Rules>,
}

/// The last day that a table can name.
pub const NEVER: u16 = u16::MAX;

impl Retention {
    /// Reads `{tenant: {"days", "rules": [{"matchers", "days"}]}}`; the error is a sentence.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let specs: BTreeMap<String, Spec> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let rule = |rule: RuleSpec| {
            let matchers = rule.matchers.iter().map(Matcher::new).collect::<Result<Vec<_>, _>>()?;
            Ok((matchers, rule.days))
        };
        let tenants = specs.into_iter().map(|(tenant, spec)| {
            let rules = spec.rules.into_iter().map(rule).collect::<Result<_, String>>()?;
            Ok((tenant, Rules { days: spec.days, rules }))
        });
        Ok(Self { tenants: tenants.collect::<Result<_, String>>()? })
    }

    /// Days that samples of a series are kept; 0: for ever.
    pub fn days(&self, tenant: &str, index: &Index, number: u32) -> u32 {
        let Some(rules) = self.tenants.get(tenant).or_else(|| self.tenants.get("*")) else { return 0 };
        let matches = |matcher: &Matcher| {
            let value = index.symbols.get(&matcher.name).and_then(|name| index.value(number, name));
            matcher.matches(value.map_or("", |value| index.symbols.text(value)))
        };
        let rule = rules.rules.iter().find(|(matchers, _)| matchers.iter().all(matches));
        rule.map_or(rules.days, |(_, days)| *days)
    }
}

/// The day on which what is of `day` goes: its last sample is `days` old then. Changes of stored rows
/// (`storage.clickhouse.metrics.policies`) count in the same way.
pub fn expires(day: i64, days: u32) -> u16 {
    if days == 0 { NEVER } else { (day + i64::from(days) + 1).clamp(1, i64::from(NEVER) - 1) as u16 }
}
