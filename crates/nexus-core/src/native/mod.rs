//! ClickHouse's Native format: blocks of columns, as `INSERT ... FORMAT Native` takes them.

pub mod block;
mod columns;
pub mod logs;
pub mod memory;
mod order;
