//! Let through so many records a second, by key: a token bucket for each.

use crate::process::field::{Field, Source};
use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State, key_of};
use std::collections::HashMap;

/// See the module text.
#[derive(Debug)]
pub struct Throttle {
    keys: Vec<Field>,
    rate: f64,
    burst: f64,
    max_keys: usize,
}

/// Buckets by hash of their key. Key 0 is shared by those that found no room.
#[derive(Debug, Default)]
pub struct Buckets {
    buckets: HashMap<u128, Bucket>,
    /// When buckets that are full again were last looked for, ns.
    swept: i64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: i64,
}

/// Tokens that a batch took.
#[derive(Debug, Default)]
pub struct Taken(HashMap<u128, f64>);

impl Buckets {
    /// Put back what a batch took that was not stored.
    pub fn give_back(&mut self, taken: &Taken) {
        for (key, tokens) in &taken.0 {
            if let Some(bucket) = self.buckets.get_mut(key) {
                bucket.tokens += tokens;
            }
        }
    }
}

impl Throttle {
    /// From options: `rate`, `burst`, `keys`, `max_keys`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let rate = options.number("rate", None, 0.001, 1e9)?;
        Ok(Self {
            keys: options.fields("keys")?,
            rate,
            burst: options.number("burst", Some(rate.max(1.0)), 1.0, 1e9)?,
            max_keys: options.integer("max_keys", 10_000, 1, 1_000_000)?,
        })
    }

    fn refilled(&self, bucket: Bucket, now: i64) -> f64 {
        let seconds = now.saturating_sub(bucket.at).max(0) as f64 / 1e9;
        (bucket.tokens + seconds * self.rate).min(self.burst)
    }
}

impl Processor for Throttle {
    fn state(&self) -> State {
        State::Throttle(Buckets::default())
    }

    fn process(&self, rows: &mut Rows, state: &mut State, context: &Context) -> Change {
        let State::Throttle(known) = state else { return Change::None };
        let now = context.now_ns;
        let batch = rows.batch();
        let sources: Vec<_> = self.keys.iter().map(|field| Source::new(field, &batch)).collect();
        let mut buffer = Vec::new();
        let mut taken = Taken::default();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let mut key = if sources.is_empty() { 1 } else { key_of(&sources, &batch, row, &mut buffer) };
            if known.buckets.len() >= self.max_keys && !known.buckets.contains_key(&key) {
                if known.swept != now {
                    known.swept = now;
                    known.buckets.retain(|_, bucket| self.refilled(*bucket, now) < self.burst);
                }
                if known.buckets.len() >= self.max_keys {
                    key = 0;
                }
            }
            let bucket = known.buckets.entry(key).or_insert(Bucket { tokens: self.burst, at: now });
            bucket.tokens = self.refilled(*bucket, now);
            bucket.at = bucket.at.max(now);
            if bucket.tokens >= 1.0 {
                bucket.tokens -= 1.0;
                *taken.0.entry(key).or_default() += 1.0;
            } else {
                rows.decide(row, Fate::Drop("throttled"));
            }
        }
        Change::Throttle(taken)
    }
}
