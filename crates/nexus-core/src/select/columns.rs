//! Columns of records: their texts, their presence, their comparisons.

use super::number::{Number, read_float};
use super::predicate::{Column, Comparison, Op};
use crate::batch::LogBatch;
use crate::json::writer::write_int;
use crate::origins::{DAY_NS, Origins};
use crate::rows::Rows;
use crate::severity;
use crate::template::Skeletons;
use nexus_series::calendar::date_of;
use std::io::Write;

/// Where a column's values are numbered: rows with one number have one value.
pub struct Numbered<'a> {
    /// The number of each row.
    pub ids: Ids<'a>,
    /// Numbers there are.
    pub count: usize,
}

impl<'a> Numbered<'a> {
    pub(super) fn wide(ids: &'a [u32], count: usize) -> Self {
        Self { ids: Ids::Wide(ids), count }
    }
}

/// Numbers of rows.
pub enum Ids<'a> {
    /// For many values.
    Wide(&'a [u32]),
    /// For up to 256.
    Narrow(&'a [u8]),
}

impl Ids<'_> {
    pub(super) fn get(&self, row: usize) -> usize {
        match self {
            Self::Wide(ids) => ids[row] as usize,
            Self::Narrow(ids) => usize::from(ids[row]),
        }
    }
}

/// Batches that can be asked: their columns by the names that predicates have for those of log records.
pub trait Selectable: Rows {
    /// The numbers of a column's values, when it has them.
    fn numbered(&self, column: Column) -> Option<Numbered<'_>>;

    /// The text of a row's value, nothing when there is none; some are made in `scratch`.
    fn text<'a>(&'a self, column: Column, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8];

    /// Has the row a value?
    fn present(&self, column: Column, row: usize) -> bool;

    /// Does the comparison hold for a row?
    fn compares(&self, column: Column, row: usize, wanted: &Comparison, scratch: &mut Vec<u8>) -> bool;

    /// The message of a row.
    fn body(&self, row: usize) -> &[u8];

    /// Skeletons of the messages with the id of each row's, if it has any.
    fn skeletons(&self) -> Option<(&[u32], &Skeletons)>;
}

impl Selectable for LogBatch {
    fn numbered(&self, column: Column) -> Option<Numbered<'_>> {
        match column {
            Column::EventName => Some(Numbered::wide(&self.event_names, self.texts.len())),
            Column::Severity | Column::SeverityNumber => {
                Some(Numbered { ids: Ids::Narrow(&self.severity_numbers), count: 256 })
            }
            _ => numbered_origin(&self.origins, column),
        }
    }

    fn text<'a>(&'a self, column: Column, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        scratch.clear();
        match column {
            Column::Timestamp => write_time(scratch, self.timestamps[row]),
            Column::ObservedTimestamp => write_time(scratch, self.observed_timestamps[row]),
            Column::Severity => return severity::name(self.severity_numbers[row]).as_bytes(),
            Column::SeverityNumber => write_int(scratch, self.severity_numbers[row].into()),
            Column::Body => return self.bodies.get(row),
            Column::TraceId => write_id(scratch, &self.trace_ids[row]),
            Column::SpanId => write_id(scratch, &self.span_ids[row]),
            Column::EventName => return self.texts.get(self.event_names[row], 0),
            Column::TemplateId => {
                let _ = write!(scratch, "{:016x}", self.template_ids[row]);
            }
            Column::Service | Column::ScopeName | Column::ScopeVersion => return origin(&self.origins, column, row),
        }
        scratch
    }

    fn present(&self, column: Column, row: usize) -> bool {
        match column {
            Column::Timestamp | Column::ObservedTimestamp | Column::TemplateId => true,
            Column::Severity | Column::SeverityNumber => self.severity_numbers[row] != 0,
            Column::TraceId => self.trace_ids[row] != [0; 16],
            Column::SpanId => self.span_ids[row] != [0; 8],
            Column::Service | Column::Body | Column::EventName | Column::ScopeName | Column::ScopeVersion => {
                !self.text(column, row, &mut Vec::new()).is_empty()
            }
        }
    }

    fn compares(&self, column: Column, row: usize, wanted: &Comparison, scratch: &mut Vec<u8>) -> bool {
        match column {
            Column::Severity => compares_severity(self.severity_numbers[row], wanted),
            Column::SeverityNumber => match (self.severity_numbers[row], wanted.number) {
                (0, _) | (_, None) => false,
                (value, Some(number)) => wanted.op.holds(number.order_int(value.into())),
            },
            Column::Timestamp => compares_time(self.timestamps[row], wanted),
            Column::ObservedTimestamp => compares_time(self.observed_timestamps[row], wanted),
            Column::TraceId => compares_id(&self.trace_ids[row], wanted, scratch),
            Column::SpanId => compares_id(&self.span_ids[row], wanted, scratch),
            Column::TemplateId => match (wanted.op, hex_number(&wanted.text)) {
                (Op::Eq, Some(id)) => self.template_ids[row] == id,
                (Op::Ne, Some(id)) => self.template_ids[row] != id,
                (op, _) => op.holds(Some(self.text(column, row, scratch).cmp(&wanted.text))),
            },
            Column::Service | Column::Body | Column::EventName | Column::ScopeName | Column::ScopeVersion => {
                compares_text(self.text(column, row, scratch), wanted)
            }
        }
    }

    fn body(&self, row: usize) -> &[u8] {
        self.bodies.get(row)
    }

    fn skeletons(&self) -> Option<(&[u32], &Skeletons)> {
        Some((&self.skeleton_ids, &self.skeletons))
    }
}

