//! Whole spans as the storage engine sends them: RowBinary, in the order of [`read_spans`].
//!
//! A row is cut into its parts; attributes, events and links stay encoded until somebody asks for them, so that a trace of
//! 200 k spans costs no list per span.
//!
//! Source: <https://clickhouse.com/docs/interfaces/formats/RowBinary>.

use super::tree::Node;
use crate::columns::AttributeValue;
use crate::render::{AttributeSource, BadRows, Rows, row_attributes};
use std::collections::HashMap;

/// A span. Texts should be UTF-8, which whoever writes them out makes sure of.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Trace id.
    pub trace_id: [u8; 16],
    /// Span id.
    pub span_id: [u8; 8],
    /// Span id of the parent, all zero when there is none.
    pub parent_span_id: [u8; 8],
    /// W3C trace state.
    pub trace_state: &'a [u8],
    /// W3C trace flags, and OpenTelemetry's about the parent.
    pub flags: u32,
    /// Name of the operation.
    pub name: &'a [u8],
    /// OpenTelemetry's `SpanKind`.
    pub kind: u8,
    /// Start in ns since the epoch.
    pub start: i64,
    /// Duration in ns.
    pub duration: u64,
    /// OpenTelemetry's `StatusCode`.
    pub status: u8,
    /// What the status says.
    pub status_message: &'a [u8],
    /// Name of the service.
    pub service: &'a [u8],
    /// Attributes of the resource, a JSON object or nothing.
    pub resource: &'a [u8],
    /// Name of the instrumentation scope.
    pub scope_name: &'a [u8],
    /// Its version.
    pub scope_version: &'a [u8],
    /// Its attributes, a JSON object or nothing.
    pub scope_attributes: &'a [u8],
    /// Attributes that were not kept.
    pub dropped_attributes: u32,
    /// Events that were not kept.
    pub dropped_events: u32,
    /// Links that were not kept.
    pub dropped_links: u32,
    /// Number of events.
    pub event_count: usize,
    /// Number of links.
    pub link_count: usize,
    /// How many spans it stands for.
    pub weight: f32,
    events: &'a [u8],
    links: &'a [u8],
    attributes: &'a [u8],
    sources: &'a [AttributeSource],
}

/// An event of a span.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event<'a> {
    /// Time in ns since the epoch.
    pub time: i64,
    /// Its name.
    pub name: &'a [u8],
    /// A JSON object or nothing.
    pub attributes: &'a [u8],
}

/// A link of a span.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link<'a> {
    /// Trace that is linked to.
    pub trace_id: [u8; 16],
    /// Span that is linked to.
    pub span_id: [u8; 8],
    /// W3C trace state.
    pub trace_state: &'a [u8],
    /// A JSON object or nothing.
    pub attributes: &'a [u8],
}

impl<'a> Span<'a> {
    /// End in ns since the epoch.
    pub fn end(&self) -> i64 {
        self.start.saturating_add_unsigned(self.duration)
    }

    /// What the shape of its trace depends on.
    pub fn node(&self) -> Node {
        Node {
            id: self.span_id,
            parent: self.parent_span_id,
            kind: self.kind,
            start: self.start,
            duration: self.duration,
        }
    }

    /// The attributes by key.
    pub(crate) fn attributes(&self) -> Vec<(&'a [u8], AttributeValue<'a>)> {
        // The row was read once already, so that this cannot fail.
        let mut found = row_attributes(&mut Rows::new(self.attributes), self.sources).unwrap_or_default();
        found.sort_by_key(|(key, _)| *key);
        found
    }

    /// The events in order.
    pub fn events(&self) -> Vec<Event<'a>> {
        read_events(&mut Rows::new(self.events)).unwrap_or_default()
    }

    /// The links in order.
    pub fn links(&self) -> Vec<Link<'a>> {
        read_links(&mut Rows::new(self.links)).unwrap_or_default()
    }
}

