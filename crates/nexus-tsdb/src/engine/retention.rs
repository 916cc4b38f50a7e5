//! How long samples and their rollups are kept in the tables: days by tenant and selector. The day a row goes is written into
//! it.

use crate::index::Index;
use nexus_series::matcher::{Matcher, MatcherSpec};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    days: u32,
    #[serde(default)]
    rollups: Vec<(u32, u32)>,
    #[serde(default)]
    rules: Vec<RuleSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    matchers: Vec<MatcherSpec>,
    days: u32,
    #[serde(default)]
    rollups: Vec<(u32, u32)>,
}

/// How long a series is kept. Days: 0 is for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Days of samples.
    pub days: u32,
    /// Windows of rollups (s, ascending) and their days.
    pub rollups: Vec<(u32, u32)>,
}

impl Kept {
    fn new(days: u32, mut rollups: Vec<(u32, u32)>) -> Result<Self, String> {
        rollups.sort_unstable();
        match rollups.iter().find(|(window, _)| !WINDOWS.contains(window)) {
            Some((window, _)) => Err(format!("there are no rollups of {window} s")),
            None => Ok(Self { days, rollups }),
        }
    }

    /// Days of the rollups with a window, s.
    pub fn rollup(&self, window: u32) -> Option<u32> {
        self.rollups.iter().find(|(one, _)| *one == window).map(|(_, days)| *days)
    }

    /// The most days that anything of it is kept.
    pub fn longest(&self) -> u32 {
        let every = || self.rollups.iter().map(|(_, days)| *days).chain([self.days]);
        if every().any(|days| days == 0) { 0 } else { every().max().unwrap_or(0) }
    }
}

/// Windows of rollups, s. They divide a day.
pub const WINDOWS: [u32; 2] = [300, 3600];

struct Rules {
    kept: Kept,
    rules: Vec<(Vec<Matcher>, Kept)>,
}

/// See the module text. Without rules samples are kept for ever.
#[derive(Default)]
pub struct Retention {
    tenants: BTreeMap<String, Rules>,
    /// What holds without rules.
    ever: Kept,
}

/// The last day that a table can name.
pub const NEVER: u16 = u16::MAX;

impl Retention {
    /// Reads `{tenant: {"days", "rollups": [[window s, days]], "rules": [{"matchers", "days", "rollups"}]}}`; the error is a
    /// sentence.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let specs: BTreeMap<String, Spec> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let rule = |rule: RuleSpec| {
            let matchers = rule.matchers.iter().map(Matcher::new).collect::<Result<Vec<_>, _>>()?;
            Ok((matchers, Kept::new(rule.days, rule.rollups)?))
        };
        let tenants = specs.into_iter().map(|(tenant, spec)| {
            let rules = spec.rules.into_iter().map(rule).collect::<Result<_, String>>()?;
            Ok((tenant, Rules { kept: Kept::new(spec.days, spec.rollups)?, rules }))
        });
        Ok(Self { tenants: tenants.collect::<Result<_, String>>()?, ever: Kept::default() })
    }

    /// How long a series is kept.
    pub fn of(&self, tenant: &str, index: &Index, number: u32) -> &Kept {
        let Some(rules) = self.tenants.get(tenant).or_else(|| self.tenants.get("*")) else { return &self.ever };
        let matches = |matcher: &Matcher| {
            let value = index.symbols.get(&matcher.name).and_then(|name| index.value(number, name));
            matcher.matches(value.map_or("", |value| index.symbols.text(value)))
        };
        let rule = rules.rules.iter().find(|(matchers, _)| matchers.iter().all(matches));
        rule.map_or(&rules.kept, |(_, kept)| kept)
    }
}

/// The day on which what is of `day` goes: its last sample is `days` old then. Changes of stored rows
/// (`storage.clickhouse.metrics.policies`) count in the same way.
pub fn expires(day: i64, days: u32) -> u16 {
    if days == 0 { NEVER } else { (day + i64::from(days) + 1).clamp(1, i64::from(NEVER) - 1) as u16 }
}
