//! Finding series: matchers, sight and time.
//!
//! A matcher becomes the set of values of its label that it takes, and whether it takes series without the label. Expressions
//! are asked once a value, not once a series. Values of masked labels are the mask to a matcher, too.

use super::Index;
use super::postings::Postings;
use hashbrown::HashSet;
use nexus_series::matcher::{Matcher, MatcherSpec, Op};
use nexus_series::policy::Sight;
use nexus_series::symbols::Sym;
use rayon::prelude::*;

/// Series that match all of one of the sets. No set: every series.
pub type MatcherSets = Vec<Vec<Matcher>>;

/// Series from which several threads look at them.
const MANY: usize = 1 << 16;

/// Most sets of matchers of a selection, and matchers of a set.
const MOST: usize = 1000;

/// Reads sets of matchers from JSON; the error is a sentence.
pub fn parse_sets(json: &[u8]) -> Result<MatcherSets, String> {
    let sets: Vec<Vec<MatcherSpec>> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if sets.len() > MOST || sets.iter().any(|set| set.len() > MOST) {
        return Err(format!("more than {MOST} selectors, or matchers in one"));
    }
    sets.iter().map(|set| set.iter().map(Matcher::new).collect()).collect()
}

/// A matcher over the symbols of an index.
enum Test {
    /// Series with one of the values.
    With {
        name: Sym,
        values: HashSet<Sym, foldhash::fast::RandomState>,
    },
    /// Series without the label, or with one of the values.
    MaybeWith {
        name: Sym,
        values: HashSet<Sym, foldhash::fast::RandomState>,
    },
    /// Series without the label, or with another value than these.
    NotWith {
        name: Sym,
        values: HashSet<Sym, foldhash::fast::RandomState>,
    },
    All,
    None,
}

