//! Native histograms: what they have in common once, then a column for each of their numbers.
//!
//! Layouts (schema, zero threshold, hint, spans, bounds) in the order of their first use, which layout each sample has, zero
//! counts, counts, sums, and the counts of buckets, bucket by bucket over runs of samples of one layout. Columns have their
//! length in bytes in front.

use super::{Damaged, MAX_SAMPLES, Scratch, floats, ints, varint};
use nexus_series::histogram::{Histogram, ResetHint, Span};

/// Most buckets of a histogram that is read, positive and negative together.
pub const MAX_BUCKETS: usize = 1 << 16;
/// Most bucket counts, spans and bounds of a chunk.
pub const MAX_COUNTS: usize = 1 << 20;

#[derive(Clone, PartialEq)]
struct Layout {
    schema: i32,
    zero_threshold: u64,
    hint: ResetHint,
    positive: Vec<Span>,
    negative: Vec<Span>,
    bounds: Vec<u64>,
}

impl Layout {
    fn of(histogram: &Histogram) -> Self {
        Self {
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold.to_bits(),
            hint: histogram.hint,
            positive: histogram.positive_spans.clone(),
            negative: histogram.negative_spans.clone(),
            bounds: histogram.custom_values.iter().map(|bound| bound.to_bits()).collect(),
        }
    }

    /// Of a histogram whose counts are as many as its spans say.
    fn counts(&self) -> (usize, usize) {
        let sum = |spans: &[Span]| spans.iter().map(|span| span.length as usize).sum();
        (sum(&self.positive), sum(&self.negative))
    }
}

/// Do the counts of a histogram fit its spans, and the limits of a chunk?
pub fn is_sound(histogram: &Histogram) -> bool {
    let sum = |spans: &[Span]| spans.iter().map(|span| span.length as usize).sum::<usize>();
    sum(&histogram.positive_spans) == histogram.positive.len()
        && sum(&histogram.negative_spans) == histogram.negative.len()
        && histogram.positive.len() + histogram.negative.len() <= MAX_BUCKETS
        && histogram.positive_spans.len() + histogram.negative_spans.len() <= MAX_BUCKETS
        && histogram.custom_values.len() <= MAX_BUCKETS
}

/// What a histogram adds to what a chunk may hold (`MAX_COUNTS`).
pub fn weight(histogram: &Histogram) -> usize {
    histogram.positive.len()
        + histogram.negative.len()
        + histogram.positive_spans.len()
        + histogram.negative_spans.len()
        + histogram.custom_values.len()
}

/// Packs sound histograms (`is_sound`).
pub fn encode(histograms: &[&Histogram], out: &mut Vec<u8>) {
    let mut layouts: Vec<Layout> = Vec::new();
    let mut which = Vec::with_capacity(histograms.len());
    for histogram in histograms {
        let layout = Layout::of(histogram);
        let number = layouts.iter().rposition(|known| *known == layout).unwrap_or_else(|| {
            layouts.push(layout);
            layouts.len() - 1
        });
        which.push(number as i64);
    }
    varint::push(out, layouts.len() as u64);
    for layout in &layouts {
        varint::push_signed(out, i64::from(layout.schema));
        out.extend_from_slice(&layout.zero_threshold.to_le_bytes());
        out.push(layout.hint as u8);
        for spans in [&layout.positive, &layout.negative] {
            varint::push(out, spans.len() as u64);
            for span in spans {
                varint::push_signed(out, i64::from(span.offset));
                varint::push(out, u64::from(span.length));
            }
        }
        varint::push(out, layout.bounds.len() as u64);
        for bound in &layout.bounds {
            out.extend_from_slice(&bound.to_le_bytes());
        }
    }
    let mut column = Vec::new();
    ints::encode(&which, &mut column);
    push_column(&column, out);
    let fields: [fn(&Histogram) -> f64; 3] = [|one| one.zero_count, |one| one.count, |one| one.sum];
    for field in fields {
        push_floats(&histograms.iter().map(|one| field(one)).collect::<Vec<_>>(), out);
    }
    let mut start = 0;
    let mut counts = Vec::new();
    while start < histograms.len() {
        let end = run_end(&which, start);
        let (positive, negative) = layouts[which[start] as usize].counts();
        let run = &histograms[start..end];
        (0..positive).for_each(|bucket| counts.extend(run.iter().map(|one| one.positive[bucket])));
        (0..negative).for_each(|bucket| counts.extend(run.iter().map(|one| one.negative[bucket])));
        start = end;
    }
    if !counts.is_empty() {
        push_floats(&counts, out);
    }
}

fn run_end(which: &[i64], start: usize) -> usize {
    start + which[start..].iter().take_while(|&&number| number == which[start]).count()
}