/// The numbers of what rows have of their resource and scope.
pub(super) fn numbered_origin(origins: &Origins, column: Column) -> Option<Numbered<'_>> {
    match column {
        Column::Service => Some(Numbered::wide(&origins.resource_ids, origins.resources.len())),
        Column::ScopeName | Column::ScopeVersion => Some(Numbered::wide(&origins.scope_ids, origins.scopes.len())),
        _ => None,
    }
}

/// What a row has of its resource or scope; nothing for other columns.
pub(super) fn origin(origins: &Origins, column: Column, row: usize) -> &[u8] {
    match column {
        Column::Service => origins.resources.get(origins.resource_ids[row], 0),
        Column::ScopeName => origins.scopes.get(origins.scope_ids[row], 0),
        Column::ScopeVersion => origins.scopes.get(origins.scope_ids[row], 1),
        _ => b"",
    }
}

/// A text, as a number where the comparison is with one; nothing is absent.
pub(super) fn compares_text(value: &[u8], wanted: &Comparison) -> bool {
    match (wanted.op, wanted.number) {
        (Op::Eq, _) => value == wanted.text,
        (op, Some(number)) if op != Op::Ne => {
            read_float(value).is_some_and(|value| op.holds(number.order_float(value)))
        }
        (op, _) => !value.is_empty() && op.holds(Some(value.cmp(&wanted.text))),
    }
}

/// An id, absent when it is only zeros.
pub(super) fn compares_id(id: &[u8], wanted: &Comparison, scratch: &mut Vec<u8>) -> bool {
    let present = id.iter().any(|&byte| byte != 0);
    let exact = wanted.text.len() == 2 * id.len() && is_lower_hex(&wanted.text);
    match wanted.op {
        // Unlike all other operators, this one can ask for the absence of an id: that of only zeros.
        Op::Eq if exact => hex_equals(id, &wanted.text),
        Op::Eq => false,
        Op::Ne => present && !(exact && hex_equals(id, &wanted.text)),
        op => {
            scratch.clear();
            write_id(scratch, id);
            present && op.holds(Some(scratch[..].cmp(&wanted.text)))
        }
    }
}

/// Without a severity a record has no rank: it is neither above nor below, nor another one.
fn compares_severity(number: u8, wanted: &Comparison) -> bool {
    let name = severity::name(number).as_bytes();
    let Some(rank) = severity::NAMES.iter().position(|known| known.as_bytes() == wanted.text) else {
        return wanted.op == Op::Ne;
    };
    let (low, high) = if rank == 0 { (0, 0) } else { (4 * rank as u8 - 3, 4 * rank as u8) };
    match wanted.op {
        Op::Eq => name == wanted.text,
        Op::Ne => number != 0 && name != wanted.text,
        Op::Lt => number != 0 && number < low,
        Op::Le => number != 0 && number <= high,
        Op::Gt => number > high,
        Op::Ge => number >= low.max(1),
    }
}

pub(super) fn compares_time(time: i64, wanted: &Comparison) -> bool {
    wanted.number.map(Number::timestamp).is_some_and(|number| wanted.op.holds(Some(time.cmp(&number))))
}

fn is_lower_hex(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Up to 16 lower-case hex digits.
fn hex_number(text: &[u8]) -> Option<u64> {
    let digits = Some(text).filter(|text| (1..=16).contains(&text.len()) && is_lower_hex(text))?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn hex_equals(id: &[u8], digits: &[u8]) -> bool {
    id.iter().zip(digits.chunks_exact(2)).all(|(&byte, pair)| {
        let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        byte == digit(pair[0]) << 4 | digit(pair[1])
    })
}

/// Hex digits, nothing for an id of only zeros.
pub(super) fn write_id(out: &mut Vec<u8>, id: &[u8]) {
    if id.iter().any(|&byte| byte != 0) {
        for byte in id {
            let _ = write!(out, "{byte:02x}");
        }
    }
}

/// A time in UTC as the engine prints it: `2026-01-31 12:00:00.000000000`.
pub(super) fn write_time(out: &mut Vec<u8>, ns: i64) {
    let (days, rest) = (ns.div_euclid(DAY_NS), ns.rem_euclid(DAY_NS));
    let (year, month, day) = date_of(days);
    let (seconds, nanos) = (rest / 1_000_000_000, rest % 1_000_000_000);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{nanos:09}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_the_engine_prints_them() {
        for (ns, text) in [
            (0, "1970-01-01 00:00:00.000000000"),
            (1_780_315_200_000_000_001, "2026-06-01 12:00:00.000000001"),
            (951_782_399_999_999_999, "2000-02-28 23:59:59.999999999"),
            (951_868_799_000_000_000, "2000-02-29 23:59:59.000000000"),
            (i64::MAX, "2262-04-11 23:47:16.854775807"),
        ] {
            let mut out = Vec::new();
            write_time(&mut out, ns);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
