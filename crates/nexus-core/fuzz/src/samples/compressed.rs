//! Bodies under the encodings that are undone.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;

/// No heavy inputs: small ones reach the limit.
pub fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// What is inside: nothing, a line, random bytes, text, a bomb.
fn contents() -> Vec<Vec<u8>> {
    let noise = (0..3000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let text = (0..300).map(|i| format!("{{\"n\":{i},\"message\":\"line {}\"}}\n", i * i)).collect::<String>();
    vec![Vec::new(), b"{\"a\":1}\n".to_vec(), noise, text.into_bytes(), vec![0; 8 << 20]]
}

fn each(encode: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    contents().iter().map(|content| encode(content)).collect()
}

/// gzip, of one and of two members.
pub fn gzip() -> Vec<Vec<u8>> {
    let encode = |content: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    };
    let mut all = each(encode);
    all.push(all[1..3].concat());
    all
}

/// zlib and bare deflate.
pub fn deflate() -> Vec<Vec<u8>> {
    let mut all = each(|content| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    });
    all.extend(each(|content| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }));
    all
}

/// Zstandard, of one and of two frames.
pub fn zstd() -> Vec<Vec<u8>> {
    let mut all = each(|content| zstd::encode_all(content, 3).expect("memory takes all"));
    all.push(all[1..3].concat());
    all
}

/// Snappy blocks and frames.
pub fn snappy() -> Vec<Vec<u8>> {
    let mut all = each(|content| snap::raw::Encoder::new().compress_vec(content).expect("contents are small"));
    all.extend(each(|content| {
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(content).expect("memory takes all");
        encoder.into_inner().expect("memory takes all")
    }));
    all
}