/// Cut rows of (trace_id, span_id, parent_span_id, trace_state, flags, name, kind, timestamp, duration, status,
/// status_message, service, resource, scope_name, scope_version, scope_attributes, dropped_attributes, dropped_events,
/// dropped_links, events_timestamp, events_name, events_attributes, links_trace_id, links_span_id, links_trace_state,
/// links_attributes, weight, then the attributes as `sources` says).
pub fn read_spans<'a>(rows: &'a [u8], sources: &'a [AttributeSource]) -> Result<Vec<Span<'a>>, BadRows> {
    let mut reader = Rows::new(rows);
    let mut spans = Vec::with_capacity(rows.len() / 512);
    while !reader.at_end() {
        let at = reader.at;
        spans.push(span(&mut reader, rows, sources).ok_or(BadRows { at })?);
    }
    Ok(spans)
}

fn span<'a>(reader: &mut Rows<'a>, rows: &'a [u8], sources: &'a [AttributeSource]) -> Option<Span<'a>> {
    let mut span = Span {
        trace_id: reader.array()?,
        span_id: reader.array()?,
        parent_span_id: reader.array()?,
        trace_state: reader.string()?,
        flags: u32::from_le_bytes(reader.array()?),
        name: reader.string()?,
        kind: u8::from_le_bytes(reader.array()?),
        start: reader.int()?,
        duration: u64::from_le_bytes(reader.array()?),
        status: u8::from_le_bytes(reader.array()?),
        status_message: reader.string()?,
        service: reader.string()?,
        resource: reader.string()?,
        scope_name: reader.string()?,
        scope_version: reader.string()?,
        scope_attributes: reader.string()?,
        dropped_attributes: u32::from_le_bytes(reader.array()?),
        dropped_events: u32::from_le_bytes(reader.array()?),
        dropped_links: u32::from_le_bytes(reader.array()?),
        event_count: 0,
        link_count: 0,
        weight: 1.0,
        events: &[],
        links: &[],
        attributes: &[],
        sources,
    };
    let from = reader.at;
    span.event_count = skip_events(reader)?;
    span.events = &rows[from..reader.at];
    let from = reader.at;
    span.link_count = skip_links(reader)?;
    span.links = &rows[from..reader.at];
    span.weight = f32::from_le_bytes(reader.array()?);
    let from = reader.at;
    for source in sources {
        match source {
            AttributeSource::Map(kind) => {
                for _ in 0..reader.length()? {
                    reader.string()?;
                    reader.value(*kind)?;
                }
            }
            AttributeSource::Column(kind, _) => {
                if reader.array::<1>()? == [0] {
                    reader.value(*kind)?;
                }
            }
        }
    }
    span.attributes = &rows[from..reader.at];
    Some(span)
}

fn skip_events(reader: &mut Rows<'_>) -> Option<usize> {
    let count = reader.length()?;
    skip_fixed(reader, count, 8)?;
    let names = skip_strings(reader)?;
    (names == count && skip_strings(reader)? == count).then_some(count)
}

fn skip_links(reader: &mut Rows<'_>) -> Option<usize> {
    let count = reader.length()?;
    skip_fixed(reader, count, 16)?;
    if reader.length()? != count {
        return None;
    }
    skip_fixed(reader, count, 8)?;
    let states = skip_strings(reader)?;
    (states == count && skip_strings(reader)? == count).then_some(count)
}

fn skip_fixed(reader: &mut Rows<'_>, count: usize, width: usize) -> Option<()> {
    reader.take(count.checked_mul(width)?).map(drop)
}

fn skip_strings(reader: &mut Rows<'_>) -> Option<usize> {
    let count = reader.length()?;
    for _ in 0..count {
        reader.string()?;
    }
    Some(count)
}

fn read_events<'a>(reader: &mut Rows<'a>) -> Option<Vec<Event<'a>>> {
    let mut events = vec![Event::default(); reader.length()?];
    for event in &mut events {
        event.time = reader.int()?;
    }
    reader.length()?;
    for event in &mut events {
        event.name = reader.string()?;
    }
    reader.length()?;
    for event in &mut events {
        event.attributes = reader.string()?;
    }
    Some(events)
}

