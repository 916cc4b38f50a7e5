//! Spans that predicates of log records can be asked of: what only records have is absent.

use super::columns::{
    Numbered, Selectable, compares_id, compares_text, compares_time, numbered_origin, origin, write_id, write_time,
};
use super::predicate::{Column, Comparison};
use crate::template::Skeletons;
use crate::traces::SpanBatch;

impl Selectable for SpanBatch {
    fn numbered(&self, column: Column) -> Option<Numbered<'_>> {
        numbered_origin(&self.origins, column)
    }

    fn text<'a>(&'a self, column: Column, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        scratch.clear();
        match column {
            Column::Timestamp => write_time(scratch, self.timestamps[row]),
            Column::TraceId => write_id(scratch, &self.trace_ids[row]),
            Column::SpanId => write_id(scratch, &self.span_ids[row]),
            _ => return origin(&self.origins, column, row),
        }
        scratch
    }

    fn present(&self, column: Column, row: usize) -> bool {
        column == Column::Timestamp || !self.text(column, row, &mut Vec::new()).is_empty()
    }

    fn compares(&self, column: Column, row: usize, wanted: &Comparison, scratch: &mut Vec<u8>) -> bool {
        match column {
            Column::Timestamp => compares_time(self.timestamps[row], wanted),
            Column::TraceId => compares_id(&self.trace_ids[row], wanted, scratch),
            Column::SpanId => compares_id(&self.span_ids[row], wanted, scratch),
            _ => compares_text(self.text(column, row, scratch), wanted),
        }
    }

    fn body(&self, _: usize) -> &[u8] {
        b""
    }

    fn skeletons(&self) -> Option<(&[u32], &Skeletons)> {
        None
    }
}
