//! Asking a predicate of a batch, node by node over the rows that still matter.

use super::attributes;
use super::columns::Selectable;
use super::predicate::{Column, Comparison, Field, Node, TextTest};
use super::resource::{Resource, Value};
use super::text::Bounded;
use crate::columns::AttributeValue;
use crate::origins::Origins;
use std::cell::OnceCell;

/// For each row whether the predicate holds.
pub(super) fn matches<B: Selectable>(root: &Node, batch: &B) -> Vec<bool> {
    let resources = (0..batch.origins().resources.len()).map(|_| OnceCell::new()).collect();
    Evaluation { batch, resources }.node(root, &vec![true; batch.timestamps().len()])
}

/// One batch, with what has been read of its resources.
struct Evaluation<'a, B> {
    batch: &'a B,
    resources: Vec<OnceCell<Resource<'a>>>,
}

impl<B: Selectable> Evaluation<'_, B> {
    /// Of the rows wanted, those that match; the others are false.
    fn node(&self, node: &Node, want: &[bool]) -> Vec<bool> {
        match node {
            Node::All => want.to_vec(),
            Node::And(parts) => parts.iter().fold(want.to_vec(), |left, part| self.node(part, &left)),
            Node::Or(parts) => {
                let mut left = want.to_vec();
                for part in parts {
                    let found = self.node(part, &left);
                    left.iter_mut().zip(found).for_each(|(left, found)| *left &= !found);
                }
                want.iter().zip(left).map(|(&want, left)| want && !left).collect()
            }
            Node::Not(part) => want.iter().zip(self.node(part, want)).map(|(&want, found)| want && !found).collect(),
            Node::Body { text, masked } => self.body(text, *masked, want),
            Node::BodyWildcard(wildcard) => self.lower_bodies(want, |body| wildcard.found_in(body)),
            Node::Compare(field, comparison) => self.compare(field, comparison, want),
            Node::Text(field, test) => self.text(field, test, want),
            Node::Exists(field) => self.exists(field, want),
        }
    }

    // -------------------------------------------------------------------------------------------------------- the body

    fn body(&self, text: &Bounded, masked: bool, want: &[bool]) -> Vec<bool> {
        if masked {
            return self.lower_bodies(want, |body| text.found_in(body));
        }
        // What holds no digit is in a body when it is in its skeleton, which many bodies share. Skeleton 0 knows nothing.
        let Some((ids, skeletons)) = self.batch.skeletons() else {
            return self.lower_bodies(want, |body| text.found_in(body));
        };
        let known: Vec<bool> = want.iter().zip(ids).map(|(&want, &id)| want && id > 0).collect();
        let mut found =
            by_id(&known, skeletons.len(), |row| ids[row] as usize, |row| text.found_in(skeletons.get(ids[row])));
        let others: Vec<bool> = want.iter().zip(ids).map(|(&want, &id)| want && id == 0).collect();
        if others.contains(&true) {
            let plain = self.lower_bodies(&others, |body| text.found_in(body));
            found.iter_mut().zip(plain).for_each(|(found, plain)| *found |= plain);
        }
        found
    }

    fn lower_bodies(&self, want: &[bool], test: impl Fn(&[u8]) -> bool) -> Vec<bool> {
        let mut lower = Vec::new();
        by_row(want, |row| {
            lower.clear();
            lower.extend_from_slice(self.batch.body(row));
            lower.make_ascii_lowercase();
            test(&lower)
        })
    }

    // ---------------------------------------------------------------------------------------------------------- fields

    fn compare(&self, field: &Field, wanted: &Comparison, want: &[bool]) -> Vec<bool> {
        match field {
            Field::Column(column) => {
                let mut scratch = Vec::new();
                self.column(*column, want, |row| self.batch.compares(*column, row, wanted, &mut scratch))
            }
            Field::Attribute(key) => self.attribute(key, want, |value| value.compares(wanted)),
            Field::Resource(key) => self.resource(key, want, |value| value.compares(wanted)),
            Field::Anywhere(key) => either(
                want,
                |want| self.attribute(key, want, |value| value.compares(wanted)),
                |want| self.resource(key, want, |value| value.compares(wanted)),
            ),
        }
    }

    fn text(&self, field: &Field, test: &TextTest, want: &[bool]) -> Vec<bool> {
        let passes = |text: &[u8]| match test {
            TextTest::Regex(pattern) => pattern.found_in(text),
            TextTest::Wildcard(pieces) => pieces.match_all_of(text),
        };
        let attribute = |key: &[u8], want: &[bool]| {
            let mut scratch = Vec::new();
            self.attribute(key, want, |value| passes(value.text(&mut scratch)))
        };
        let resource = |key: &[u8], want: &[bool]| self.resource(key, want, |value| passes(&value.text));
        match field {
            Field::Column(column) => {
                let wildcard = matches!(test, TextTest::Wildcard(_));
                let (mut scratch, mut lower) = (Vec::new(), Vec::new());
                self.column(*column, want, |row| {
                    let text = self.batch.text(*column, row, &mut scratch);
                    if !wildcard {
                        return passes(text);
                    }
                    lower.clear();
                    lower.extend(text.iter().map(u8::to_ascii_lowercase));
                    self.batch.present(*column, row) && passes(&lower)
                })
            }
            Field::Attribute(key) => attribute(key, want),
            Field::Resource(key) => resource(key, want),
            Field::Anywhere(key) => either(want, |want| attribute(key, want), |want| resource(key, want)),
        }
    }

    fn exists(&self, field: &Field, want: &[bool]) -> Vec<bool> {
        match field {
            Field::Column(column) => self.column(*column, want, |row| self.batch.present(*column, row)),
            Field::Attribute(key) => self.attribute(key, want, |_| true),
            Field::Resource(key) => self.resource(key, want, |_| true),
            Field::Anywhere(key) => {
                either(want, |want| self.attribute(key, want, |_| true), |want| self.resource(key, want, |_| true))
            }
        }
    }

    fn column(&self, column: Column, want: &[bool], test: impl FnMut(usize) -> bool) -> Vec<bool> {
        match self.batch.numbered(column) {
            Some(numbered) => by_id(want, numbered.count, |row| numbered.ids.get(row), test),
            None => by_row(want, test),
        }
    }

    fn attribute(&self, key: &[u8], want: &[bool], test: impl FnMut(AttributeValue<'_>) -> bool) -> Vec<bool> {
        attributes::find(self.batch.attributes(), key, want, test)
    }

    fn resource(&self, key: &[u8], want: &[bool], test: impl Fn(&Value) -> bool) -> Vec<bool> {
        let Origins { resource_ids: ids, resources: known, .. } = self.batch.origins();
        by_id(
            want,
            known.len(),
            |row| ids[row] as usize,
            |row| {
                let resource = self.resources[ids[row] as usize].get_or_init(|| Resource::new(known.get(ids[row], 1)));
                resource.get(key).is_some_and(|value| test(&value))
            },
        )
    }
}

fn by_row(want: &[bool], mut test: impl FnMut(usize) -> bool) -> Vec<bool> {
    want.iter().enumerate().map(|(row, &want)| want && test(row)).collect()
}

/// Rows with one id (of `count`) have one answer, which is asked for once.
fn by_id(want: &[bool], count: usize, id: impl Fn(usize) -> usize, mut test: impl FnMut(usize) -> bool) -> Vec<bool> {
    let mut answers: Vec<Option<bool>> = vec![None; count];
    by_row(want, |row| *answers[id(row)].get_or_insert_with(|| test(row)))
}

/// Rows that one or the other finds.
fn either(want: &[bool], first: impl Fn(&[bool]) -> Vec<bool>, second: impl Fn(&[bool]) -> Vec<bool>) -> Vec<bool> {
    let mut found = first(want);
    let left: Vec<bool> = want.iter().zip(&found).map(|(&want, &found)| want && !found).collect();
    found.iter_mut().zip(second(&left)).for_each(|(found, second)| *found |= second);
    found
}
