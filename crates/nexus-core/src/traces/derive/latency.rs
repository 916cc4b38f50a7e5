//! Durations in classic buckets.

/// Upper bounds in seconds, as Tempo's metrics generator has them.
pub const BOUNDS: [f64; 14] =
    [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];

/// Their spelling as label values.
pub const BOUND_TEXTS: [&str; 14] = [
    "0.002", "0.004", "0.008", "0.016", "0.032", "0.064", "0.128", "0.256", "0.512", "1.024", "2.048", "4.096",
    "8.192", "16.384",
];

/// A histogram of weighted durations.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    /// By bucket, not cumulative; the last one is beyond all bounds.
    buckets: [f64; BOUNDS.len() + 1],
    /// Sum in seconds.
    pub sum: f64,
}

impl Latency {
    /// Count a duration in seconds.
    pub fn observe(&mut self, seconds: f64, weight: f64) {
        let at = BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[at] += weight;
        self.sum += seconds * weight;
    }

    /// Cumulative counts, one for each bound and then the total.
    pub fn cumulative(&self) -> [f64; BOUNDS.len() + 1] {
        let mut total = 0.0;
        self.buckets.map(|count| {
            total += count;
            total
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_their_bucket() {
        let mut latency = Latency::default();
        for seconds in [0.0, 0.002, 0.0021, 16.384, 17.0] {
            latency.observe(seconds, 2.0);
        }
        let counts = latency.cumulative();
        assert_eq!((counts[0], counts[1], counts[13], counts[14]), (4.0, 6.0, 8.0, 10.0));
        assert!((latency.sum - 2.0 * 33.3881).abs() < 1e-9);
        for (bound, text) in BOUNDS.iter().zip(BOUND_TEXTS) {
            assert_eq!(format!("{bound}"), text);
        }
    }
}
