//! Start times of samples as runs: in a run they are all the same, or all as far behind the sample before, or all as far
//! before their own sample. So a counter that says when it began, and deltas that each begin where the one before ended, take
//! nothing for a sample.
//!
//! Written: number of runs (varint), then for each how many samples behind the run before it begins << 2 | rule (varint), and
//! its number (signed varint).

use super::{Damaged, varint};
use nexus_series::starts::StartTimes;

/// What is the same in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The start time.
    Same = 0,
    /// How far it is behind the sample before.
    Behind = 1,
    /// How far it is before its own sample.
    Before = 2,
}

use Rule::{Before, Behind, Same};

/// Samples from one on.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Number of its first sample.
    from: u16,
    /// Rules that hold for all of its samples so far.
    holds: u8,
    /// By rule, what is the same.
    numbers: [i64; 3],
}

/// See the module text. Without runs, no start time is said.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
    last: i64,
}

fn numbers(time: i64, before: Option<i64>, start: i64) -> [i64; 3] {
    [start, start.wrapping_sub(before.unwrap_or(start)), time.wrapping_sub(start)]
}

impl Run {
    fn new(from: usize, time: i64, before: Option<i64>, start: i64) -> Self {
        let holds = match (start, before) {
            (0, _) => 1 << Same as u8,
            (_, None) => 1 << Same as u8 | 1 << Before as u8,
            _ => 0b111,
        };
        Self { from: from as u16, holds, numbers: numbers(time, before, start) }
    }

    /// Takes one more sample, if a rule is left then.
    fn goes_on(&mut self, time: i64, before: Option<i64>, start: i64) -> bool {
        let others = numbers(time, before, start);
        let same = (0..3).filter(|&rule| self.numbers[rule] == others[rule]).fold(0, |all, rule| all | 1 << rule);
        let left = self.holds & same;
        if left != 0 {
            self.holds = left;
        }
        left != 0
    }

    fn rule(&self) -> Rule {
        [Same, Behind, Before].into_iter().find(|rule| self.holds & 1 << *rule as u8 != 0).unwrap_or(Same)
    }

    fn start(&self, time: i64, before: Option<i64>) -> i64 {
        let rule = self.rule();
        let number = self.numbers[rule as usize];
        match rule {
            Same => number,
            Behind => before.unwrap_or(0).wrapping_add(number),
            Before => time.wrapping_sub(number),
        }
    }
}

impl Runs {
    /// Of samples.
    pub fn of(times: &[i64], starts: &StartTimes) -> Self {
        let mut all = Self::default();
        if !starts.is_empty() {
            for (index, &time) in times.iter().enumerate() {
                all.push(index, time, index.checked_sub(1).map(|before| times[before]), starts.at(index));
            }
        }
        all
    }

    /// Is none said?
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Start time of the last sample.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }

    /// Adds the start time of sample number `index`; all samples before it were added. `before`: time of the one before.
    pub fn push(&mut self, index: usize, time: i64, before: Option<i64>, start: i64) {
        self.last = start;
        match self.runs.last_mut() {
            None if start == 0 => {}
            None => {
                if index > 0 {
                    self.begin(Run::new(0, 0, None, 0));
                }
                self.begin(Run::new(index, time, before, start));
            }
            Some(run) => {
                if !run.goes_on(time, before, start) {
                    self.begin(Run::new(index, time, before, start));
                }
            }
        }
    }

    fn begin(&mut self, run: Run) {
        if self.runs.len() == self.runs.capacity() {
            // Mostly there is one, of very many series.
            self.runs.reserve_exact(1 + self.runs.len() / 2);
        }
        self.runs.push(run);
    }

    /// Can a reader begin at a sample, without the time of the one before?
    pub fn stands_alone(&self, index: usize) -> bool {
        let run = self.runs.partition_point(|run| usize::from(run.from) <= index);
        run == 0 || self.runs[run - 1].rule() != Behind
    }

    /// Gives start times from one sample on.
    pub fn reader(&self, from: usize) -> Reader<'_> {
        let next = self.runs.partition_point(|run| usize::from(run.from) <= from);
        Reader { runs: &self.runs, next }
    }

    /// Adds those of the samples `within` to `into`, of which the first is `at` there.
    pub fn read(&self, times: &[i64], within: std::ops::Range<usize>, into: &mut StartTimes, at: usize) {
        if self.is_empty() {
            return;
        }
        let mut reader = self.reader(within.start);
        for (place, index) in within.enumerate() {
            into.set(at + place, reader.next(index, times[index], index.checked_sub(1).map(|before| times[before])));
        }
    }

    /// Appends them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::push(out, self.runs.len() as u64);
        let mut before = 0;
        for run in &self.runs {
            varint::push(out, u64::from(run.from - before) << 2 | run.rule() as u64);
            varint::push_signed(out, run.numbers[run.rule() as usize]);
            before = run.from;
        }
    }

    /// Takes those of `count` samples.
    pub fn decode(bytes: &mut &[u8], count: usize) -> Result<Self, Damaged> {
        let runs = varint::take_count(bytes, count)?;
        let mut all = Self { runs: Vec::with_capacity(runs), last: 0 };
        let mut from = 0u64;
        for index in 0..runs {
            let token = varint::take(bytes)?;
            from = from.saturating_add(token >> 2);
            let rule = (token & 3) as usize;
            let in_order = if index == 0 { from == 0 && rule != Behind as usize } else { token >> 2 > 0 };
            if rule > Before as usize || !in_order || from >= count as u64 {
                return Err(Damaged("its start times are in no order"));
            }
            let mut numbers = [0; 3];
            numbers[rule] = varint::take_signed(bytes)?;
            all.runs.push(Run { from: from as u16, holds: 1 << rule, numbers });
        }
        Ok(all)
    }
}