fn read_links<'a>(reader: &mut Rows<'a>) -> Option<Vec<Link<'a>>> {
    let mut links = vec![Link::default(); reader.length()?];
    for link in &mut links {
        link.trace_id = reader.array()?;
    }
    reader.length()?;
    for link in &mut links {
        link.span_id = reader.array()?;
    }
    reader.length()?;
    for link in &mut links {
        link.trace_state = reader.string()?;
    }
    reader.length()?;
    for link in &mut links {
        link.attributes = reader.string()?;
    }
    Some(links)
}

/// The rows of whole traces in the order of their ids; of traces that are not named, last, in the order in which they come.
pub fn in_order(rows: &[u8], sources: &[AttributeSource], ids: &[[u8; 16]]) -> Result<Vec<u8>, BadRows> {
    let places: HashMap<&[u8; 16], usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
    let mut reader = Rows::new(rows);
    let mut found = Vec::new();
    while !reader.at_end() {
        let at = reader.at;
        let one = span(&mut reader, rows, sources).ok_or(BadRows { at })?;
        found.push((places.get(&one.trace_id).copied().unwrap_or(usize::MAX), at..reader.at));
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(found.into_iter().flat_map(|(_, range)| &rows[range]).copied().collect())
}

/// The spans of each trace: rows of one follow each other.
pub fn by_trace<'s, 'a>(spans: &'s [Span<'a>]) -> impl Iterator<Item = &'s [Span<'a>]> {
    spans.chunk_by(|one, other| one.trace_id == other.trace_id)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::native::attributes::AttributeType;

    /// A span to write rows of, for tests.
    #[derive(Clone)]
    pub(crate) struct Row {
        pub trace: u8,
        pub id: u64,
        pub parent: u64,
        pub name: String,
        pub kind: u8,
        pub start: i64,
        pub duration: u64,
        pub status: u8,
        pub service: String,
        pub resource: String,
        pub scope: (String, String, String),
        pub events: Vec<(i64, String, String)>,
        pub links: Vec<(u8, u64, String)>,
        pub strings: Vec<(String, String)>,
        pub jsons: Vec<(String, String)>,
        pub int: Option<i64>,
        pub state: String,
        pub message: String,
    }

    pub(crate) fn row(id: u64, parent: u64, start: i64, duration: u64) -> Row {
        Row {
            trace: 1,
            id,
            parent,
            name: "GET /".to_owned(),
            kind: 1,
            start,
            duration,
            status: 0,
            service: "shop".to_owned(),
            resource: "{\"service.name\":\"shop\"}".to_owned(),
            scope: Default::default(),
            events: Vec::new(),
            links: Vec::new(),
            strings: Vec::new(),
            jsons: Vec::new(),
            int: None,
            state: String::new(),
            message: String::new(),
        }
    }

    /// Two maps, and a column of integers that are called `n`.
    pub(crate) fn sources() -> Vec<AttributeSource> {
        vec![
            AttributeSource::Map(AttributeType::String),
            AttributeSource::Map(AttributeType::Json),
            AttributeSource::Column(AttributeType::Int, "n".to_owned()),
        ]
    }

    pub(crate) fn length(out: &mut Vec<u8>, mut number: usize) {
        while number > 127 {
            out.push(number as u8 & 127 | 128);
            number >>= 7;
        }
        out.push(number as u8);
    }

    pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
        length(out, text.len());
        out.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn encode(rows: &[Row]) -> Vec<u8> {
        let mut out = Vec::new();
        for row in rows {
            out.extend_from_slice(&[row.trace; 16]);
            out.extend_from_slice(&row.id.to_be_bytes());
            out.extend_from_slice(&row.parent.to_be_bytes());
            text(&mut out, &row.state);
            out.extend_from_slice(&1_u32.to_le_bytes());
            text(&mut out, &row.name);
            out.push(row.kind);
            out.extend_from_slice(&row.start.to_le_bytes());
            out.extend_from_slice(&row.duration.to_le_bytes());
            out.push(row.status);
            for one in [&row.message, &row.service, &row.resource, &row.scope.0, &row.scope.1, &row.scope.2] {
                text(&mut out, one);
            }
            for dropped in [1_u32, 2, 3] {
                out.extend_from_slice(&dropped.to_le_bytes());
            }
            length(&mut out, row.events.len());
            row.events.iter().for_each(|event| out.extend_from_slice(&event.0.to_le_bytes()));
            length(&mut out, row.events.len());
            row.events.iter().for_each(|event| text(&mut out, &event.1));
            length(&mut out, row.events.len());
            row.events.iter().for_each(|event| text(&mut out, &event.2));
            length(&mut out, row.links.len());
            row.links.iter().for_each(|link| out.extend_from_slice(&[link.0; 16]));
            length(&mut out, row.links.len());
            row.links.iter().for_each(|link| out.extend_from_slice(&link.1.to_be_bytes()));
            length(&mut out, row.links.len());
            row.links.iter().for_each(|_| text(&mut out, "s=1"));
            length(&mut out, row.links.len());
            row.links.iter().for_each(|link| text(&mut out, &link.2));
            out.extend_from_slice(&1_f32.to_le_bytes());
            for map in [&row.strings, &row.jsons] {
                length(&mut out, map.len());
                for (key, value) in map {
                    text(&mut out, key);
                    text(&mut out, value);
                }
            }
            out.push(u8::from(row.int.is_none()));
            if let Some(number) = row.int {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        out
    }

    #[test]
    fn rows_are_cut_into_their_parts() {
        let mut one = row(7, 3, 1_000, 50);
        one.events =
            vec![(1_010, "retry".to_owned(), "{\"n\":1}".to_owned()), (1_020, "end".to_owned(), String::new())];
        one.links = vec![(9, 8, "{\"a\":true}".to_owned())];
        one.strings = vec![("z".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        one.int = Some(-5);
        let sources = sources();
        let rows = encode(&[one, row(8, 7, 1_001, 5)]);
        let spans = read_spans(&rows, &sources).unwrap();
        assert_eq!((spans.len(), spans[0].end(), spans[0].name, spans[1].start), (2, 1_050, &b"GET /"[..], 1_001));
        assert_eq!((spans[0].dropped_attributes, spans[0].dropped_events, spans[0].dropped_links), (1, 2, 3));
        let keys: Vec<_> = spans[0].attributes().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [&b"b"[..], b"n", b"z"]);
        let events = spans[0].events();
        assert_eq!(
            (events.len(), events[1].time, events[0].name, events[0].attributes),
            (2, 1_020, &b"retry"[..], &b"{\"n\":1}"[..])
        );
        let links = spans[0].links();
        assert_eq!((links[0].trace_id, links[0].span_id[7], links[0].attributes), ([9; 16], 8, &b"{\"a\":true}"[..]));
        assert_eq!((spans[1].event_count, spans[1].links().len(), spans[1].attributes().len()), (0, 0, 0));
        assert_eq!(by_trace(&spans).count(), 1);
    }

    #[test]
    fn traces_are_put_in_order() {
        let of = |trace: u8, id: u64| Row { trace, ..row(id, 0, 1, 1) };
        let (rows, sources) = (encode(&[of(1, 1), of(1, 2), of(2, 3), of(3, 4), of(9, 5)]), sources());
        let ordered = in_order(&rows, &sources, &[[3; 16], [7; 16], [1; 16], [2; 16]]).unwrap();
        let found: Vec<u8> = read_spans(&ordered, &sources).unwrap().iter().map(|span| span.span_id[7]).collect();
        assert_eq!(found, [4, 1, 2, 3, 5]);
        assert!(in_order(&rows[1..], &sources, &[]).is_err());
    }

    #[test]
    fn rows_that_end_early_are_refused() {
        let mut one = row(7, 3, 1_000, 50);
        one.events = vec![(1_010, "retry".to_owned(), String::new())];
        one.links = vec![(9, 8, String::new())];
        one.int = Some(1);
        let (rows, sources) = (encode(&[one]), sources());
        for end in 1..rows.len() {
            assert!(read_spans(&rows[..end], &sources).is_err(), "{end}");
        }
        assert!(read_spans(&[255; 4096], &sources).is_err());
    }
}
