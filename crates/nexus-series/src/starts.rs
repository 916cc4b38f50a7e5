//! Start times: when what a sample counts began to be counted.

use std::ops::Range;

/// Start times in step with samples, ms; 0 is "not said". What is missing at its end is 0, so that it stays empty where
/// nobody says any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartTimes(Vec<i64>);

impl StartTimes {
    /// Of a sample; 0: not said.
    #[inline]
    pub fn at(&self, sample: usize) -> i64 {
        self.0.get(sample).copied().unwrap_or(0)
    }

    /// Says it of a sample.
    #[inline]
    pub fn set(&mut self, sample: usize, start: i64) {
        if start != 0 || sample < self.0.len() {
            if sample >= self.0.len() {
                self.0.resize(sample + 1, 0);
            }
            self.0[sample] = start;
        }
    }

    /// Does nobody say any?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets them, keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets those of samples from `count` on.
    pub fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
    }

    /// Forgets those of the first `count` samples.
    pub fn drop_front(&mut self, count: usize) {
        self.0.drain(..count.min(self.0.len()));
    }

    /// Those of a range of samples, as far as they go.
    #[inline]
    pub fn of(&self, samples: Range<usize>) -> &[i64] {
        let end = samples.end.min(self.0.len());
        &self.0[samples.start.min(end)..end]
    }

    /// All, as far as they go.
    pub fn as_slice(&self) -> &[i64] {
        &self.0
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<i64>()
    }
}

/// In step with samples, 0 where nothing is said.
impl FromIterator<i64> for StartTimes {
    fn from_iter<I: IntoIterator<Item = i64>>(starts: I) -> Self {
        let mut all = Self::default();
        for (sample, start) in starts.into_iter().enumerate() {
            all.set(sample, start);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_takes_nothing() {
        let mut starts: StartTimes = [0, 0, 0].into_iter().collect();
        assert!(starts.is_empty() && starts.at(1) == 0 && starts.of(0..3).is_empty());
        starts.set(2, 7);
        assert_eq!((starts.as_slice(), starts.at(2), starts.at(3)), (&[0, 0, 7][..], 7, 0));
        starts.set(2, 0);
        assert_eq!(starts.of(1..9), [0, 0]);
    }
}
