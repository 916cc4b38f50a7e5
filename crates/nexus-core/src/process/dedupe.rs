//! Let through the first of equal records within a time, and count the others.
//!
//! A record counts as seen when it is stored: while a delivery is under way, equal records of other deliveries pass, and
//! when it fails, its records are forgotten. So nothing is lost, and at worst something is stored twice.

use crate::process::field::{Field, Source, Value};
use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State, key_of};
use std::collections::HashMap;

/// See the module text.
#[derive(Debug)]
pub struct Dedupe {
    keys: Vec<Field>,
    window_ns: i64,
    max_keys: usize,
    count_attribute: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    until: i64,
    others: u64,
    /// The delivery that had it, until that is stored.
    owner: Option<u64>,
}

/// What was seen lately.
#[derive(Debug, Default)]
pub struct Window {
    seen: HashMap<u128, Seen>,
    /// When entries that have expired were last looked for, ns.
    swept: i64,
}

/// What a batch changed: keys that it was the first with, and what was known of them before; keys of which it had others.
#[derive(Debug, Default)]
pub struct Noted {
    first: Vec<(u128, Option<Seen>)>,
    others: Vec<u128>,
}

impl Window {
    /// The delivery was stored, or its traces go.
    pub fn settle(&mut self, noted: Noted, delivery: u64, stored: bool) {
        if !stored {
            for key in noted.others {
                if let Some(seen) = self.seen.get_mut(&key) {
                    seen.others = seen.others.saturating_sub(1);
                }
            }
        }
        for (key, before) in noted.first {
            let Some(seen) = self.seen.get_mut(&key).filter(|seen| seen.owner == Some(delivery)) else { continue };
            match (stored, before) {
                (true, _) => seen.owner = None,
                (false, Some(before)) => *seen = before,
                (false, None) => {
                    self.seen.remove(&key);
                }
            }
        }
    }
}

impl Dedupe {
    /// From options: `keys`, `window` (seconds), `max_keys`, `count_attribute`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let mut keys = options.fields("keys")?;
        if keys.is_empty() {
            keys = vec![Field::Service, Field::Severity, Field::Body];
        }
        let count = options.text("count_attribute")?.unwrap_or("dedupe.count");
        Ok(Self {
            keys,
            window_ns: (options.number("window", Some(60.0), 0.001, 86_400.0)? * 1e9) as i64,
            max_keys: options.integer("max_keys", 10_000, 1, 1_000_000)?,
            count_attribute: (!count.is_empty()).then(|| count.to_owned()),
        })
    }
}

impl Processor for Dedupe {
    fn state(&self) -> State {
        State::Dedupe(Window::default())
    }

    fn process(&self, rows: &mut Rows, state: &mut State, context: &Context) -> Change {
        let State::Dedupe(window) = state else { return Change::None };
        let now = context.now_ns;
        let batch = rows.batch();
        let sources: Vec<_> = self.keys.iter().map(|field| Source::new(field, &batch)).collect();
        let mut buffer = Vec::new();
        let mut noted = Noted::default();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let key = key_of(&sources, &batch, row, &mut buffer);
            let mut before = None;
            if let Some(seen) = window.seen.get_mut(&key) {
                let ours = seen.owner.is_none_or(|owner| owner == context.delivery);
                if !ours {
                    continue;
                }
                if now < seen.until {
                    seen.others += 1;
                    noted.others.push(key);
                    rows.decide(row, Fate::Drop("duplicate"));
                    continue;
                }
                before = Some(*seen);
                if let (Some(name), true) = (&self.count_attribute, seen.others > 0) {
                    let others = seen.others as i64;
                    let name = rows.key(name.as_bytes());
                    rows.set_attribute(row, name, Value::Int(others));
                }
            } else if window.seen.len() >= self.max_keys {
                if window.swept != now {
                    window.swept = now;
                    window.seen.retain(|_, seen| seen.owner.is_some() || now < seen.until);
                }
                if window.seen.len() >= self.max_keys {
                    // What cannot be remembered passes.
                    continue;
                }
            }
            let until = now.saturating_add(self.window_ns);
            window.seen.insert(key, Seen { until, others: 0, owner: Some(context.delivery) });
            noted.first.push((key, before));
        }
        Change::Dedupe(noted)
    }
}
