//! Log queries: entries that pass the pipeline, as Loki's streams.

use super::LogqlError;
use super::entry::{self, Entry, Kind, Rows};
use super::json::Json;
use super::program::{Program, Totals};
use crate::json::writer::write_string;
use crate::render::{AttributeSource, BadRows};
use std::collections::HashMap;

type Labels = Vec<(String, String)>;

#[derive(Debug)]
struct Found {
    timestamp: i64,
    stream: usize,
    line: String,
    /// Structured metadata and parsed labels, when they are to be told apart.
    meta: Labels,
    parsed: Labels,
}

/// Collects up to `limit` entries of pages that come in the order of the answer. Rows of one page may come in any order.
#[derive(Debug)]
pub struct Entries {
    program: Program,
    forward: bool,
    limit: usize,
    interval: i64,
    categorize: bool,
    sources: entry::Streams,
    ids: HashMap<Labels, usize>,
    labels: Vec<Labels>,
    found: Vec<Found>,
    last: Option<i64>,
    totals: Totals,
}

impl Entries {
    /// `forward`: oldest first. `interval` (ns, 0 for none) leaves out entries closer together. `categorize` keeps
    /// structured metadata and parsed labels apart from the labels of the stream.
    pub fn new(program: Program, forward: bool, limit: usize, interval: i64, categorize: bool) -> Self {
        Self {
            program,
            forward,
            limit,
            interval,
            categorize,
            sources: entry::Streams::default(),
            ids: HashMap::new(),
            labels: Vec::new(),
            found: Vec::new(),
            last: None,
            totals: Totals::default(),
        }
    }

    /// Take in a page; how many entries are there now.
    pub fn feed(&mut self, rows: &[u8], sources: &[AttributeSource]) -> Result<usize, LogqlError> {
        let Self { program, ids, labels, categorize, totals, .. } = self;
        let mut page: Vec<Found> = Vec::new();
        program.run(rows, sources, &mut self.sources, totals, |entry| {
            page.push(found(&entry, ids, labels, *categorize));
            Ok(())
        })?;
        Ok(self.take(page))
    }

    /// Take in records as a search renders them; how many entries are there now.
    pub fn feed_rendered(&mut self, records: &[&[u8]]) -> Result<usize, LogqlError> {
        let Self { program, ids, labels, categorize, totals, .. } = self;
        let mut page: Vec<Found> = Vec::new();
        program.run_rendered(records, &mut self.sources, totals, |entry| {
            page.push(found(&entry, ids, labels, *categorize));
            Ok(())
        })?;
        Ok(self.take(page))
    }

    fn take(&mut self, mut page: Vec<Found>) -> usize {
        let forward = self.forward;
        page.sort_by(|one, other| {
            let order = one.timestamp.cmp(&other.timestamp);
            if forward { order } else { order.reverse() }
        });
        for one in page {
            if self.found.len() >= self.limit {
                break;
            }
            let near = self.interval > 0 && self.last.is_some_and(|last| (one.timestamp - last).abs() < self.interval);
            if !near {
                self.last = Some(one.timestamp);
                self.found.push(one);
            }
        }
        self.found.len()
    }

    /// What was read.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The streams as JSON: `[{"stream": {...}, "values": [["ns", "line"], ...]}, ...]`.
    pub fn encode(&self) -> Vec<u8> {
        let mut by_stream: Vec<Vec<&Found>> = vec![Vec::new(); self.labels.len()];
        for one in &self.found {
            by_stream[one.stream].push(one);
        }
        let mut order: Vec<usize> = (0..self.labels.len()).filter(|&stream| !by_stream[stream].is_empty()).collect();
        order.sort_by(|&one, &other| self.labels[one].cmp(&self.labels[other]));
        let mut out = vec![b'['];
        for (number, &stream) in order.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"stream\":");
            write_labels(&mut out, &self.labels[stream]);
            out.extend_from_slice(b",\"values\":[");
            for (number, one) in by_stream[stream].iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                self.write_entry(&mut out, one);
            }
            out.extend_from_slice(b"]}");
        }
        out.push(b']');
        out
    }

    fn write_entry(&self, out: &mut Vec<u8>, one: &Found) {
        out.extend_from_slice(b"[\"");
        out.extend_from_slice(one.timestamp.to_string().as_bytes());
        out.extend_from_slice(b"\",");
        write_string(out, one.line.as_bytes());
        if self.categorize {
            out.extend_from_slice(b",{");
            let mut first = true;
            for (name, labels) in [("structuredMetadata", &one.meta), ("parsed", &one.parsed)] {
                if !labels.is_empty() {
                    if !first {
                        out.push(b',');
                    }
                    first = false;
                    write_string(out, name.as_bytes());
                    out.push(b':');
                    write_labels(out, labels);
                }
            }
            out.push(b'}');
        }
        out.push(b']');
    }
}

