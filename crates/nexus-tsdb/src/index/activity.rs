//! When a series had samples: first and last, and the UTC days of the last 64. What of it is in the tables is known, too.
//!
//! Answers say "maybe" rather than "no" when in doubt.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// UTC day of a time in ms.
#[inline]
pub const fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY_MS)
}

/// See the module text.
pub struct Activity {
    first: AtomicI64,
    last: AtomicI64,
    days: AtomicU64,
    stored_first: AtomicI64,
    stored_last: AtomicI64,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            first: AtomicI64::new(i64::MAX),
            last: AtomicI64::new(i64::MIN),
            days: AtomicU64::new(0),
            stored_first: AtomicI64::new(i64::MAX),
            stored_last: AtomicI64::new(i64::MIN),
        }
    }
}

impl Activity {
    /// Time of the first sample; `i64::MAX` when there is none.
    pub fn first(&self) -> i64 {
        self.first.load(Ordering::Relaxed)
    }

    /// Time of the last sample; `i64::MIN` when there is none.
    pub fn last(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }

    /// There is a sample. Called by one at a time.
    #[inline]
    pub fn note(&self, time: i64) {
        let last = self.last();
        if day_of(time) == day_of(last) {
            if time > last {
                self.last.store(time, Ordering::Relaxed);
            } else if time < self.first() {
                self.first.store(time, Ordering::Relaxed);
            }
            return;
        }
        self.note_day(time, last);
    }

    fn note_day(&self, time: i64, last: i64) {
        let (day, last_day) = (day_of(time), day_of(last));
        let mut days = self.days.load(Ordering::Relaxed);
        if last == i64::MIN || day >= last_day.saturating_add(64) {
            days = 0;
        } else {
            // Days between have the bits of days 64 before them.
            (last_day + 1..day).for_each(|between| days &= !bit(between));
        }
        if last == i64::MIN || day > last_day - 64 {
            days |= bit(day);
        }
        self.days.store(days, Ordering::Relaxed);
        if time > last {
            self.last.store(time, Ordering::Relaxed);
        }
        if time < self.first() {
            self.first.store(time, Ordering::Relaxed);
        }
    }

    /// Samples from `first` to `last` are in the tables.
    pub fn note_stored(&self, first: i64, last: i64) {
        self.stored_first.fetch_min(first, Ordering::Relaxed);
        self.stored_last.fetch_max(last, Ordering::Relaxed);
    }

    /// May the tables have samples of `from ..= to`?
    pub fn stored_within(&self, from: i64, to: i64) -> bool {
        self.stored_first.load(Ordering::Relaxed) <= to
            && self.stored_last.load(Ordering::Relaxed) >= from
            && self.within(from, to)
    }

    /// May it have samples of `from ..= to`?
    pub fn within(&self, from: i64, to: i64) -> bool {
        let (first, last) = (self.first(), self.last());
        if first > to || last < from {
            return false;
        }
        let (from_day, to_day, last_day) = (day_of(from.max(first)), day_of(to.min(last)), day_of(last));
        if from_day <= last_day - 64 {
            return true;
        }
        let days = self.days.load(Ordering::Relaxed);
        (from_day..=to_day).any(|day| days & bit(day) != 0)
    }
}

const fn bit(day: i64) -> u64 {
    1 << day.rem_euclid(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_samples_are_known() {
        let activity = Activity::default();
        assert!(!activity.within(i64::MIN, i64::MAX));
        for day in [10, 12, 13, 200, 11, 263] {
            activity.note(day * DAY_MS + 5);
        }
        let on = |day: i64| activity.within(day * DAY_MS, day * DAY_MS + DAY_MS - 1);
        assert!(on(263) && on(200) && !on(201) && !on(262) && !on(264) && !on(9));
        // Older than 64 days: maybe.
        assert!(on(10) && on(100));
        activity.note(264 * DAY_MS);
        assert!(on(264) && on(263) && !on(262));
        assert_eq!((activity.first(), activity.last()), (10 * DAY_MS + 5, 264 * DAY_MS));
        assert!(!activity.stored_within(0, i64::MAX));
        activity.note_stored(263 * DAY_MS, 264 * DAY_MS);
        assert!(activity.stored_within(263 * DAY_MS, i64::MAX) && !activity.stored_within(0, 262 * DAY_MS));
    }

    #[test]
    fn a_day_that_is_long_past_leaves_newer_ones_alone() {
        let activity = Activity::default();
        activity.note(300 * DAY_MS);
        activity.note(100 * DAY_MS);
        assert!(!activity.within(290 * DAY_MS, 299 * DAY_MS));
        assert!(activity.within(100 * DAY_MS, 101 * DAY_MS));
    }
}
