//! Windows of rollups (`nexus_promql::rolled`) as chunks: the times are their ends, the values all columns.
//!
//! Body of the values: length of the windows (ms, varint), then for each column a byte, the number of an equal column before it
//! or `OWN`, and with `OWN` its size (varint) and the floats. A counter has its least value in the column of the first one.

use super::header::{self, Kind, ValuesHeader};
use super::starts::Runs;
use super::{Chunk, Damaged, Scratch, floats, times, varint};
pub use nexus_promql::rolled::{ALL, COLUMNS, Rolled};

const OWN: u8 = 255;

/// Packs windows, all columns of which are there.
pub fn encode(rolled: &Rolled, length: i64, sequence: u64) -> Chunk {
    let count = rolled.ends.len();
    debug_assert!(count > 0 && count <= super::MAX_SAMPLES && rolled.columns.iter().all(|one| one.len() == count));
    let mut body = Vec::with_capacity(256);
    varint::push(&mut body, length as u64);
    let mut packed = Vec::new();
    for (number, column) in rolled.columns.iter().enumerate() {
        let equal = |other: &Vec<f64>| other.iter().zip(column).all(|(a, b)| a.to_bits() == b.to_bits());
        if let Some(other) = rolled.columns[..number].iter().position(equal) {
            body.push(other as u8);
            continue;
        }
        packed.clear();
        floats::encode(column, &mut packed);
        body.push(OWN);
        varint::push(&mut body, packed.len() as u64);
        body.extend_from_slice(&packed);
    }
    Chunk {
        times: times::encode(&rolled.ends),
        values: header::seal_values(ValuesHeader { kind: Kind::Windows, count, sequence }, &Runs::default(), &body),
    }
}

/// What stands for the windows of a series that has histograms, of which there are none.
pub fn encode_none(end: i64, sequence: u64) -> Chunk {
    Chunk {
        times: times::encode(&[end]),
        values: header::seal_values(ValuesHeader { kind: Kind::NoWindows, count: 1, sequence }, &Runs::default(), &[]),
    }
}

/// Unpacks the columns that are wanted (bits) behind those that are in `into`; answers with the length and number of windows.
pub fn decode(
    blob: &[u8],
    wanted: u16,
    into: &mut [Vec<f64>; COLUMNS],
    scratch: &mut Scratch,
) -> Result<(i64, usize), Damaged> {
    let (head, _, mut body) = header::open_values(blob)?;
    if head.kind != Kind::Windows {
        return Err(Damaged("it holds no windows"));
    }
    let length = i64::try_from(varint::take(&mut body)?).ok().filter(|length| (1..=86_400_000).contains(length));
    let length = length.ok_or(Damaged("its windows have no length"))?;
    let mut blobs: [&[u8]; COLUMNS] = Default::default();
    for number in 0..COLUMNS {
        blobs[number] = match varint::take_bytes(&mut body, 1)?[0] {
            OWN => {
                let most = body.len();
                let size = varint::take_count(&mut body, most)?;
                varint::take_bytes(&mut body, size)?
            }
            other if usize::from(other) < number => blobs[usize::from(other)],
            _ => return Err(Damaged("a column is not known")),
        };
        if wanted & 1 << number != 0 {
            floats::decode(blobs[number], head.count, &mut into[number], scratch)?;
        }
    }
    Ok((length, head.count))
}

#[cfg(test)]
mod tests {
    use super::super::{decode_times, decode_values, encode_floats};
    use super::*;
    use nexus_promql::source::Samples;
    use nexus_series::starts::StartTimes;

    fn rolled() -> Rolled {
        let timestamps: Vec<i64> = (0..2000).map(|at| at * 15_000 + at % 3).collect();
        let values = timestamps.iter().map(|time| (time % 7_000) as f64 / 100.0).collect();
        let mut rolled = Rolled::default();
        rolled.roll(&Samples { timestamps, values, ..Samples::default() }, 300_000);
        rolled
    }

    #[test]
    fn all_columns_come_back() {
        let rolled = rolled();
        let chunk = encode(&rolled, 300_000, 7);
        let head = ValuesHeader::read(&chunk.values).unwrap();
        assert_eq!((head.kind, head.count, head.sequence), (Kind::Windows, rolled.ends.len(), 7));
        let (mut ends, mut scratch) = (Vec::new(), Scratch::default());
        decode_times(&chunk.times, &mut ends, &mut scratch).unwrap();
        assert_eq!(ends, rolled.ends);
        let mut columns: [Vec<f64>; COLUMNS] = Default::default();
        assert_eq!(decode(&chunk.values, ALL, &mut columns, &mut scratch).unwrap(), (300_000, ends.len()));
        assert_eq!(columns, rolled.columns);
        let mut one: [Vec<f64>; COLUMNS] = Default::default();
        decode(&chunk.values, 1 << 5, &mut one, &mut scratch).unwrap();
        assert!(one[5] == rolled.columns[5] && one[4].is_empty() && one[6].is_empty());
    }

    #[test]
    fn windows_are_no_samples_and_samples_no_windows() {
        let (mut floats, mut scratch) = (Vec::new(), Scratch::default());
        let mut columns: [Vec<f64>; COLUMNS] = Default::default();
        for blob in [encode(&rolled(), 300_000, 7).values, encode_none(300_000, 7).values] {
            assert!(decode_values(&blob, &mut floats, &mut scratch).is_err());
        }
        for blob in [encode_floats(&[1], &[1.0], &StartTimes::default(), 1).values, encode_none(300_000, 7).values] {
            assert!(decode(&blob, ALL, &mut columns, &mut scratch).is_err());
        }
    }

    #[test]
    fn damage_is_an_error() {
        let whole = encode(&rolled(), 300_000, 7).values;
        let mut columns: [Vec<f64>; COLUMNS] = Default::default();
        for at in 5..whole.len() {
            let mut blob = whole[..at].to_vec();
            header::sign_again(&mut blob);
            assert!(decode(&blob, ALL, &mut columns, &mut Scratch::default()).is_err(), "{at}");
        }
    }
}
