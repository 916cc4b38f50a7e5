//! Removing samples, series and tenants from memory and log. The tables are the caller's.

use super::{Engine, EngineError, Tenant};
use crate::chunk::varint::{push, push_signed};
use crate::log::{Frame, kind, record};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Engine {
    /// Removes the samples of `from ..= to` of series, from the files of the log, too. Series without samples outside of that
    /// are forgotten. Nothing of them may be on its way to the tables meanwhile.
    pub fn erase(&self, tenant: &Arc<Tenant>, numbers: &[u32], from: i64, to: i64) -> Result<(), EngineError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let series: Vec<(Arc<Tenant>, u32)> = numbers.iter().map(|&number| (tenant.clone(), number)).collect();
        let mut writer = self.write();
        Self::define_all(&mut writer, &series)?;
        let mut frame = Frame::new();
        record::push_bytes(&mut frame.bytes, tenant.name.as_bytes());
        push_signed(&mut frame.bytes, from);
        push_signed(&mut frame.bytes, to);
        push(&mut frame.bytes, numbers.len() as u64);
        let mut before = 0;
        for &number in numbers {
            push(&mut frame.bytes, u64::from(number - before));
            before = number;
        }
        writer.log()?.append(kind::ERASE, &mut frame)?;
        let mut gone = Vec::new();
        for &number in numbers {
            self.change_head(tenant, number, |head| head.erase(from, to));
            let activity = &tenant.index.series(number).activity;
            if activity.first() >= from && activity.last() <= to {
                gone.push(number);
            }
        }
        tenant.index.forget(&gone);
        let mut extras = tenant.extras.lock().expect("no panic while locked");
        extras.drop_exemplars(|one| {
            (from..=to).contains(&one.exemplar.timestamp) && numbers.binary_search(&one.series).is_ok()
        });
        drop(extras);
        drop(writer);
        self.checkpoint()
    }

    /// Removes everything of a tenant, from the files of the log, too: also when a call before was interrupted, and nothing of
    /// the tenant is known any more.
    pub fn forget_tenant(&self, name: &str) -> Result<(), EngineError> {
        self.forget_in_memory(name)?;
        self.checkpoint()
    }

    fn forget_in_memory(&self, name: &str) -> Result<(), EngineError> {
        let mut writer = self.write();
        let Some(tenant) = self.tenant(name) else { return Ok(()) };
        let mut frame = Frame::new();
        record::push_bytes(&mut frame.bytes, name.as_bytes());
        writer.log()?.append(kind::FORGET, &mut frame)?;
        self.tenants.write().expect("no panic while locked").remove(name);
        writer.tenants.remove(name);
        writer.due.retain(|(other, _)| !Arc::ptr_eq(other, &tenant));
        writer.batches.values_mut().for_each(|batch| batch.series.retain(|(other, _)| !Arc::ptr_eq(other, &tenant)));
        self.forget_heads(&tenant);
        Ok(())
    }

    /// Takes the heads of a tenant that goes off the account of bytes.
    pub(super) fn forget_heads(&self, tenant: &Tenant) {
        let bytes: usize = (0..tenant.index.len()).map(|number| tenant.index.series(number).head().bytes()).sum();
        self.head_bytes.fetch_sub(bytes as i64, Ordering::Relaxed);
    }
}
