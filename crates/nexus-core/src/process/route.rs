//! Send records elsewhere: to another tenant, or, with an attribute that retention rules look at, to another retention.

use crate::process::field::Value;
use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};

/// Attribute that names a retention class.
pub const RETENTION_ATTRIBUTE: &str = "nexus.retention";

/// See the module text.
#[derive(Debug)]
pub struct Route {
    tenant: Option<u16>,
    retention: Option<String>,
}

impl Route {
    /// From options: `tenant`, `retention`. The tenant gets a number in `tenants`.
    pub fn new(options: &Options<'_>, tenants: &mut Vec<String>) -> Result<Self, SpecError> {
        let retention = options.text("retention")?.map(str::to_owned);
        let tenant = match options.text("tenant")? {
            None | Some("") => None,
            Some(name) => Some(if let Some(at) = tenants.iter().position(|known| known == name) {
                at as u16
            } else {
                tenants.push(name.to_owned());
                (tenants.len() - 1) as u16
            }),
        };
        if tenant.is_none() && retention.is_none() {
            return Err(SpecError::new("tenant", "or `retention` is missing"));
        }
        Ok(Self { tenant, retention })
    }
}

impl Processor for Route {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let key = self.retention.as_ref().and_then(|_| rows.key(RETENTION_ATTRIBUTE.as_bytes()));
        for &row in rows.selected().iter() {
            let row = row as usize;
            if let Some(retention) = &self.retention {
                rows.set_attribute(row, key, Value::Text(retention.as_bytes()));
            }
            if let Some(tenant) = self.tenant {
                rows.decide(row, Fate::Route(tenant));
            }
        }
        Change::None
    }
}
