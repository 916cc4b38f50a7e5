//! Series by label: for each name and value, the numbers of the series that have it, ascending.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use nexus_series::symbols::{Label, Sym};
use rayon::prelude::*;
use std::sync::Arc;

/// Series of a label. Most labels of many values have one or few.
#[derive(Clone, Debug)]
enum List {
    One(u32),
    Many(Vec<u32>),
}

impl List {
    fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }
}

type Values = HashMap<Sym, List, RandomState>;

fn push(values: &mut Values, value: Sym, number: u32) {
    values
        .entry(value)
        .and_modify(|list| match list {
            List::One(first) => *list = List::Many(vec![*first, number]),
            List::Many(numbers) => numbers.push(number),
        })
        .or_insert(List::One(number));
}

/// See the module text.
#[derive(Default)]
pub struct Postings {
    names: HashMap<Sym, Values, RandomState>,
}

impl Postings {
    /// Adds a series; its number is higher than all before.
    pub fn add(&mut self, number: u32, labels: &[Label]) {
        for &(name, value) in labels {
            push(self.names.entry(name).or_default(), value, number);
        }
    }

    /// Adds series with ascending numbers, names beside each other.
    pub fn add_all(&mut self, series: &[(u32, Arc<[Label]>)]) {
        for &(name, _) in series.iter().flat_map(|(_, labels)| labels.iter()) {
            self.names.entry(name).or_default();
        }
        let mut names: Vec<(Sym, &mut Values)> = self.names.iter_mut().map(|(name, values)| (*name, values)).collect();
        names.par_iter_mut().for_each(|(name, values)| {
            for (number, labels) in series {
                for (_, value) in labels.iter().filter(|(label, _)| label == name) {
                    push(values, *value, *number);
                }
            }
        });
    }

    /// Takes series (ascending) with their labels out, going over each list they are in once.
    pub fn remove<'a>(&mut self, gone: &[u32], labels: impl Iterator<Item = &'a [Label]>) {
        let touched: HashSet<Label, RandomState> = labels.flatten().copied().collect();
        for (name, value) in touched {
            let Some(values) = self.names.get_mut(&name) else { continue };
            let empty = match values.get_mut(&value) {
                Some(List::Many(numbers)) => {
                    let mut rest = gone;
                    numbers.retain(|number| {
                        rest = &rest[rest.partition_point(|one| one < number)..];
                        rest.first() != Some(number)
                    });
                    numbers.shrink_to(numbers.len() * 2);
                    numbers.is_empty()
                }
                Some(List::One(only)) => gone.binary_search(only).is_ok(),
                None => false,
            };
            if empty {
                values.remove(&value);
                if values.is_empty() {
                    self.names.remove(&name);
                }
            }
        }
    }

    /// Series that have a label of this value.
    pub fn with(&self, name: Sym, value: Sym) -> &[u32] {
        self.names.get(&name).and_then(|values| values.get(&value)).map_or(&[], List::as_slice)
    }

    /// Values of a name, with their series.
    pub fn values(&self, name: Sym) -> impl Iterator<Item = (Sym, &[u32])> {
        self.names.get(&name).into_iter().flatten().map(|(value, list)| (*value, list.as_slice()))
    }

    /// Number of pairs of name and value.
    pub fn num_pairs(&self) -> usize {
        self.names.values().map(HashMap::len).sum()
    }
}
