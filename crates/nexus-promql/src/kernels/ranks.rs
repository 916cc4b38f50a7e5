//! Order of the samples of a window that slides over a series: the series is sorted once, a window is the set of the places
//! its samples have there, a bit for each. A sample enters or leaves by its bit; which one is at a place of the window's own
//! order is found by counting bits.

use super::statistics::nan_first;

/// Words that are counted together.
const WORDS: usize = 32;

/// See the module text. Memory is used again from series to series.
#[derive(Debug, Default)]
pub struct Ranks {
    sorted: Vec<f64>,
    /// Place of each sample in `sorted`.
    places: Vec<u32>,
    order: Vec<u32>,
    bits: Vec<u64>,
    /// Bits of `WORDS` words each.
    counts: Vec<u32>,
}

impl Ranks {
    /// Begins with a series; the window is empty.
    pub fn begin(&mut self, values: &[f64]) {
        self.order.clear();
        self.order.extend(0..values.len() as u32);
        self.order.sort_unstable_by(|one, other| {
            nan_first(&values[*one as usize], &values[*other as usize]).then(one.cmp(other))
        });
        self.sorted.clear();
        self.sorted.extend(self.order.iter().map(|&sample| values[sample as usize]));
        self.places.clear();
        self.places.resize(values.len(), 0);
        for (place, &sample) in self.order.iter().enumerate() {
            self.places[sample as usize] = place as u32;
        }
        self.bits.clear();
        self.bits.resize(values.len().div_ceil(64).next_multiple_of(WORDS), 0);
        self.counts.clear();
        self.counts.resize(self.bits.len() / WORDS, 0);
    }

    /// A sample enters the window.
    #[inline]
    pub fn enter(&mut self, sample: usize) {
        let place = self.places[sample] as usize;
        self.bits[place / 64] |= 1 << (place % 64);
        self.counts[place / 64 / WORDS] += 1;
    }

    /// A sample leaves the window, in which it was.
    #[inline]
    pub fn leave(&mut self, sample: usize) {
        let place = self.places[sample] as usize;
        self.bits[place / 64] &= !(1 << (place % 64));
        self.counts[place / 64 / WORDS] -= 1;
    }

    /// The value at a place of the window's order (from 0; it has as many), and the next one, or itself again if it is the last.
    pub fn at(&self, place: usize) -> (f64, f64) {
        let mut left = place as u32;
        let mut block = 0;
        while left >= self.counts[block] {
            left -= self.counts[block];
            block += 1;
        }
        let mut word = block * WORDS;
        while left >= self.bits[word].count_ones() {
            left -= self.bits[word].count_ones();
            word += 1;
        }
        let mut bits = self.bits[word];
        for _ in 0..left {
            bits &= bits - 1;
        }
        let value = self.sorted[word * 64 + bits.trailing_zeros() as usize];
        bits &= bits - 1;
        while bits == 0 {
            word += 1;
            match self.bits.get(word) {
                Some(&next) => bits = next,
                None => return (value, value),
            }
        }
        (value, self.sorted[word * 64 + bits.trailing_zeros() as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_a_sorted_window() {
        let mut state = 77_u64;
        let mut dice = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 40
        };
        let values: Vec<f64> =
            (0..9000).map(|_| if dice() % 50 == 0 { f64::NAN } else { (dice() % 3000) as f64 }).collect();
        let mut ranks = Ranks::default();
        ranks.begin(&values);
        for width in [1, 2, 700, 5000] {
            (0..width).for_each(|sample| ranks.enter(sample));
            for from in (0..values.len() - width).step_by(1 + width / 3) {
                let mut window = values[from..from + width].to_vec();
                window.sort_by(nan_first);
                for place in [0, width / 2, width - 1] {
                    let wanted = (window[place], window[(place + 1).min(width - 1)]);
                    assert_eq!(format!("{:?}", ranks.at(place)), format!("{wanted:?}"));
                }
                for step in 0..(1 + width / 3).min(values.len() - width - from) {
                    ranks.leave(from + step);
                    ranks.enter(from + step + width);
                }
            }
            ranks.begin(&values);
        }
    }
}
