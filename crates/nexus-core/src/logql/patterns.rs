//! Patterns of lines: counts by template over time, as Loki's `patterns` answers them. Counts are exact: each record has
//! its template since it was decoded.

use super::LogqlError;
use super::entry::Rows;
use super::json::lossy;
use super::streams::TallyRow;
use crate::json::writer::write_string;
use crate::severity;
use crate::template::mask_template;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
struct Pattern {
    sample: String,
    total: u64,
    samples: BTreeMap<i64, u64>,
}

/// `[{"pattern", "level", "samples": [[seconds, count], ...]}, ...]` of a tally by severity and template, the most frequent
/// first. Buckets are named by their right ends (ns).
pub fn patterns_of(rows: &[u8], limit: usize) -> Result<Vec<u8>, LogqlError> {
    let mut found: BTreeMap<(u64, usize), Pattern> = BTreeMap::new();
    let mut reader = Rows::new(rows);
    while !reader.at_end() {
        let row = TallyRow::read(&mut reader, 0)?;
        let pattern = found.entry((row.template_id, severity::name_index(row.severity))).or_default();
        pattern.total += row.count;
        *pattern.samples.entry(row.bucket.div_euclid(1_000_000_000)).or_default() += row.count;
        if pattern.sample.is_empty() {
            pattern.sample = lossy(row.sample);
        }
    }
    let mut order: Vec<(&(u64, usize), &Pattern)> = found.iter().collect();
    order.sort_by(|one, other| other.1.total.cmp(&one.1.total).then(one.0.cmp(other.0)));
    let mut out = vec![b'['];
    for (number, ((_, level), pattern)) in order.into_iter().take(limit).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"pattern\":");
        write_string(&mut out, text_of(&pattern.sample).as_bytes());
        out.extend_from_slice(b",\"level\":\"");
        let name = severity::NAMES[*level];
        out.extend_from_slice(if name == "unset" { b"unknown" } else { name.as_bytes() });
        out.extend_from_slice(b"\",\"samples\":[");
        for (number, (seconds, count)) in pattern.samples.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(format!("[{seconds},{count}]").as_bytes());
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
    Ok(out)
}

/// The template of a line with the letters of the line, so that `|>` finds that line with it.
fn text_of(line: &str) -> String {
    let (template, _) = mask_template(line);
    aligned(&template, line).unwrap_or_else(|| template.replace("<*>", "<_>"))
}

fn aligned(template: &str, line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let pieces: Vec<&str> = template.split("<*>").collect();
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    for (number, piece) in pieces.iter().enumerate() {
        let found = if number == 0 {
            lower.starts_with(piece).then_some(0)
        } else if number + 1 == pieces.len() && piece.is_empty() {
            Some(line.len() - at)
        } else if number + 1 == pieces.len() {
            lower[at..].ends_with(piece).then(|| lower.len() - at - piece.len())
        } else {
            lower[at..].find(piece)
        }?;
        if number > 0 {
            out.push_str("<_>");
        }
        let start = at + found;
        out.push_str(line.get(start..start + piece.len())?);
        at = start + piece.len();
    }
    (at == line.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logql::filter::Pattern as Filter;

    #[test]
    fn patterns_find_their_line() {
        for line in ["User 42 logged in from 10.0.0.1", "GET /api/7 took 12ms", "plain", "ID=5"] {
            let pattern = text_of(line);
            assert!(Filter::parse(&pattern, true).unwrap().is_match(line), "{pattern} {line}");
        }
        assert_eq!(text_of("User 42 logged in"), "User <_> logged in");
    }
}
