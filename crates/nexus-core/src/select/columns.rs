//! Columns of records: their texts, their presence, their comparisons.

use super::number::{Number, read_float};
use super::predicate::{Column, Comparison, Op};
use crate::batch::{DAY_NS, LogBatch};
use crate::json::writer::write_int;
use crate::severity;
use nexus_series::calendar::date_of;
use std::io::Write;

/// Where a column's values are numbered: rows with one number have one value.
pub(super) struct Numbered<'a> {
    pub ids: Ids<'a>,
    pub count: usize,
}

pub(super) enum Ids<'a> {
    Wide(&'a [u32]),
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

/// The numbers of a column's values, when it has them.
pub(super) fn numbered(batch: &LogBatch, column: Column) -> Option<Numbered<'_>> {
    let wide = |ids, count| Some(Numbered { ids: Ids::Wide(ids), count });
    match column {
        Column::Service => wide(&batch.resource_ids, batch.resources.len()),
        Column::EventName => wide(&batch.event_names, batch.texts.len()),
        Column::ScopeName | Column::ScopeVersion => wide(&batch.scope_ids, batch.scopes.len()),
        Column::Severity | Column::SeverityNumber => {
            Some(Numbered { ids: Ids::Narrow(&batch.severity_numbers), count: 256 })
        }
        _ => None,
    }
}

/// The text of a row's value, nothing when there is none; some are made in `scratch`.
pub(super) fn text<'a>(batch: &'a LogBatch, column: Column, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    match column {
        Column::Timestamp => write_time(scratch, batch.timestamps[row]),
        Column::ObservedTimestamp => write_time(scratch, batch.observed_timestamps[row]),
        Column::Service => return batch.resources.get(batch.resource_ids[row], 0),
        Column::Severity => return severity::name(batch.severity_numbers[row]).as_bytes(),
        Column::SeverityNumber => write_int(scratch, batch.severity_numbers[row].into()),
        Column::Body => return batch.bodies.get(row),
        Column::TraceId => write_id(scratch, &batch.trace_ids[row]),
        Column::SpanId => write_id(scratch, &batch.span_ids[row]),
        Column::EventName => return batch.texts.get(batch.event_names[row], 0),
        Column::TemplateId => {
            let _ = write!(scratch, "{:016x}", batch.template_ids[row]);
        }
        Column::ScopeName => return batch.scopes.get(batch.scope_ids[row], 0),
        Column::ScopeVersion => return batch.scopes.get(batch.scope_ids[row], 1),
    }
    scratch
}

/// Has the row a value?
pub(super) fn present(batch: &LogBatch, column: Column, row: usize) -> bool {
    match column {
        Column::Timestamp | Column::ObservedTimestamp | Column::TemplateId => true,
        Column::Severity | Column::SeverityNumber => batch.severity_numbers[row] != 0,
        Column::TraceId => batch.trace_ids[row] != [0; 16],
        Column::SpanId => batch.span_ids[row] != [0; 8],
        Column::Service | Column::Body | Column::EventName | Column::ScopeName | Column::ScopeVersion => {
            !text(batch, column, row, &mut Vec::new()).is_empty()
        }
    }
}

/// Does the comparison hold for a row?
pub(super) fn compares(
    batch: &LogBatch,
    column: Column,
    row: usize,
    wanted: &Comparison,
    scratch: &mut Vec<u8>,
) -> bool {
    match column {
        Column::Severity => compares_severity(batch.severity_numbers[row], wanted),
        Column::SeverityNumber => match (batch.severity_numbers[row], wanted.number) {
            (0, _) | (_, None) => false,
            (value, Some(number)) => wanted.op.holds(number.order_int(value.into())),
        },
        Column::Timestamp => compares_time(batch.timestamps[row], wanted),
        Column::ObservedTimestamp => compares_time(batch.observed_timestamps[row], wanted),
        Column::TraceId | Column::SpanId => {
            let exact =
                is_lower_hex(&wanted.text) && wanted.text.len() == if column == Column::TraceId { 32 } else { 16 };
            match wanted.op {
                // Unlike all other operators, this one can ask for the absence of an id: that of only zeros.
                Op::Eq if exact => hex_equals(batch, column, row, &wanted.text),
                Op::Eq => false,
                Op::Ne => present(batch, column, row) && !(exact && hex_equals(batch, column, row, &wanted.text)),
                op => {
                    present(batch, column, row) && op.holds(Some(text(batch, column, row, scratch).cmp(&wanted.text)))
                }
            }
        }
        Column::TemplateId => match (wanted.op, hex_number(&wanted.text)) {
            (Op::Eq, Some(id)) => batch.template_ids[row] == id,
            (Op::Ne, Some(id)) => batch.template_ids[row] != id,
            (op, _) => op.holds(Some(text(batch, column, row, scratch).cmp(&wanted.text))),
        },
        Column::Service | Column::Body | Column::EventName | Column::ScopeName | Column::ScopeVersion => {
            let value = text(batch, column, row, scratch);
            match (wanted.op, wanted.number) {
                (Op::Eq, _) => value == wanted.text,
                (op, Some(number)) if op != Op::Ne => {
                    read_float(value).is_some_and(|value| op.holds(number.order_float(value)))
                }
                (op, _) => !value.is_empty() && op.holds(Some(value.cmp(&wanted.text))),
            }
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

fn compares_time(time: i64, wanted: &Comparison) -> bool {
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

fn hex_equals(batch: &LogBatch, column: Column, row: usize, digits: &[u8]) -> bool {
    let id: &[u8] = if column == Column::TraceId { &batch.trace_ids[row] } else { &batch.span_ids[row] };
    id.iter().zip(digits.chunks_exact(2)).all(|(&byte, pair)| {
        let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        byte == digit(pair[0]) << 4 | digit(pair[1])
    })
}

/// Hex digits, nothing for an id of only zeros.
fn write_id(out: &mut Vec<u8>, id: &[u8]) {
    if id.iter().any(|&byte| byte != 0) {
        for byte in id {
            let _ = write!(out, "{byte:02x}");
        }
    }
}

/// A time in UTC as the engine prints it: `2026-01-31 12:00:00.000000000`.
fn write_time(out: &mut Vec<u8>, ns: i64) {
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
