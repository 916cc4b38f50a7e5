//! Masked fields of records that have not been read from the store: a batch as somebody sees it who may not see some values.
//!
//! What is left looks, and is identified, as `storage/clickhouse/masking.py` has it for stored records.

use crate::batch::LogBatch;
use crate::columns::{MapColumn, Strings, Values};
use crate::dictionary::Dictionary;
use crate::json::writer::write_string;
use crate::process::rows::count;
use crate::template::{Skeletons, Templater};
use regex::bytes::{NoExpand, Regex};
use std::fmt;

/// What stands in the place of a value.
const MASK: &[u8] = b"***";

/// Columns that can be masked.
const COLUMNS: [&str; 7] = ["service", "body", "trace_id", "span_id", "event_name", "scope_name", "scope_version"];

/// A field that cannot be masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotMaskable(String);

impl fmt::Display for NotMaskable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be masked", self.0)
    }
}

impl std::error::Error for NotMaskable {}

/// Masked fields, ready to be applied.
#[derive(Debug, Default)]
pub struct Masks {
    columns: Vec<&'static str>,
    attributes: Vec<String>,
    resource: Vec<Member>,
}

/// A member of resources: what finds it, what is put in its place, and what tells that it could not be found whole.
#[derive(Debug)]
struct Member {
    found: Regex,
    shown: Vec<u8>,
    left: Regex,
}

impl Masks {
    /// From (kind, name) of fields as the plan has them: column, attribute or resource.
    pub fn new<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, NotMaskable> {
        let mut masks = Self::default();
        let mut names = Vec::new();
        for (kind, name) in fields {
            match (kind, name) {
                ("attribute", key) => masks.attributes.push(key.to_owned()),
                ("resource", key) => names.push(key),
                // The template tells of the body.
                ("column", "template_id") => masks.columns.push("body"),
                ("column", column) => {
                    let known = COLUMNS.into_iter().find(|known| *known == column);
                    masks.columns.push(known.ok_or_else(|| NotMaskable(format!("{kind} {name}")))?);
                }
                _ => return Err(NotMaskable(format!("{kind} {name}"))),
            }
        }
        names.sort_unstable();
        masks.resource = names.into_iter().map(member).collect::<Result<_, _>>()?;
        Ok(masks)
    }

    fn masks(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }

    /// The batch with its values masked.
    pub fn apply(&self, batch: &LogBatch) -> LogBatch {
        let mut masked = batch.clone();
        self.resources(&mut masked);
        self.scopes(&mut masked);
        self.bodies(&mut masked);
        self.attributes(batch, &mut masked);
        if self.masks("trace_id") {
            masked.trace_ids.fill([0; 16]);
        }
        if self.masks("span_id") {
            masked.span_ids.fill([0; 8]);
        }
        if self.masks("event_name") {
            let mask = masked.texts.intern([MASK]);
            for id in masked.event_names.iter_mut().filter(|id| !batch.texts.get(**id, 0).is_empty()) {
                *id = mask;
            }
        }
        count(&mut masked);
        masked
    }

    fn resources(&self, masked: &mut LogBatch) {
        if !self.masks("service") && self.resource.is_empty() {
            return;
        }
        let mut resources = Dictionary::<2>::default();
        let ids: Vec<u32> = (0..masked.origins.resources.len() as u32)
            .map(|id| {
                let service = shown(masked.origins.resources.get(id, 0), self.masks("service"));
                let json = self.resource(masked.origins.resources.get(id, 1));
                resources.intern([service, &json])
            })
            .collect();
        masked.origins.resource_ids.iter_mut().for_each(|id| *id = ids[*id as usize]);
        masked.origins.resources = resources;
    }

    /// A resource with its members masked, at any depth. One that has arrays or objects within its value, whose end no
    /// expression finds, takes the whole resource with it.
    fn resource(&self, json: &[u8]) -> Vec<u8> {
        let mut json = json.to_vec();
        for member in &self.resource {
            json = member.found.replace_all(&json, NoExpand(&member.shown)).into_owned();
        }
        if self.resource.iter().any(|member| member.left.is_match(&json)) {
            let members: Vec<&[u8]> = self.resource.iter().map(|member| &member.shown[..]).collect();
            return [b"{", &members.join(&b","[..])[..], b"}"].concat();
        }
        json
    }

    fn scopes(&self, masked: &mut LogBatch) {
        if !self.masks("scope_name") && !self.masks("scope_version") {
            return;
        }
        let mut scopes = Dictionary::<3>::default();
        let old = &masked.origins.scopes;
        let ids: Vec<u32> = (0..old.len() as u32)
            .map(|id| {
                let name = shown(old.get(id, 0), self.masks("scope_name"));
                scopes.intern([name, shown(old.get(id, 1), self.masks("scope_version")), old.get(id, 2)])
            })
            .collect();
        masked.origins.scope_ids.iter_mut().for_each(|id| *id = ids[*id as usize]);
        masked.origins.scopes = scopes;
    }

    fn bodies(&self, masked: &mut LogBatch) {
        if !self.masks("body") {
            return;
        }
        let (mut bodies, mut skeletons, mut templater) =
            (Strings::default(), Skeletons::default(), Templater::default());
        for row in 0..masked.num_rows() {
            let body = shown(masked.bodies.get(row), true);
            bodies.push(body);
            (masked.skeleton_ids[row], masked.template_ids[row]) = templater.add(body, &mut skeletons);
        }
        masked.bodies = bodies;
        masked.skeletons = skeletons;
    }

