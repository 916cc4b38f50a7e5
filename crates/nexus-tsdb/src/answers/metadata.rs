//! What senders say about metric families: `/metadata`. Of a family is told to those who see a series of it.

use super::{Selection, text};
use nexus_series::batch::Metadata;

/// Endings that names of series have over the name of their family.
const ENDINGS: [&str; 6] = ["", "_total", "_bucket", "_sum", "_count", "_info"];

/// Names that the family of a series may have.
pub fn families_of(name: &str) -> impl Iterator<Item = &str> {
    ENDINGS.into_iter().filter_map(move |ending| name.strip_suffix(ending))
}

fn object(out: &mut Vec<u8>, metadata: &Metadata) {
    out.extend_from_slice(b"{\"type\":");
    text(out, metadata.kind.name());
    out.extend_from_slice(b",\"help\":");
    text(out, &metadata.help);
    out.extend_from_slice(b",\"unit\":");
    text(out, &metadata.unit);
    out.push(b'}');
}

impl Selection {
    /// `{family: [{"type", "help", "unit"}]}` of one metric or of all (""); limits of 0 or less are none.
    pub fn metadata_json(&self, metric: &str, limit: i64, per_metric: i64) -> Vec<u8> {
        let names = (!self.is_all()).then(|| self.metric_names());
        let most = |limit: i64| usize::try_from(limit).ok().filter(|&limit| limit > 0).unwrap_or(usize::MAX);
        let seen = |family: &str| {
            names
                .as_ref()
                .is_none_or(|names| ENDINGS.iter().any(|ending| names.contains(format!("{family}{ending}").as_str())))
        };
        let extras = self.tenant.extras.lock().expect("no panic while locked");
        let families =
            extras.metadata().iter().filter(|(name, _)| (metric.is_empty() || *name == metric) && seen(name));
        let mut out = vec![b'{'];
        for (at, (name, said)) in families.take(most(limit)).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            text(&mut out, name);
            out.extend_from_slice(b":[");
            for (at, one) in said.iter().take(most(per_metric)).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                object(&mut out, &one.metadata);
            }
            out.push(b']');
        }
        out.push(b'}');
        out
    }
}