fn found(entry: &Entry<'_>, ids: &mut HashMap<Labels, usize>, all: &mut Vec<Labels>, categorize: bool) -> Found {
    let (mut stream, mut meta, mut parsed) = (Labels::new(), Labels::new(), Labels::new());
    for label in &entry.labels {
        let pair = (label.name.to_string(), label.value.to_string());
        match label.kind {
            Kind::Meta if categorize => meta.push(pair),
            Kind::Parsed if categorize => parsed.push(pair),
            _ => stream.push(pair),
        }
    }
    if let Some(error) = entry.error {
        let into = if categorize { &mut parsed } else { &mut stream };
        into.push(("__error__".to_owned(), error.to_owned()));
        if !entry.error_details.is_empty() {
            into.push(("__error_details__".to_owned(), entry.error_details.clone()));
        }
    }
    stream.sort_unstable();
    meta.sort_unstable();
    parsed.sort_unstable();
    let stream = if let Some(&id) = ids.get(&stream) {
        id
    } else {
        all.push(stream.clone());
        ids.insert(stream, all.len() - 1);
        all.len() - 1
    };
    Found { timestamp: entry.timestamp, stream, line: entry.line.to_string(), meta, parsed }
}

/// A JSON object of labels.
pub(crate) fn write_labels(out: &mut Vec<u8>, labels: &[(String, String)]) {
    out.push(b'{');
    for (number, (name, value)) in labels.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_string(out, name.as_bytes());
        out.push(b':');
        write_string(out, value.as_bytes());
    }
    out.push(b'}');
}

/// One row of a `Tally`: bucket, service, resource, severity number, template id, count, bytes, a sample of the bodies, and
/// the values of the labels asked for.
pub(crate) struct TallyRow<'a> {
    pub bucket: i64,
    pub service: &'a [u8],
    pub resource: &'a [u8],
    pub severity: u8,
    pub template_id: u64,
    pub count: u64,
    pub bytes: u64,
    pub sample: &'a [u8],
    pub values: Vec<&'a [u8]>,
}

impl<'a> TallyRow<'a> {
    /// The next row, with so many label values.
    pub fn read(rows: &mut Rows<'a>, values: usize) -> Result<Self, LogqlError> {
        let at = rows.at;
        let read = |rows: &mut Rows<'a>| {
            Some(Self {
                bucket: rows.int()?,
                service: rows.string()?,
                resource: rows.string()?,
                severity: rows.array::<1>()?[0],
                template_id: u64::from_le_bytes(rows.array()?),
                count: u64::from_le_bytes(rows.array()?),
                bytes: u64::from_le_bytes(rows.array()?),
                sample: rows.string()?,
                values: (0..values).map(|_| rows.string()).collect::<Option<_>>()?,
            })
        };
        read(rows).ok_or_else(|| LogqlError(BadRows { at }.to_string()))
    }
}

/// Streams of a tally: (labels, service, resource, count, bytes) of those that match.
pub type Streams = Vec<(Vec<(String, String)>, String, String, u64, u64)>;

/// The streams of a tally (rows without label values) that match any of the selectors; no selector takes all.
/// `selectors` is `[[{"name", "op", "value"}, ...], ...]`.
pub fn streams_of(rows: &[u8], selectors: &str) -> Result<Streams, LogqlError> {
    let json = Json::parse(selectors)?;
    let selectors = json
        .list()
        .iter()
        .map(|one| one.list().iter().map(super::filter::Matcher::read).collect::<Result<Vec<_>, String>>())
        .collect::<Result<Vec<_>, String>>()?;
    let mut reader = Rows::new(rows);
    let mut found = Streams::new();
    while !reader.at_end() {
        let row = TallyRow::read(&mut reader, 0)?;
        let (service, resource) = (entry_text(row.service), entry_text(row.resource));
        let labels = entry::stream_labels(&service, &resource);
        if selectors.is_empty() || selectors.iter().any(|matchers| super::filter::selects(matchers, &labels)) {
            found.push((labels, service, resource, row.count, row.bytes));
        }
    }
    Ok(found)
}

fn entry_text(bytes: &[u8]) -> String {
    super::json::lossy(bytes)
}

/// Run a program over one line without labels: (passes, line, labels, error). For tests against oracles.
pub fn check_line(program: &Program, line: &str) -> (bool, String, Vec<(String, String)>, String) {
    let mut one =
        Entry { timestamp: 0, line: line.into(), labels: Vec::new(), error: None, error_details: String::new() };
    let passes = program.passes(&mut one);
    let mut labels: Labels = one.labels.iter().map(|l| (l.name.to_string(), l.value.to_string())).collect();
    labels.sort_unstable();
    (passes, one.line.to_string(), labels, one.error.unwrap_or("").to_owned())
}