fn push_column(column: &[u8], out: &mut Vec<u8>) {
    varint::push(out, column.len() as u64);
    out.extend_from_slice(column);
}

fn push_floats(values: &[f64], out: &mut Vec<u8>) {
    let mut column = Vec::new();
    floats::encode(values, &mut column);
    push_column(&column, out);
}

fn take_column<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let length = varint::take_count(bytes, bytes.len())?;
    varint::take_bytes(bytes, length)
}

fn take_bits(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    Ok(u64::from_le_bytes(varint::take_bytes(bytes, 8)?.try_into().expect("eight bytes")))
}

fn take_spans(bytes: &mut &[u8]) -> Result<Vec<Span>, Damaged> {
    let count = varint::take_count(bytes, MAX_BUCKETS.min(bytes.len()))?;
    let mut buckets = 0;
    (0..count)
        .map(|_| {
            let offset = varint::take_signed(bytes)?.try_into().map_err(|_| Damaged("a span is too far"))?;
            let length = varint::take_count(bytes, MAX_BUCKETS)?;
            buckets += length;
            if buckets > MAX_BUCKETS {
                return Err(Damaged("it has too many buckets"));
            }
            Ok(Span { offset, length: length as u32 })
        })
        .collect()
}

fn take_layout(bytes: &mut &[u8]) -> Result<Layout, Damaged> {
    let schema = varint::take_signed(bytes)?.try_into().map_err(|_| Damaged("its schema is not known"))?;
    let zero_threshold = take_bits(bytes)?;
    let hint = match varint::take_bytes(bytes, 1)?[0] {
        0 => ResetHint::Unknown,
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => return Err(Damaged("its hint is not known")),
    };
    let (positive, negative) = (take_spans(bytes)?, take_spans(bytes)?);
    let bounds = varint::take_count(bytes, MAX_BUCKETS.min(bytes.len() / 8 + 1))?;
    let bounds = (0..bounds).map(|_| take_bits(bytes)).collect::<Result<_, _>>()?;
    Ok(Layout { schema, zero_threshold, hint, positive, negative, bounds })
}

fn take_floats(bytes: &mut &[u8], count: usize, scratch: &mut Scratch) -> Result<Vec<f64>, Damaged> {
    let mut values = Vec::new();
    if count > 0 {
        floats::decode(take_column(bytes)?, count, &mut values, scratch)?;
    }
    Ok(values)
}

/// Unpacks `count` histograms.
pub fn decode(mut bytes: &[u8], count: usize, scratch: &mut Scratch) -> Result<Vec<Histogram>, Damaged> {
    let layouts = varint::take_count(&mut bytes, count.min(MAX_SAMPLES))?;
    let layouts: Vec<Layout> = (0..layouts).map(|_| take_layout(&mut bytes)).collect::<Result<_, _>>()?;
    ints::decode_scratch(&mut take_column(&mut bytes)?, count, scratch)?;
    let which = scratch.ints.clone();
    let layout_of = |number: i64| {
        usize::try_from(number).ok().and_then(|number| layouts.get(number)).ok_or(Damaged("a layout is not there"))
    };
    let zero_counts = take_floats(&mut bytes, count, scratch)?;
    let all = take_floats(&mut bytes, count, scratch)?;
    let sums = take_floats(&mut bytes, count, scratch)?;
    let (mut total, mut others) = (0, 0);
    for &number in &which {
        let layout = layout_of(number)?;
        let (positive, negative) = layout.counts();
        total += positive + negative;
        others += layout.positive.len() + layout.negative.len() + layout.bounds.len();
        if total + others > MAX_COUNTS {
            return Err(Damaged("it has too many buckets"));
        }
    }
    let counts = take_floats(&mut bytes, total, scratch)?;
    let mut histograms = Vec::with_capacity(count);
    let (mut start, mut read) = (0, 0);
    while start < count {
        let end = run_end(&which, start);
        let layout = layout_of(which[start])?;
        let (positive, negative) = layout.counts();
        for sample in start..end {
            let mut bucket = |number: usize| counts[read + number * (end - start) + sample - start];
            histograms.push(Histogram {
                schema: layout.schema,
                zero_threshold: f64::from_bits(layout.zero_threshold),
                zero_count: zero_counts[sample],
                count: all[sample],
                sum: sums[sample],
                positive: (0..positive).map(&mut bucket).collect(),
                negative: (positive..positive + negative).map(&mut bucket).collect(),
                positive_spans: layout.positive.clone(),
                negative_spans: layout.negative.clone(),
                custom_values: layout.bounds.iter().map(|&bound| f64::from_bits(bound)).collect(),
                hint: layout.hint,
            });
        }
        read += (positive + negative) * (end - start);
        start = end;
    }
    Ok(histograms)
}
