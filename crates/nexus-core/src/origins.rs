//! Where the rows of a batch come from: resource and scope of each, and what is counted by them and by day.

use crate::dictionary::{Dictionary, Renumbered};
use crate::limits::{MAX_BATCH_DAYS, MAX_COLUMN_BYTES, MAX_RECORDS};
use crate::rows::RecordError;
use std::collections::BTreeMap;

/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400_000_000_000;

/// Resources and scopes of rows. Ids are indices into the dictionaries beside them.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// Ids in `resources`.
    pub resource_ids: Vec<u32>,
    /// Ids in `scopes`.
    pub scope_ids: Vec<u32>,
    /// (service name, resource attributes as JSON with sorted keys).
    pub resources: Dictionary<2>,
    /// (name, version, attributes as JSON with sorted keys).
    pub scopes: Dictionary<3>,
    /// (day since the epoch, rows), in order of appearance.
    pub days: Vec<(u32, u64)>,
    /// Per resource id: rows, and bytes of what is in them besides fixed fields.
    pub usage: Vec<(u64, u64)>,
}

impl Origins {
    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.resource_ids.len()
    }

    /// Bytes held in memory by the dictionaries.
    pub(crate) fn dictionary_bytes(&self) -> usize {
        self.resources.num_bytes() + self.scopes.num_bytes()
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.resource_ids.reserve(rows);
        self.scope_ids.reserve(rows);
    }

    /// (UTC day since the epoch, rows), by day.
    pub fn days(&self) -> Vec<(u32, u64)> {
        let mut days = self.days.clone();
        days.sort_unstable();
        days
    }

    /// (service, rows, bytes) by service.
    pub fn services(&self) -> Vec<(String, u64, u64)> {
        let mut services = BTreeMap::<&[u8], (u64, u64)>::new();
        for (id, &(rows, bytes)) in self.usage.iter().enumerate().filter(|(_, usage)| usage.0 > 0) {
            let sum = services.entry(self.resources.get(id as u32, 0)).or_default();
            sum.0 += rows;
            sum.1 += bytes;
        }
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        services.into_iter().map(|(name, (rows, bytes))| (text(name), rows, bytes)).collect()
    }

    /// Append the rows of another batch.
    pub(crate) fn append(&mut self, part: &Self) {
        let resources = self.resources.absorb(&part.resources);
        let scopes = self.scopes.absorb(&part.scopes);
        self.resource_ids.extend(part.resource_ids.iter().map(|&id| resources[id as usize]));
        self.scope_ids.extend(part.scope_ids.iter().map(|&id| scopes[id as usize]));
        for &(day, rows) in &part.days {
            self.count_day(day, rows);
        }
        self.usage.resize(self.resources.len(), (0, 0));
        for (id, &(rows, bytes)) in part.usage.iter().enumerate() {
            let sum = &mut self.usage[resources[id] as usize];
            *sum = (sum.0 + rows, sum.1 + bytes);
        }
    }

    /// Some rows as columns of their own. `of_row` tells when a row was, in ns, and its bytes.
    pub(crate) fn take(&self, rows: &[usize], of_row: impl Fn(usize) -> (i64, usize)) -> Self {
        let mut taken = Self::default();
        let mut resources = Renumbered::new(&self.resources);
        let mut scopes = Renumbered::new(&self.scopes);
        for &row in rows {
            let resource = resources.id(&mut taken.resources, self.resource_ids[row]);
            taken.resource_ids.push(resource);
            taken.scope_ids.push(scopes.id(&mut taken.scopes, self.scope_ids[row]));
            let (timestamp, bytes) = of_row(row);
            taken.count_day((timestamp / DAY_NS) as u32, 1);
            taken.count_usage(resource, bytes as u64);
        }
        taken.usage.resize(taken.resources.len(), (0, 0));
        taken
    }

    fn count_day(&mut self, day: u32, rows: u64) {
        match self.days.iter_mut().rev().find(|(known, _)| *known == day) {
            Some((_, sum)) => *sum += rows,
            None => self.days.push((day, rows)),
        }
    }

    #[inline]
    fn count_usage(&mut self, resource: u32, bytes: u64) {
        if self.usage.len() <= resource as usize {
            self.usage.resize(resource as usize + 1, (0, 0));
        }
        let usage = &mut self.usage[resource as usize];
        usage.0 += 1;
        usage.1 += bytes;
    }
}

/// Builds [`Origins`] row by row. `set_resource` and `set_scope` hold until set again.
#[derive(Debug)]
pub(crate) struct OriginsBuilder {
    pub(crate) columns: Origins,
    resource: u32,
    scope: u32,
    last_day: usize,
}

impl Default for OriginsBuilder {
    fn default() -> Self {
        let mut columns = Origins::default();
        let resource = columns.resources.intern([b"", b"{}"]);
        let scope = columns.scopes.intern([b"", b"", b""]);
        Self { columns, resource, scope, last_day: 0 }
    }
}

impl OriginsBuilder {
    /// Resource of the rows that follow.
    pub(crate) fn set_resource(&mut self, service: &str, resource_json: &str) {
        self.resource = self.resource_of(service.as_bytes(), resource_json.as_bytes());
    }

    /// Id of a resource, for [`Self::use_resource`]. Both texts must be valid UTF-8.
    pub(crate) fn resource_of(&mut self, service: &[u8], resource_json: &[u8]) -> u32 {
        self.columns.resources.intern([service, resource_json])
    }

    /// Resource of the rows that follow, by id.
    pub(crate) fn use_resource(&mut self, id: u32) {
        self.resource = id;
    }

    /// Scope of the rows that follow.
    pub(crate) fn set_scope(&mut self, name: &str, version: &str, attributes_json: &str) {
        self.scope = self.columns.scopes.intern([name.as_bytes(), version.as_bytes(), attributes_json.as_bytes()]);
    }

    /// Index of the day of a row at this time, when there is room for the row in a batch whose longest column has
    /// `column` bytes.
    #[inline]
    pub(crate) fn admit(&mut self, timestamp: i64, column: usize) -> Result<usize, RecordError> {
        if column > MAX_COLUMN_BYTES {
            return Err(RecordError::BatchFull);
        }
        if self.columns.num_rows() as u64 >= MAX_RECORDS {
            return Err(RecordError::TooManyRecords);
        }
        if timestamp < 0 {
            return Err(RecordError::TimeOutOfRange(timestamp));
        }
        let day = (timestamp / DAY_NS) as u32;
        let days = &mut self.columns.days;
        if let Some(&(last, _)) = days.get(self.last_day)
            && last == day
        {
            return Ok(self.last_day);
        }
        self.last_day = match days.iter().position(|&(known, _)| known == day) {
            Some(index) => index,
            None if days.len() == MAX_BATCH_DAYS => return Err(RecordError::TooManyDays),
            None => {
                days.push((day, 0));
                days.len() - 1
            }
        };
        Ok(self.last_day)
    }

    /// Take a row of so many bytes, on the day that [`Self::admit`] gave.
    #[inline]
    pub(crate) fn commit(&mut self, day: usize, bytes: u64) {
        self.columns.resource_ids.push(self.resource);
        self.columns.scope_ids.push(self.scope);
        self.columns.days[day].1 += 1;
        self.columns.count_usage(self.resource, bytes);
    }
}