impl Index {
    /// Numbers, ascending, of the series that match a set, that `sight` sees, and that may have samples of `from ..= to`.
    pub fn select(&self, sets: &[Vec<Matcher>], sight: &Sight, from: i64, to: i64) -> Vec<u32> {
        let mut found = match sets {
            [] => self.matching(&[], sight),
            [set] => self.matching(set, sight),
            sets => {
                let mut all: Vec<u32> = sets.iter().flat_map(|set| self.matching(set, sight)).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        };
        let lives = |number: &u32| {
            let series = self.series(*number);
            !series.is_gone() && series.activity.within(from, to)
        };
        if found.len() > MANY {
            found = found.par_chunks(MANY / 8).flat_map_iter(|part| part.iter().copied().filter(lives)).collect();
        } else {
            found.retain(lives);
        }
        if !sight.unrestricted() {
            found.retain(|&number| {
                sight.sees(&|name| {
                    let name = self.symbols.get(name)?;
                    self.value(number, name).map(|value| self.symbols.text(value))
                })
            });
        }
        found
    }

    fn matching(&self, set: &[Matcher], sight: &Sight) -> Vec<u32> {
        let postings = self.postings.read().expect("no panic while locked");
        let mut tests: Vec<Test> = set.iter().map(|matcher| self.test(&postings, matcher, sight)).collect();
        if tests.iter().any(|test| matches!(test, Test::None)) {
            return Vec::new();
        }
        tests.retain(|test| !matches!(test, Test::All));
        // The test that leaves the fewest series goes first.
        let size = |test: &Test| match test {
            Test::With { name, values } => values.iter().map(|value| postings.with(*name, *value).len()).sum(),
            _ => usize::MAX,
        };
        let first = tests.iter().enumerate().map(|(at, test)| (size(test), at)).min();
        let mut found: Vec<u32> = match first {
            Some((count, at)) if count < usize::MAX => {
                let Test::With { name, values } = tests.swap_remove(at) else { unreachable!("only these have a size") };
                union(&postings, name, &values, count)
            }
            _ => (0..self.len()).collect(),
        };
        let mut others: Vec<(usize, Test)> = tests.into_iter().map(|test| (size(&test), test)).collect();
        others.sort_by_key(|(size, _)| *size);
        for (size, test) in others {
            match test {
                Test::With { name, values } if size / 8 < found.len() && size < usize::MAX => {
                    found = intersect(&found, &union(&postings, name, &values, size));
                }
                test => found.retain(|&number| self.passes(&test, number)),
            }
        }
        found
    }

    fn passes(&self, test: &Test, number: u32) -> bool {
        match test {
            Test::With { name, values } => self.value(number, *name).is_some_and(|value| values.contains(&value)),
            Test::MaybeWith { name, values } => self.value(number, *name).is_none_or(|value| values.contains(&value)),
            Test::NotWith { name, values } => self.value(number, *name).is_none_or(|value| !values.contains(&value)),
            Test::All => true,
            Test::None => false,
        }
    }

    fn test(&self, postings: &Postings, matcher: &Matcher, sight: &Sight) -> Test {
        let without = matcher.matches("");
        let Some(name) = self.symbols.get(&matcher.name) else {
            return if without { Test::All } else { Test::None };
        };
        let masked = sight.masked.contains(&matcher.name);
        if masked {
            return match (matcher.matches(&sight.mask), without) {
                (true, true) => Test::All,
                (false, false) => Test::None,
                (true, false) => Test::having(postings, name),
                (false, true) => Test::MaybeWith { name, values: HashSet::default() },
            };
        }
        let one = |text: &str| self.symbols.get(text).filter(|value| !postings.with(name, *value).is_empty());
        match matcher.op {
            Op::Equal if without => Test::MaybeWith { name, values: HashSet::default() },
            Op::Equal => match one(&matcher.value) {
                Some(value) => Test::With { name, values: std::iter::once(value).collect() },
                None => Test::None,
            },
            Op::NotEqual if without => one(&matcher.value)
                .map_or(Test::All, |value| Test::NotWith { name, values: std::iter::once(value).collect() }),
            Op::Matches if !without && literals(&matcher.value).is_some() => {
                let values: HashSet<Sym, _> = literals(&matcher.value).into_iter().flatten().filter_map(one).collect();
                if values.is_empty() { Test::None } else { Test::With { name, values } }
            }
            _ => {
                let takes = |value: &Sym| matcher.matches(self.symbols.text(*value));
                let there = postings.values(name).map(|(value, _)| value);
                if without {
                    let refused: HashSet<Sym, _> = there.filter(|value| !takes(value)).collect();
                    return if refused.is_empty() { Test::All } else { Test::NotWith { name, values: refused } };
                }
                let taken: HashSet<Sym, _> = there.filter(takes).collect();
                if taken.is_empty() { Test::None } else { Test::With { name, values: taken } }
            }
        }
    }
}

impl Test {
    /// Series that have the label, whatever its value.
    fn having(postings: &Postings, name: Sym) -> Self {
        let values: HashSet<Sym, _> = postings.values(name).map(|(value, _)| value).collect();
        if values.is_empty() { Self::None } else { Self::With { name, values } }
    }
}

/// The texts of an expression that is nothing but a choice of texts.
fn literals(pattern: &str) -> Option<impl Iterator<Item = &str>> {
    let special = |c: char| matches!(c, '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '\\');
    (!pattern.contains(special)).then(|| pattern.split('|'))
}

fn union(postings: &Postings, name: Sym, values: &HashSet<Sym, foldhash::fast::RandomState>, size: usize) -> Vec<u32> {
    let mut all = Vec::with_capacity(size);
    for value in values {
        all.extend_from_slice(postings.with(name, *value));
    }
    if values.len() > 1 {
        // A series has a label once: there is nothing twice. The sort that makes use of parts that are in order already.
        all.sort_unstable();
    }
    all
}

fn intersect(some: &[u32], others: &[u32]) -> Vec<u32> {
    let (mut left, mut right) = (0, 0);
    let mut both = Vec::with_capacity(some.len().min(others.len()));
    while let (Some(a), Some(b)) = (some.get(left), others.get(right)) {
        if a == b {
            both.push(*a);
        }
        left += usize::from(a <= b);
        right += usize::from(b <= a);
    }
    both
}
