//! Figures of an engine and of its tenants.

use super::{Engine, Tenant};
use crate::log::Log;
use std::sync::atomic::Ordering;

/// Of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series known.
    pub series: u64,
    /// Series that are active, as counted last.
    pub active_series: u64,
    /// Bytes of samples in memory.
    pub head_bytes: u64,
    /// Bytes of series, nearly.
    pub index_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Files of the log.
    pub log_segments: u64,
    /// Batches that are not in the tables.
    pub batches: u64,
    /// Samples replayed at start.
    pub replayed_samples: u64,
    /// How long that took, ms.
    pub replay_ms: u64,
    /// Last record of the log.
    pub sequence: u64,
    /// Tenants.
    pub tenants: u64,
}

/// Of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantStats {
    /// Series known.
    pub series: u64,
    /// Active ones, as counted last.
    pub active_series: u64,
    /// Samples in memory.
    pub head_samples: u64,
    /// Time of the first sample, ms; 0 when there is none.
    pub first_ms: i64,
    /// Time of the last, ms.
    pub last_ms: i64,
}

impl Engine {
    /// Figures of the engine.
    pub fn stats(&self) -> Stats {
        let writer = self.write();
        let tenants = self.tenants.read().expect("no panic while locked");
        let log = writer.log.as_ref();
        Stats {
            series: tenants.values().map(|tenant| u64::from(tenant.index.known())).sum(),
            active_series: writer.tenants.values().map(|own| own.guard.active() as u64).sum(),
            head_bytes: self.head_bytes.load(Ordering::Relaxed).max(0) as u64,
            index_bytes: self.index_bytes.load(Ordering::Relaxed),
            log_bytes: log.map_or(0, Log::bytes),
            log_segments: log.map_or(0, |log| log.num_segments() as u64),
            batches: writer.batches.len() as u64,
            replayed_samples: self.replayed.0,
            replay_ms: self.replayed.1,
            sequence: log.map_or(0, Log::sequence),
            tenants: tenants.len() as u64,
        }
    }

    /// Figures of a tenant. Looks at every series.
    pub fn tenant_stats(&self, tenant: &Tenant) -> TenantStats {
        let active = {
            let writer = self.write();
            writer.tenants.get(&tenant.name).map_or(0, |own| own.guard.active() as u64)
        };
        let mut stats = TenantStats { active_series: active, ..TenantStats::default() };
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for number in 0..tenant.index.len() {
            let series = tenant.index.series(number);
            if series.is_gone() {
                continue;
            }
            stats.series += 1;
            let head = series.head();
            let pieces: usize = head.pieces().iter().map(|piece| piece.samples()).sum();
            stats.head_samples += (head.open_samples() + pieces) as u64;
            first = first.min(series.activity.first());
            last = last.max(series.activity.last());
        }
        if first <= last {
            (stats.first_ms, stats.last_ms) = (first, last);
        }
        stats
    }
}
