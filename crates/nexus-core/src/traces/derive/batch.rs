//! The spans of a batch, one by one.

use super::{Derived, More, Span};
use crate::columns::AttributeValue;
use crate::traces::SpanBatch;

/// Count every span of a batch that arrived at `now_ns`.
pub fn observe(derived: &mut Derived, batch: &SpanBatch, now_ns: i64) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    for row in 0..batch.num_rows() {
        let span = Span {
            trace_id: batch.trace_ids[row],
            span_id: batch.span_ids[row],
            parent_span_id: batch.parent_span_ids[row],
            service: text(batch.origins.resources.get(batch.origins.resource_ids[row], 0)),
            name: text(batch.texts.get(batch.names[row], 0)),
            kind: batch.kinds[row],
            status: batch.statuses[row],
            start: batch.timestamps[row],
            duration: batch.durations[row],
            weight: f64::from(batch.weights[row]),
            size: batch.row_bytes(row),
        };
        derived.observe(&span, &Row { batch, row }, now_ns);
    }
}

struct Row<'a> {
    batch: &'a SpanBatch,
    row: usize,
}

impl More for Row<'_> {
    fn first(&self, keys: &[&str]) -> Option<String> {
        let attributes = &self.batch.attributes;
        // Most batches know few of the keys.
        keys.iter().filter_map(|key| attributes.keys.find([key.as_bytes()])).find_map(|wanted| {
            let mut found = None;
            attributes.each(self.row, |key, value| {
                if key == wanted {
                    found = match value {
                        AttributeValue::String(text) => std::str::from_utf8(text).ok().map(str::to_string),
                        AttributeValue::Int(number) => Some(number.to_string()),
                        _ => None,
                    };
                }
            });
            found.filter(|text| !text.is_empty())
        })
    }

    fn links(&self) -> Vec<([u8; 16], [u8; 8])> {
        let links = &self.batch.links;
        links.row(self.row).map(|at| (links.trace_ids[at], links.span_ids[at])).collect()
    }
}
