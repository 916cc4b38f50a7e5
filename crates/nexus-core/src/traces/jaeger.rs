//! What Jaeger's spans have in common in Thrift and in protobuf: references.

use super::tagged::TaggedSpans;
use crate::limits::MAX_LINKS;

/// A reference to another span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
    /// `FOLLOWS_FROM` instead of `CHILD_OF`.
    pub follows: bool,
}

/// Keep a reference, as many as are kept of a span: the parent and links.
pub(super) fn push(references: &mut Vec<Reference>, reference: Reference) {
    if references.len() <= 2 * MAX_LINKS {
        references.push(reference);
    }
}

/// The parent of a span, which its first reference within its trace tells when nothing else does, a child's first; all others
/// are links.
pub(super) fn parent_and_links(spans: &mut TaggedSpans, trace: [u8; 16], parent: [u8; 8], references: &[Reference]) {
    let within = |reference: &&Reference| reference.trace_id == trace && reference.span_id != [0; 8];
    let found = match parent {
        [0, 0, 0, 0, 0, 0, 0, 0] => {
            let child = references.iter().filter(within).find(|reference| !reference.follows);
            child.or_else(|| references.iter().find(within))
        }
        id => references.iter().filter(within).find(|reference| reference.span_id == id),
    };
    spans.builder().parent_span_id(found.map_or(parent, |reference| reference.span_id));
    for reference in references.iter().filter(|reference| Some(*reference) != found) {
        let attributes: &[u8] = if reference.follows {
            br#"{"opentracing.ref_type":"follows_from"}"#
        } else {
            br#"{"opentracing.ref_type":"child_of"}"#
        };
        spans.link(reference.trace_id, reference.span_id, attributes);
    }
}
