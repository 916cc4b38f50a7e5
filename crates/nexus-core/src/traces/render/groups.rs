//! Spans by resource and scope, as OTLP has them, and one of each id.

use super::super::rows::Span;
use super::super::tree::SERVER;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

type Hasher = foldhash::fast::RandomState;

/// Spans of one scope.
pub struct Scope<'s, 'a> {
    /// In order.
    pub spans: Vec<&'s Span<'a>>,
}

/// Spans of one resource.
pub struct Resource<'s, 'a> {
    /// By scope, in order of their first span.
    pub scopes: Vec<Scope<'s, 'a>>,
}

/// Each span once: the first of those with one id. A client and its server may share one.
pub fn distinct<'s, 'a>(spans: &'s [Span<'a>]) -> Vec<&'s Span<'a>> {
    let mut seen = HashSet::with_capacity_and_hasher(spans.len(), Hasher::default());
    spans.iter().filter(|span| seen.insert(identity(span))).collect()
}

/// As [`distinct`].
pub fn distinct_of(mut spans: Vec<Span<'_>>) -> Vec<Span<'_>> {
    let mut seen = HashSet::with_capacity_and_hasher(spans.len(), Hasher::default());
    spans.retain(|span| seen.insert(identity(span)));
    spans
}

fn identity(span: &Span<'_>) -> ([u8; 16], [u8; 8], bool) {
    (span.trace_id, span.span_id, span.kind == SERVER)
}

/// Spans by resource and scope.
pub fn grouped<'s, 'a>(spans: Vec<&'s Span<'a>>) -> Vec<Resource<'s, 'a>> {
    by(spans, |span| span.resource)
        .into_iter()
        .map(|spans| Resource {
            scopes: by(spans, |span| (span.scope_name, span.scope_version, span.scope_attributes))
                .into_iter()
                .map(|spans| Scope { spans })
                .collect(),
        })
        .collect()
}

/// Groups in order of their first span.
fn by<'s, 'a, K: Eq + Hash>(spans: Vec<&'s Span<'a>>, key: impl Fn(&'s Span<'a>) -> K) -> Vec<Vec<&'s Span<'a>>> {
    let mut places = HashMap::with_hasher(Hasher::default());
    let mut groups: Vec<Vec<_>> = Vec::new();
    for span in spans {
        let place = *places.entry(key(span)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(span);
    }
    groups
}