/// See `Runs::reader`.
pub struct Reader<'a> {
    runs: &'a [Run],
    next: usize,
}

impl Reader<'_> {
    /// Start time of a sample, which is not before the last one that was asked for; 0: not said.
    #[inline]
    pub fn next(&mut self, index: usize, time: i64, before: Option<i64>) -> i64 {
        while self.runs.get(self.next).is_some_and(|run| usize::from(run.from) <= index) {
            self.next += 1;
        }
        self.next.checked_sub(1).map_or(0, |run| self.runs[run].start(time, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::tests::{Dice, some_times};

    fn written(runs: &Runs, count: usize) -> (Vec<u8>, Runs) {
        let mut bytes = Vec::new();
        runs.encode(&mut bytes);
        let mut rest = &bytes[..];
        let back = Runs::decode(&mut rest, count).unwrap();
        assert!(rest.is_empty());
        (bytes, back)
    }

    #[test]
    fn they_come_back_from_any_sample_on() {
        let mut dice = Dice(21);
        for _ in 0..300 {
            let count = 1 + dice.below(200) as usize;
            let times = some_times(&mut dice, count);
            let mut kind = 0;
            let starts: StartTimes = (0..count)
                .map(|index| {
                    if dice.below(20) == 0 {
                        kind = dice.below(5);
                    }
                    match kind {
                        0 => 0,
                        1 => 1_700_000_000_000,
                        2 if index > 0 => times[index - 1] + 1,
                        3 => times[index].wrapping_sub(15_000),
                        _ => dice.next() as i64,
                    }
                })
                .collect();
            let runs = Runs::of(&times, &starts);
            let (_, back) = written(&runs, count);
            for one in [&runs, &back] {
                let from = dice.below(count as u64) as usize;
                let mut read = StartTimes::default();
                one.read(&times, from..count, &mut read, 0);
                assert!((from..count).all(|index| read.at(index - from) == starts.at(index)));
            }
        }
    }

    #[test]
    fn what_is_usual_takes_nothing_a_sample() {
        let times = some_times(&mut Dice(2), 480);
        let size = |start: &dyn Fn(usize) -> i64| {
            let starts = (0..480).map(start).collect();
            written(&Runs::of(&times, &starts), 480).0.len()
        };
        assert_eq!(size(&|_| 0), 1);
        assert!(size(&|_| 1_700_000_000_000) < 10);
        assert!(size(&|index| if index == 0 { times[0] - 9_999 } else { times[index - 1] }) < 14);
        assert!(size(&|index| times[index] - 60_000) < 10);
    }

    #[test]
    fn runs_that_are_none_are_refused() {
        for bytes in [&[5][..], &[1, 4, 0], &[1, 1, 0], &[1, 3, 0], &[2, 0, 0, 0, 0], &[2, 0, 0, 200, 1, 0], &[1, 0]] {
            assert!(Runs::decode(&mut &bytes[..], 4).is_err(), "{bytes:?}");
        }
    }
}
