//! What attributes a batch holds, for choosing the ones that deserve columns of their own.

use crate::attributes::Attributes;
use crate::native::attributes::AttributeType;
use foldhash::fast::FixedState;
use std::collections::HashSet;
use std::hash::BuildHasher;

/// Values of a key that are looked at for [`AttributeStats::distinct`].
const SAMPLED_VALUES: usize = 1000;

/// Use of one attribute key with one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeStats {
    /// Attribute key.
    pub key: String,
    /// Attribute type.
    pub attribute_type: AttributeType,
    /// Records that have it.
    pub rows: u64,
    /// Distinct values among up to 1,000, taken evenly from all: neighbours, the spans of a trace say, often share theirs.
    pub distinct: u64,
}

/// Keys and types in use, by key id within a type.
pub fn attribute_stats(batch: &Attributes) -> Vec<AttributeStats> {
    let mut stats = Vec::new();
    let state = FixedState::default();
    let mut add = |attribute_type, keys: &[u32], hash: &dyn Fn(usize) -> u64| {
        for (key, (rows, distinct)) in count(batch.keys.len(), keys, hash).into_iter().enumerate() {
            if rows > 0 {
                let key = String::from_utf8_lossy(batch.keys.get(key as u32, 0)).into_owned();
                stats.push(AttributeStats { key, attribute_type, rows, distinct });
            }
        }
    };
    let (strings, ints, floats, bools) = (&batch.strings, &batch.ints, &batch.floats, &batch.bools);
    add(AttributeType::String, &strings.keys, &|entry| state.hash_one(strings.values.get(entry)));
    add(AttributeType::Int, &ints.keys, &|entry| state.hash_one(ints.values[entry]));
    add(AttributeType::Float, &floats.keys, &|entry| state.hash_one(floats.values[entry].to_bits()));
    add(AttributeType::Bool, &bools.keys, &|entry| u64::from(bools.values[entry]));
    add(AttributeType::Json, &batch.jsons.keys, &|_| 0);
    stats
}

/// For each key id its entries and the distinct values sampled.
fn count(ids: usize, keys: &[u32], hash: &dyn Fn(usize) -> u64) -> Vec<(u64, u64)> {
    let mut rows = vec![0_usize; ids];
    for &key in keys {
        rows[key as usize] += 1;
    }
    let mut passed = vec![0_usize; ids];
    let mut seen: Vec<HashSet<u64, FixedState>> = vec![HashSet::default(); ids];
    for (entry, &key) in keys.iter().enumerate() {
        let key = key as usize;
        if passed[key].is_multiple_of(rows[key].div_ceil(SAMPLED_VALUES)) {
            seen[key].insert(hash(entry));
        }
        passed[key] += 1;
    }
    rows.into_iter().zip(seen).map(|(rows, seen)| (rows as u64, seen.len() as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::LogBatchBuilder;

    #[test]
    fn neighbours_that_share_a_value_do_not_hide_others() {
        let mut builder = LogBatchBuilder::new(0);
        for i in 0..10_000 {
            builder.begin_record();
            builder.attr_string("user", &(i / 10).to_string());
            builder.commit_record().unwrap();
        }
        let stats = attribute_stats(&builder.finish().attributes);
        assert_eq!((stats[0].rows, stats[0].distinct), (10_000, 1000));
    }

    #[test]
    fn counts_by_key_and_type() {
        let mut builder = LogBatchBuilder::new(0);
        for i in 0..3000 {
            builder.begin_record();
            builder.attr_int("n", i % 7);
            builder.attr_string("id", &i.to_string());
            if i % 2 == 0 {
                builder.attr_string("n", "x");
            }
            builder.commit_record().unwrap();
        }
        let stats = attribute_stats(&builder.finish().attributes);
        let shown: Vec<_> = stats.iter().map(|s| (s.key.as_str(), s.attribute_type, s.rows, s.distinct)).collect();
        assert_eq!(
            shown,
            [
                ("n", AttributeType::String, 1500, 1),
                ("id", AttributeType::String, 3000, 1000),
                ("n", AttributeType::Int, 1500, 7)
            ]
        );
    }
}
