//! Numbers through `pco` (quantile bins and asymmetric numeral systems), without the frame of its files. Bins of deltas are
//! where it beats plain packing: it comes near the entropy of the numbers.

use super::{Damaged, Scratch};
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

/// Packs numbers as they are: no deltas, no search for a mode.
pub fn plain<T: Number>(numbers: &[T], out: &mut Vec<u8>) {
    let config = ChunkConfig::default()
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp)
        .with_paging_spec(PagingSpec::Exact(vec![numbers.len()]));
    encode(numbers, &config, out);
}

/// Packs numbers, with the mode and deltas that `pco` finds best.
pub fn searched<T: Number>(numbers: &[T], out: &mut Vec<u8>) {
    encode(numbers, &ChunkConfig::default().with_paging_spec(PagingSpec::Exact(vec![numbers.len()])), out);
}

fn encode<T: Number>(numbers: &[T], config: &ChunkConfig, out: &mut Vec<u8>) {
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(numbers, config).expect("the configuration is right");
    file.write_header(&mut *out).expect("memory takes it");
    chunk.write_meta(&mut *out).expect("memory takes it");
    chunk.write_page(0, &mut *out).expect("memory takes it");
}

/// Unpacks `count` numbers to the end of `out`.
pub fn decode<T: Number + Default>(bytes: &[u8], count: usize, out: &mut Vec<T>) -> Result<(), Damaged> {
    let wrong = |_| Damaged("its numbers cannot be read");
    let (file, rest) = FileDecompressor::new(bytes).map_err(wrong)?;
    let (mut chunk, rest) = file.chunk_decompressor::<T, _>(rest).map_err(wrong)?;
    let mut page = chunk.page_decompressor(rest, count).map_err(wrong)?;
    let start = out.len();
    out.resize(start + count, T::default());
    let progress = page.read(&mut out[start..]).map_err(wrong)?;
    if progress.n_processed == count { Ok(()) } else { Err(Damaged("it has too few numbers")) }
}

/// Unpacks offsets of a size in bytes, adding `base`, to the end of `out`.
pub fn decode_offsets(
    bytes: &[u8],
    count: usize,
    size: u8,
    base: i64,
    out: &mut Vec<i64>,
    (words, shorts): (&mut Vec<u32>, &mut Vec<u16>),
) -> Result<(), Damaged> {
    match size {
        2 => {
            shorts.clear();
            decode(bytes, count, shorts)?;
            out.extend(shorts.iter().map(|&offset| base.wrapping_add(i64::from(offset))));
        }
        4 => {
            words.clear();
            decode(bytes, count, words)?;
            out.extend(words.iter().map(|&offset| base.wrapping_add(i64::from(offset))));
        }
        _ => {
            let start = out.len();
            decode(bytes, count, out)?;
            out[start..].iter_mut().for_each(|number| *number = number.wrapping_add(base));
        }
    }
    Ok(())
}

/// Buffers of `decode_offsets`.
pub fn buffers(scratch: &mut Scratch) -> (&mut Vec<u32>, &mut Vec<u16>) {
    (&mut scratch.words, &mut scratch.shorts)
}
