//! Messages of the forward protocol.

use super::HEAVY;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// What messages are made of.
pub const TOKENS: &[&[u8]] = &[
    b"\x92\xa1t",
    b"\x93\xa1t",
    b"\x92\xd7\x00\x6a\x00\x00\x00\x00\x00\x00\x01",
    b"\x81\xa3log\xa1x",
    b"\x81\xa5chunk\xa2id",
    b"\x81\xaacompressed\xa4gzip",
    b"\x81\xaacompressed\xa4zstd",
    b"\xaakubernetes\x82\xa8pod_name\xa1p\xa6labels\x81\xa3app\xa1s",
    b"\xa4time\xce\x6a\x00\x00\x00",
    b"\xa5level\xa4warn",
    b"\xc0",
    b"\xc1",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\x00\x00\x00\x01",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\x00\x00\x00\x04",
    b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xa2\xff\xfe",
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

fn bin(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc6];
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
    out
}

/// Every mode.
pub fn small() -> Vec<Vec<u8>> {
    let entry = b"\x92\xd7\x00\x6a\x00\x00\x00\x00\x00\x00\x01\x82\xa3log\xa3one\xa1a\x81\xa1b\x92\xc3\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00";
    let pod = b"\x92\x05\x81\xaakubernetes\x82\xa8pod_name\xa1p\xa6labels\x81\xa3app\xa1s";
    vec![
        [&b"\x93\xa1t"[..], &entry[1..]].concat(),
        [&b"\x92\xa1t\x92"[..], entry, pod].concat(),
        [&b"\x93\xa1t"[..], &bin(&[&entry[..], pod].concat()), b"\x81\xa5chunk\xa2id"].concat(),
        [&b"\x93\xa1t"[..], &bin(&gzip(entry)), b"\x82\xa5chunk\xa2id\xaacompressed\xa4gzip"].concat(),
        b"\x93\xa1t\x92\xd7\x00\x6a\x00\x00\x00\x00\x00\x00\x01\x81\xa1m\x01\x81\xa1a\x01".to_vec(),
        b"\xc0\x93\xa1t\x05\x81\xa4time\xb42026-01-01T00:00:00Z".to_vec(),
    ]
}

/// Many records, deep values, compressed nothing.
pub fn heavy() -> Vec<Vec<u8>> {
    let many = |piece: &[u8]| piece.repeat(HEAVY / piece.len());
    vec![
        many(b"\x93\xa1t\x05\x80"),
        many(b"\xc0"),
        [&b"\x92\xa1t"[..], &bin(&many(b"\x92\x05\x80"))].concat(),
        [&b"\x92\xa1t"[..], &bin(&many(b"\x92\x05\x07"))].concat(),
        [&b"\x93\xa1t\x05\x81\xa1a"[..], &many(b"\x91"), b"\x01"].concat(),
        [&b"\x93\xa1t\x05\x81\xa1a\xdd\x00\x80\x00\x00"[..], &vec![0xc0; 0x80_0000]].concat(),
        [&b"\x93\xa1t\x05\x81\xa1a"[..], &bin(&vec![1; HEAVY])].concat(),
        [&b"\x93\xa1t"[..], &bin(&gzip(&vec![0x80; 64 << 20])), b"\x81\xaacompressed\xa4gzip"].concat(),
    ]
}
