//! Series whose last sample is older than they are kept leave the index: nothing finds them any more, and no limit counts them.
//! Their rows go from the tables by themselves. What stays of one until the next start is its number and its labels.

use super::overflow::OVERFLOW;
use super::retention::{NEVER, expires};
use super::{Engine, EngineError, Tenant};
use crate::head::SeriesHead;
use crate::index::day_of;
use std::sync::Arc;

/// Series looked at while nobody else writes.
const AT_ONCE: u32 = 16_384;

impl Engine {
    /// Forgets series that have expired by the retention in force; how many. Of one that has samples in memory, on their way to
    /// the tables or wanted by a query, nothing goes before the next call.
    pub fn expire(&self, now_ms: i64) -> Result<usize, EngineError> {
        let tenants: Vec<Arc<Tenant>> = self.tenants.read().expect("no panic while locked").values().cloned().collect();
        let mut expired = 0;
        for tenant in tenants {
            let mut of_tenant = 0;
            let mut start = 0;
            while start < tenant.index.len() {
                let end = tenant.index.len().min(start + AT_ONCE);
                of_tenant += self.expire_some(&tenant, start..end, now_ms)?;
                start = end;
            }
            if of_tenant > 0 {
                let now_s = (now_ms / 1000).clamp(1, i64::from(u32::MAX)) as u32;
                let mut writer = self.write();
                let guard = &mut writer.tenant(&tenant).guard;
                guard.recount(&tenant.index, now_s, now_ms - self.options.active_ms, 0);
                expired += of_tenant;
            }
        }
        Ok(expired)
    }

    fn expire_some(
        &self,
        tenant: &Arc<Tenant>,
        numbers: std::ops::Range<u32>,
        now_ms: i64,
    ) -> Result<usize, EngineError> {
        let mut writer = self.write();
        writer.log()?;
        if !self.tenant(&tenant.name).is_some_and(|known| Arc::ptr_eq(&known, tenant)) {
            return Ok(0);
        }
        let retention = self.retention.read().expect("no panic while locked");
        let today = day_of(now_ms).clamp(0, i64::from(NEVER) - 1) as u16;
        let is_over = |number: &u32| {
            let series = tenant.index.series(*number);
            let last = series.activity.last();
            // One without a sample is known for its exemplars.
            if series.is_gone() || last == i64::MIN || day_of(last) >= i64::from(today) {
                return false;
            }
            let head = series.head();
            let idle = head.nothing_open() && head.pieces().is_empty();
            drop(head);
            idle && expires(day_of(last), retention.of(&tenant.name, &tenant.index, *number).longest()) <= today
        };
        let gone: Vec<u32> = numbers.filter(is_over).collect();
        let overflow = tenant.index.symbols.get(OVERFLOW);
        let sums = gone.iter().filter(|&&number| {
            let label = overflow.and_then(|name| tenant.index.value(number, name));
            label.is_some()
        });
        let guard = &mut writer.tenant(tenant).guard;
        guard.overflow = guard.overflow.saturating_sub(sums.count());
        for &number in &gone {
            self.change_head(tenant, number, |head| *head = SeriesHead::default());
        }
        tenant.index.forget(&gone);
        Ok(gone.len())
    }
}
