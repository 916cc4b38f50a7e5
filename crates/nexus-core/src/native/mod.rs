//! ClickHouse's Native format: blocks of columns, as `INSERT ... FORMAT Native` takes them.

pub mod attributes;
pub mod block;
pub(crate) mod columns;
pub mod logs;
pub mod memory;
mod order;
pub mod retention;