    /// A masked attribute is a text, whatever it was.
    fn attributes(&self, batch: &LogBatch, masked: &mut LogBatch) {
        let keys: Vec<u32> =
            self.attributes.iter().filter_map(|key| batch.attributes.keys.find([key.as_bytes()])).collect();
        if keys.is_empty() {
            return;
        }
        let mut strings = MapColumn::<Strings>::default();
        for row in 0..batch.num_rows() {
            for at in batch.attributes.strings.row(row).filter(|at| !keys.contains(&batch.attributes.strings.keys[*at]))
            {
                strings.push(batch.attributes.strings.keys[at], batch.attributes.strings.values.get(at));
            }
            for &key in &keys {
                let held = has(&batch.attributes.strings, row, key)
                    || has(&batch.attributes.ints, row, key)
                    || has(&batch.attributes.floats, row, key)
                    || has(&batch.attributes.bools, row, key)
                    || has(&batch.attributes.jsons, row, key);
                if held {
                    strings.push(key, MASK);
                }
            }
            strings.end_row();
        }
        let mut jsons = MapColumn::<Strings>::default();
        for row in 0..batch.num_rows() {
            for at in batch.attributes.jsons.row(row).filter(|at| !keys.contains(&batch.attributes.jsons.keys[*at])) {
                jsons.push(batch.attributes.jsons.keys[at], batch.attributes.jsons.values.get(at));
            }
            jsons.end_row();
        }
        masked.attributes.ints = without(&batch.attributes.ints, &keys);
        masked.attributes.floats = without(&batch.attributes.floats, &keys);
        masked.attributes.bools = without(&batch.attributes.bools, &keys);
        (masked.attributes.strings, masked.attributes.jsons) = (strings, jsons);
    }
}

fn shown(text: &[u8], masked: bool) -> &[u8] {
    if masked && !text.is_empty() { MASK } else { text }
}

fn has<V: Values>(map: &MapColumn<V>, row: usize, key: u32) -> bool {
    map.keys[map.row(row)].contains(&key)
}

fn without<T: Copy>(map: &MapColumn<Vec<T>>, keys: &[u32]) -> MapColumn<Vec<T>> {
    let mut left = MapColumn::<Vec<T>>::default();
    for row in 0..map.offsets.len() - 1 {
        for at in map.row(row).filter(|at| !keys.contains(&map.keys[*at])) {
            left.push(map.keys[at], map.values[at]);
        }
        left.end_row();
    }
    left
}

/// `masking.member` has the same expression.
fn member(name: &str) -> Result<Member, NotMaskable> {
    const TEXT: &str = r#""(?:[^"\\]|\\.)*""#;
    let mut shown = Vec::new();
    write_string(&mut shown, name.as_bytes());
    let key = regex::escape(&String::from_utf8_lossy(&shown));
    shown.push(b':');
    write_string(&mut shown, MASK);
    let compile = |pattern: String| Regex::new(&pattern).map_err(|_| NotMaskable(format!("resource {name}")));
    Ok(Member {
        found: compile(format!(r#"{key}:(?:{TEXT}|[^"\[{{,}}\]]+|[\[{{](?:{TEXT}|[^"\[\]{{}}])*[\]}}])"#))?,
        left: compile(format!(r"{key}:[\[{{]"))?,
        shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(names: &[&str], json: &str) -> String {
        let masks = Masks::new(names.iter().map(|name| ("resource", *name))).unwrap();
        String::from_utf8(masks.resource(json.as_bytes())).unwrap()
    }

    #[test]
    fn members_of_resources_are_masked_whatever_they_hold() {
        for (json, expected) in [
            (r#"{"a":"x","m.n":"y","z":1}"#, r#"{"a":"x","m.n":"***","z":1}"#),
            (r#"{"m.n":"say \"m.n\":\\","z":1}"#, r#"{"m.n":"***","z":1}"#),
            (r#"{"m.n":-1.5e3}"#, r#"{"m.n":"***"}"#),
            (r#"{"m.n":null,"mxn":true}"#, r#"{"m.n":"***","mxn":true}"#),
            (r#"{"m.n":["a","]"],"b":[1]}"#, r#"{"m.n":"***","b":[1]}"#),
            (r#"{"m.n":{"a":"}"}}"#, r#"{"m.n":"***"}"#),
            (r#"{"m.n":[],"n":{}}"#, r#"{"m.n":"***","n":{}}"#),
            (r#"{"d":{"m.n":"deep","k":"v"}}"#, r#"{"d":{"m.n":"***","k":"v"}}"#),
            (r#"{"d":"\"m.n\":\"text\""}"#, r#"{"d":"\"m.n\":\"text\""}"#),
            (r#"{"a":"gone","m.n":[[1]]}"#, r#"{"m.n":"***"}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(resource(&["m.n"], json), expected);
        }
        assert_eq!(resource(&["b", "a"], r#"{"a":{"b":[1]},"c":5}"#), r#"{"a":"***","b":"***"}"#);
        assert_eq!(resource(&["q\"k\\"], r#"{"q\"k\\":"v"}"#), r#"{"q\"k\\":"***"}"#);
    }

    #[test]
    fn other_fields_cannot_be_masked() {
        assert!(Masks::new([("column", "timestamp")]).is_err());
        assert!(Masks::new([("anywhere", "x")]).is_err());
    }
}
